package terminal

import (
	"bytes"
	"io"
	"strings"

	"golang.org/x/term"
)

// Orders to a terminal.
const (
	clearScreen = "\x1b[2J"
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
	hideCursor  = "\x1b[?25l"
	showCursor  = "\x1b[?25h"
)

// BeginRedraws readies a terminal for Redraw; end gives it back.
func (s *Screen) BeginRedraws() (end func()) {
	_, _ = io.WriteString(s.raw, hideCursor+clearScreen)
	return func() { _, _ = io.WriteString(s.raw, showCursor) }
}

// Redraw writes a sheet over the one before, as much of it as the terminal has
// lines for.
func (s *Screen) Redraw(pairs []Pair) error {
	var text bytes.Buffer
	picture := &Screen{raw: &text, file: s.file, environ: s.environ}
	if err := picture.Sheet(pairs); err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	if _, rows, err := term.GetSize(int(s.file.Fd())); err == nil && rows > 1 && len(lines) >= rows {
		lines = append(lines[:rows-2], "…")
	}
	_, err := io.WriteString(s.raw, toTop+strings.Join(lines, clearLine+"\n")+clearLine+"\n"+clearBelow)
	return err
}

const (
	mostBar  = 30 // columns of the bar
	leastBar = 5
)

// Progress writes over the line before: how many of all are done, 0 of 0 where
// nobody knows. The bar takes what the text leaves.
func (s *Screen) Progress(text string, done, all int) {
	room := s.Columns() - 1
	text = Cut(OneLine(text), room)
	if width := min(room-Width(text)-len("[] "), mostBar); all > 0 && width >= leastBar {
		full := width * min(done, all) / all
		text = "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "] " + text
	}
	_, _ = io.WriteString(s.raw, "\r"+text+clearLine)
}

// EndProgress takes the line of Progress away.
func (s *Screen) EndProgress() { _, _ = io.WriteString(s.raw, "\r"+clearLine) }
