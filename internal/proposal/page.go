package proposal

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/crmmind/mksync/internal/terminal"
)

// lineWidth is how wide the file's comments are.
const lineWidth = 79

// page is a YAML file that is being written. What stands in a comment is one line's
// worth of text however a table is called: no name can begin a line of its own.
type page struct{ b strings.Builder }

// title begins a part of the file.
func (p *page) title(text string) {
	if !strings.HasSuffix(p.b.String(), "\n\n") {
		p.line("")
	}
	p.b.WriteString("# --- " + text + " " + strings.Repeat("-", max(3, lineWidth-7-terminal.Width(text))) + "\n\n")
}

// say writes a comment, sentence after sentence.
func (p *page) say(indent string, sentences ...string) {
	text := strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
	if text == "" {
		return
	}
	for _, line := range terminal.Wrap(printable(text), lineWidth-2-len(indent)) {
		p.b.WriteString(indent + "# " + line + "\n")
	}
}

// line writes a line as it is.
func (p *page) line(text string) { p.b.WriteString(text + "\n") }

// entry is one line of a block, with what is to be said of it; off: it is proposed, and
// for a person to take.
type entry struct {
	say  string
	line string
	off  bool
}

// block writes entries below a key; where all are off, the key is as well.
func (p *page) block(key string, entries []entry) {
	if slices.ContainsFunc(entries, func(e entry) bool { return !e.off }) {
		p.line(key + ":")
		for _, e := range entries {
			p.say("  ", e.say)
			p.line("  " + commented(e.line, e.off))
		}
		return
	}

	for _, e := range entries {
		p.say("", e.say)
	}
	p.line("# " + key + ":")
	for _, e := range entries {
		p.line("#   " + e.line)
	}
}

func commented(line string, off bool) string {
	if off {
		return "# " + line
	}
	return line
}

// printable is text without what would end a comment, or command a terminal.
func printable(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// plain are texts that YAML reads as they are, wherever they stand.
var plain = regexp.MustCompile(`^[\pL\d_]([\pL\d_.-]*[\pL\d_])?$`)

// scalar is a text as YAML reads it back, in a list or a mapping as well.
func scalar(text string) string {
	switch {
	case plain.MatchString(text) && !strings.EqualFold(text, "null"):
		return text
	case printable(text) == text && text != "":
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return strconv.Quote(text)
}

// list is names as a sentence lists them.
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
