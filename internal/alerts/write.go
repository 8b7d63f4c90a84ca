package alerts

import (
	"strings"
	"time"

	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/mapping/store"
)

// typeTest is the type of a message that tries a way.
const typeTest store.AlertType = "attention.test"

// write makes the message of what was decided: codes and counts, and no contact's data.
func (c Config) write(a store.Alert) letter {
	l := letter{id: a.ID, at: a.At.UTC(), body: body{Type: a.Type, At: a.At.UTC(), Reasons: []reason{}}}
	var lines []string
	for _, r := range a.Reasons {
		said := reason{Code: r.Code, Count: r.Count, Text: Say(c.Language, r), URL: c.place(r.Code)}
		l.body.Reasons = append(l.body.Reasons, said)
		lines = append(lines, "- "+said.Text)
	}

	name := "over"
	if a.Type == store.AttentionNeeded {
		name = "needed"
	}
	c.compose(&l, name, lines)
	return l
}

// waitingPrefix begins the codes of what has a list.
const waitingPrefix = "waiting."

// place is where a kind of thing is decided: its list in the console, or what it begins with.
func (c Config) place(code string) string {
	kind, listed := strings.CutPrefix(code, waitingPrefix)
	if c.Console == "" || !listed {
		return c.Console
	}
	return c.Console + "waiting?kind=" + kind
}

// trial is a message that tries a way.
func (c Config) trial(id string, at time.Time) letter {
	l := letter{id: id, at: at.UTC(), body: body{Type: typeTest, At: at.UTC(), Reasons: []reason{}}}
	c.compose(&l, "test", nil)
	return l
}

// compose writes subject and text of a mail.
func (c Config) compose(l *letter, name string, lines []string) {
	l.subject = c.Language.Text("alert.subject." + name)
	if c.Installation != "" {
		l.subject += " (" + c.Installation + ")"
	}

	paragraphs := []string{c.Language.Text("alert.text." + name)}
	if len(lines) > 0 {
		paragraphs = append(paragraphs, strings.Join(lines, "\n"))
	}
	if c.Console != "" {
		paragraphs = append(paragraphs, c.Console)
	}
	paragraphs = append(paragraphs, c.Language.Text("alert.text.foot"))
	l.text = strings.Join(paragraphs, "\n\n") + "\n"
}

// Say is a kind of thing that needs a person, in words.
func Say(l phrases.Language, r store.AlertReason) string {
	id := "alert.code." + r.Code
	if !phrases.Has(id) {
		return r.Code
	}
	if strings.HasPrefix(r.Code, waitingPrefix) {
		return l.Count(id, r.Count)
	}
	return l.Text(id)
}
