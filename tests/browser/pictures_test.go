package browser_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// pictures names the folder that the pictures of the docs are written to; empty: none are.
const pictures = "MKSYNC_TEST_PICTURES"

// mostPictures is how many bytes they may have together: they are in the repository.
const mostPictures = 150_000

// TestPictures makes the pictures that the docs show.
func TestPictures(t *testing.T) {
	dir := os.Getenv(pictures)
	if dir == "" {
		t.Skip(pictures + " names no folder for the pictures")
	}
	b := newTab(t)
	b.look("sl", "light", 1100)
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 1100, Height: 760, DeviceScaleFactor: 1})
	b.signIn(stage.token)

	total := 0
	shoot := func(name string) {
		picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		small := fewColours(t, picture)
		total += len(small)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "console-"+name+".png"), small, 0o600))
	}
	b.open("waiting")
	shoot("waiting")
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-row] a").click(); null`))
	b.until(`document.querySelector("#fields")`, "the contact's page is not there")
	shoot("contact")
	require.LessOrEqual(t, total, mostPictures)
}

// fewColours is a picture with the colours alone that most of it has: a page has few.
func fewColours(t *testing.T, picture []byte) []byte {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(picture))
	require.NoError(t, err)
	counts := map[color.Color]int{}
	all := full.Bounds()
	for y := all.Min.Y; y < all.Max.Y; y++ {
		for x := all.Min.X; x < all.Max.X; x++ {
			counts[full.At(x, y)]++
		}
	}

	var palette color.Palette
	for c := range counts {
		palette = append(palette, c)
	}
	slices.SortFunc(palette, func(a, b color.Color) int { return counts[b] - counts[a] })
	palette = palette[:min(len(palette), 192)]

	few := image.NewPaletted(all, palette)
	nearest := map[color.Color]uint8{}
	for y := all.Min.Y; y < all.Max.Y; y++ {
		for x := all.Min.X; x < all.Max.X; x++ {
			c := full.At(x, y)
			i, known := nearest[c]
			if !known {
				i = uint8(palette.Index(c))
				nearest[c] = i
			}
			few.SetColorIndex(x, y, i)
		}
	}
	var small bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, few))
	return small.Bytes()
}
