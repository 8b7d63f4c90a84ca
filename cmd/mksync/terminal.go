package main

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

// screen is where a command prints. What is written to it comes out clean: no
// contact's name can move the cursor or colour the lines that follow. Colours and
// bars go to raw.
type screen struct {
	raw     io.Writer
	file    *os.File // nil: no terminal
	environ []string
}

// newScreen prints to w; environ has COLUMNS and NO_COLOR.
func newScreen(w io.Writer, environ []string) *screen {
	if s, ok := w.(*screen); ok {
		return s
	}
	s := &screen{raw: w, environ: environ}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		s.file = file
	}
	return s
}

// Write implements io.Writer.
func (s *screen) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.raw, clean(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// terminal reports whether a person looks at it.
func (s *screen) terminal() bool { return s.file != nil }

// usualColumns is how wide a terminal is that does not tell.
const usualColumns = 80

// columns is how many characters go into a line; 0: as many as there are.
func (s *screen) columns() int {
	if !s.terminal() {
		return 0
	}
	if n, err := strconv.Atoi(s.variable("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if n, _, err := term.GetSize(int(s.file.Fd())); err == nil && n > 0 {
		return n
	}
	return usualColumns
}

func (s *screen) variable(name string) string {
	for _, line := range s.environ {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value
		}
	}
	return ""
}

// colourful reports a terminal whose user does not mind colours.
func (s *screen) colourful() bool {
	return s.terminal() && s.variable("NO_COLOR") == "" && s.variable("TERM") != "dumb"
}

// Colours of a terminal.
const (
	bold  = "1"
	faint = "2"
	red   = "1;31"
	green = "1;32"
)

// paint gives a text, which it cleans, a colour; what it returns goes to raw.
func (s *screen) paint(colour, text string) string {
	if text = clean(text); text == "" || !s.colourful() {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// clean writes out what is not to be seen in a text, as JSON does, line breaks
// and tabs excepted: a terminal would obey it.
func clean(text string) string {
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

// oneLine is a clean text without its line breaks.
func oneLine(text string) string { return clean(strings.Join(strings.Fields(text), " ")) }

// textWidth is how many columns of a terminal a text takes.
func textWidth(text string) int { return uniseg.StringWidth(text) }

// cut is as much of a text as goes into width columns; a text that is cut ends
// in …; 0: any width.
func cut(text string, width int) string {
	if width <= 0 || textWidth(text) <= width {
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

// pad fills a text up to a width.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-textWidth(text), 0))
}

// cell makes a text exactly as wide as a table's column.
func cell(text string, width int) string { return pad(cut(oneLine(text), width), width) }

// wrap breaks a text into clean lines at its spaces; a longer word is cut. 0: any
// width.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(clean(text)) {
		word = cut(word, width)
		if line != "" && width > 0 && textWidth(line)+1+textWidth(word) > width {
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
