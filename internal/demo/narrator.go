package demo

import (
	"fmt"
	"time"

	"github.com/crmmind/mksync/internal/terminal"
)

// widest is the most columns that the demo prints.
const widest = 100

// labelWidth is the column in which a line's text begins.
const labelWidth = 16

// narrator prints the story: headed steps of labelled lines. Colour is for
// terminals only.
type narrator struct{ to *terminal.Screen }

func newNarrator(to *terminal.Screen) *narrator { return &narrator{to} }

// width is how wide the story is.
func (n *narrator) width() int {
	if c := n.to.Columns(); c > 0 {
		return min(c, widest)
	}
	return widest
}

// paint gives a text a colour.
func (n *narrator) paint(colour, text string) string { return n.to.Paint(colour, text) }

// print prints a line that is clean already, or painted.
func (n *narrator) print(text string) { _, _ = fmt.Fprintln(n.to.Raw(), text) }

// text prints a text of its own.
func (n *narrator) text(text string) {
	for _, line := range terminal.Wrap(text, n.width()) {
		n.print(line)
	}
}

func (n *narrator) title(text string) {
	for _, line := range terminal.Wrap(text, n.width()) {
		n.print(n.paint(terminal.Bold, line))
	}
}

func (n *narrator) heading(number int, text string) {
	n.print("")
	n.print(n.paint(terminal.Bold, fmt.Sprintf("%2d  %s", number, text)))
}

// line prints one thing that happened: where, and what.
func (n *narrator) line(label, format string, args ...any) {
	for i, text := range terminal.Wrap(fmt.Sprintf(format, args...), max(n.width()-labelWidth-1, labelWidth)) {
		if i > 0 {
			label = ""
		}
		n.print("    " + n.paint(terminal.Faint, terminal.Pad(label, labelWidth-4)) + " " + text)
	}
}

// verdict is the closing line.
func (n *narrator) verdict(good bool, text string) {
	colour := terminal.Green
	if !good {
		colour = terminal.Red
	}
	for _, line := range terminal.Wrap(text, n.width()) {
		n.print(n.paint(colour, line))
	}
}

// took is a duration as a person would say it.
func took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", max(d.Milliseconds(), 1))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// quoted is a value of a contact; an empty one is called so.
func quoted(v string) string {
	if v == "" {
		return "(empty)"
	}
	return v
}
