package support

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Part is one file of an archive. Make's error stands in the file where it could not be had.
type Part struct {
	Name, About string
	Make        func(ctx context.Context, c *Cleaner) ([]byte, error)
}

// partWithin bounds how long one part may take.
const partWithin = 90 * time.Second

// Lacking is a part that could not be had, and why.
type Lacking struct{ Name, Why string }

// Write writes an archive of the parts to w, with a README that says what is in it and how it
// was cleaned. folder is what everything in it is in.
func Write(ctx context.Context, w io.Writer, folder string, c *Cleaner, now time.Time, parts []Part) (lacking []Lacking, err error) {
	zipped := gzip.NewWriter(w)
	files := tar.NewWriter(zipped)
	add := func(name string, text []byte) error {
		h := &tar.Header{Name: folder + "/" + name, Mode: 0o600, Size: int64(len(text)), ModTime: now, Typeflag: tar.TypeReg}
		if err := files.WriteHeader(h); err != nil {
			return err
		}
		_, err := files.Write(text)
		return err
	}

	readme := strings.Builder{}
	readme.WriteString(readmeHead)
	for _, p := range parts {
		text, err := p.make(ctx, c)
		if ctx.Err() != nil {
			return lacking, ctx.Err()
		}
		if err != nil {
			why := c.Text(err.Error())
			lacking = append(lacking, Lacking{p.Name, why})
			text = []byte("this could not be had: " + why + "\n")
		}
		fmt.Fprintf(&readme, "- %s: %s\n", p.Name, p.About)
		if err := add(p.Name, text); err != nil {
			return lacking, fmt.Errorf("write %s: %w", p.Name, err)
		}
	}

	for _, l := range lacking {
		fmt.Fprintf(&readme, "\n%s could not be had: %s\n", l.Name, l.Why)
	}
	if err := add("README.md", []byte(readme.String())); err != nil {
		return lacking, fmt.Errorf("write README.md: %w", err)
	}
	if err := files.Close(); err != nil {
		return lacking, fmt.Errorf("end archive: %w", err)
	}
	return lacking, zipped.Close()
}

func (p Part) make(ctx context.Context, c *Cleaner) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, partWithin)
	defer cancel()
	return p.Make(ctx, c)
}

const readmeHead = `# What is in this archive

It was made by ` + "`mksync support`" + ` for a report of a fault. Secrets are left out: keys, passwords and tokens, also
those in addresses. Whatever is not one of mksync's own words, and every long number, is replaced by a hash that begins
with "~": names, e-mails, phones, tax numbers, ids of contacts and partners, hosts. The same value has the same hash
within this archive, and another one in every other: the key of the hashes is not kept. Look through it all the same
before you send it.

`
