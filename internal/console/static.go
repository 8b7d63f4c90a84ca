package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var staticFiles embed.FS

// files are the script, the style sheet and the icon, by the name that they are asked for
// by: it holds a sum of what is in them, so that a browser may keep them for ever.
type files struct {
	content map[string][]byte
	names   map[string]string // app.css -> app.0123456789ab.css
}

func loadFiles() files {
	f := files{map[string][]byte{}, map[string]string{}}
	names, _ := fs.Glob(staticFiles, "static/*")
	for _, file := range names {
		text, _ := staticFiles.ReadFile(file)
		sum := sha256.Sum256(text)
		plain, ext := path.Base(file), path.Ext(file)
		name := strings.TrimSuffix(plain, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		f.content[name] = text
		f.names[plain] = name
	}
	return f
}

// address is where a file is asked for.
func (f files) address(plain string) (string, error) {
	name, known := f.names[plain]
	if !known {
		return "", fmt.Errorf("there is no file %s", plain)
	}
	return root + "static/" + name, nil
}

// static serves one file.
func (c *Console) static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	text, known := c.files.content[name]
	if !known {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(text))
}
