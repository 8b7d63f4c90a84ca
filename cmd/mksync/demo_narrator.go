package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// demoWidth is the most columns that the demo prints.
const demoWidth = 100

// labelWidth is the column in which a line's text begins.
const labelWidth = 16

// narrator prints the story: headed steps of labelled lines. Colour is for
// terminals only.
type narrator struct {
	w      io.Writer
	colour bool
}

func newNarrator(w io.Writer) *narrator {
	file, ok := w.(*os.File)
	return &narrator{w: w, colour: ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == ""}
}

// Colours of a terminal.
const (
	bold  = "1"
	faint = "2"
	red   = "1;31"
	green = "1;32"
)

func (n *narrator) paint(colour, text string) string {
	if !n.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (n *narrator) print(text string) { _, _ = fmt.Fprintln(n.w, text) }

func (n *narrator) title(text string) {
	for _, line := range wrap(text, demoWidth) {
		n.print(n.paint(bold, line))
	}
}

func (n *narrator) heading(number int, text string) {
	n.print("")
	n.print(n.paint(bold, fmt.Sprintf("%2d  %s", number, text)))
}

// line prints one thing that happened: where, and what.
func (n *narrator) line(label, format string, args ...any) {
	for i, text := range wrap(fmt.Sprintf(format, args...), demoWidth-labelWidth-1) {
		if i > 0 {
			label = ""
		}
		n.print("    " + n.paint(faint, pad(label, labelWidth-4)) + " " + text)
	}
}

// verdict is the closing line.
func (n *narrator) verdict(good bool, text string) {
	colour := green
	if !good {
		colour = red
	}
	for _, line := range wrap(text, demoWidth) {
		n.print(n.paint(colour, line))
	}
}

// wrap breaks a text into lines at its spaces.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
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

// pad fills a text up to a width.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0))
}

// cell makes a text exactly as wide as a table's column.
func cell(text string, width int) string {
	if utf8.RuneCountInString(text) > width {
		text = string([]rune(text)[:width-1]) + "…"
	}
	return pad(text, width)
}

// took is a duration as a person would say it.
func took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", max(d.Milliseconds(), 1))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// quoted is a value of a contact; an empty one is said to be so.
func quoted(v string) string {
	if v == "" {
		return "(empty)"
	}
	return v
}

// amount is a number with its noun.
func amount(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
