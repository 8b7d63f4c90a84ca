// Package terminal is how things are printed: tables, sheets and progress that fit
// the terminal, and texts that cannot command it.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// Screen is where a command prints. What is written to it comes out clean: no
// contact's name can move the cursor or colour the lines that follow. Colours and
// bars go to Raw.
type Screen struct {
	raw     io.Writer
	file    *os.File // nil: no terminal
	environ []string
}

// New prints to w; environ has COLUMNS and NO_COLOR.
func New(w io.Writer, environ []string) *Screen {
	if s, ok := w.(*Screen); ok {
		return s
	}
	s := &Screen{raw: w, environ: environ}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		s.file = file
	}
	return s
}

// Write implements io.Writer.
func (s *Screen) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.raw, Clean(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Raw is where what is clean already, or painted, is written.
func (s *Screen) Raw() io.Writer { return s.raw }

// IsTerminal reports whether a person looks at it.
func (s *Screen) IsTerminal() bool { return s.file != nil }

// UsualColumns is how wide a terminal is that does not tell.
const UsualColumns = 80

// Columns is how many characters go into a line; 0: as many as there are.
func (s *Screen) Columns() int {
	if !s.IsTerminal() {
		return 0
	}
	if n, err := strconv.Atoi(s.variable("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if n, _, err := term.GetSize(int(s.file.Fd())); err == nil && n > 0 {
		return n
	}
	return UsualColumns
}

func (s *Screen) variable(name string) string {
	for _, line := range s.environ {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value
		}
	}
	return ""
}

// colourful reports a terminal whose user does not mind colours.
func (s *Screen) colourful() bool {
	return s.IsTerminal() && s.variable("NO_COLOR") == "" && s.variable("TERM") != "dumb"
}

// Colours for Screen.Paint.
const (
	Bold  = "1"
	Faint = "2"
	Red   = "1;31"
	Green = "1;32"
)

// Paint gives a text, which it cleans, a colour; what it returns goes to Raw.
func (s *Screen) Paint(colour, text string) string {
	if text = Clean(text); text == "" || !s.colourful() {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// Clean writes out what is not to be seen in a text, as JSON does, line breaks
// and tabs excepted: a terminal would obey it.
func Clean(text string) string {
	if !strings.ContainsFunc(text, unseen) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case !unseen(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// unseen reports a character that is a command rather than a sign. The joiners
// between letters are signs.
func unseen(r rune) bool {
	switch r {
	case '\n', '\t', '\u200c', '\u200d':
		return false
	case utf8.RuneError:
		return true
	}
	return !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r)
}

// OneLine is a clean text without its line breaks.
func OneLine(text string) string { return Clean(strings.Join(strings.Fields(text), " ")) }

// Width is how many columns of a terminal a text takes.
func Width(text string) int { return uniseg.StringWidth(text) }

// Cut is as much of a text as goes into width columns; a text that is cut ends
// in …; 0: any width.
func Cut(text string, width int) string {
	if width <= 0 || Width(text) <= width {
		return text
	}
	used, kept, state := 1, 0, -1
	for rest := text; rest != ""; {
		var cluster string
		var w int
		cluster, rest, w, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if used+w > width {
			break
		}
		used, kept = used+w, kept+len(cluster)
	}
	return text[:kept] + "…"
}

// Pad fills a text up to a width.
func Pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-Width(text), 0))
}

// Cell makes a text exactly as wide as a table's column.
func Cell(text string, width int) string { return Pad(Cut(OneLine(text), width), width) }

// Wrap breaks a text into clean lines at its spaces; a longer word is cut. 0: any
// width.
func Wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(Clean(text)) {
		word = Cut(word, width)
		if line != "" && width > 0 && Width(line)+1+Width(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
