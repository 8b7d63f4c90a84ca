package browser_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// pictures names the folder that the pictures of the docs are written to; empty: none are.
const pictures = "MKSYNC_TEST_PICTURES"

// TestPictures makes the pictures that the docs show.
func TestPictures(t *testing.T) {
	dir := os.Getenv(pictures)
	if dir == "" {
		t.Skip(pictures + " names no folder for the pictures")
	}
	b := newTab(t)
	b.look("sl", "light", 1280)
	b.signIn(desk.token)
	for name, page := range map[string]string{"waiting": "waiting"} {
		b.open(page)
		picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "console-"+name+".png"), picture, 0o600))
	}
}
