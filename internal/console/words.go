package console

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer"
)

// words are what templates say things with, in one language.
func words(l phrases.Language, zone *time.Location) template.FuncMap {
	return template.FuncMap{
		"t":       l.Text,
		"count":   l.Count,
		"field":   func(f mapping.Field) string { return capital(l.Field(f)) },
		"why":     func(r syncer.Reason) string { return l.Sentence(r, zone) },
		"said":    l.Said,
		"told":    func(words string, said coded.Text) string { return l.Said(coded.Told(words, said)) },
		"called":  l.Called,
		"when":    func(t any) template.HTML { return when(l, t, zone) },
		"stamp":   func(t any) string { return stamp(l, t, zone) },
		"num":     func(n any) string { return number(l, n) },
		"list":    func(all ...any) []any { return all },
		"dict":    dict,
		"join":    func(all []string) string { return strings.Join(all, ", ") },
		"bytes":   bytesOf,
		"clock":   func(at time.Time) string { return at.In(zone).Format("15:04") },
		"took":    func(d time.Duration) string { return secondsText(d.Seconds()) },
		"moment":  func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"seconds": func(s float64) string { return fmt.Sprintf("%.1f s", s) },
		"text":    func(s *string) string { return *s },
		"button": func(do, label string, fields ...string) button {
			b := button{Do: do, Label: label, Fields: map[string]string{}}
			for i := 1; i < len(fields); i += 2 {
				b.Fields[fields[i-1]] = fields[i]
			}
			return b
		},

		"sending":    sendingButton,
		"sidebyside": sideBySide,
		"changes":    changes,
		"undoable":   undoable,
		"contact":    contactPath,
	}
}

// dict makes one value of several names and values, for a part that needs more than one.
func dict(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 1; i < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i-1])] = pairs[i]
	}
	return m
}

func capital(text string) string {
	for _, first := range text {
		return strings.ToUpper(string(first)) + text[len(string(first)):]
	}
	return ""
}

// moment is a time that is known; zero: none.
func moment(t any) time.Time {
	switch at := t.(type) {
	case time.Time:
		return at
	case *time.Time:
		if at != nil {
			return *at
		}
	}
	return time.Time{}
}

// when shows how long ago a time is, and the time itself to whoever points at it. The script
// says both in the viewer's zone.
func when(l phrases.Language, t any, zone *time.Location) template.HTML {
	at := moment(t)
	if at.IsZero() {
		return template.HTML(template.HTMLEscapeString(l.Text("console.time.never")))
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, //nolint:gosec // what is put in is escaped
		at.UTC().Format(time.RFC3339), template.HTMLEscapeString(stamp(l, at, zone)), template.HTMLEscapeString(ago(l, time.Since(at)))))
}

// stamp is a time in the server's zone, which it names.
func stamp(l phrases.Language, t any, zone *time.Location) string {
	at := moment(t)
	if at.IsZero() {
		return ""
	}
	name, _ := at.In(zone).Zone()
	return l.Moment(at, zone) + " " + name
}

// ago says how long ago something was, or when it will be.
func ago(l phrases.Language, d time.Duration) string {
	id := "console.time.ago."
	if d < 0 {
		id, d = "console.time.in.", -d
	}
	minutes := int(math.Round(d.Minutes()))
	switch {
	case d < 45*time.Second:
		return l.Text("console.time.now")
	case minutes < 60:
		return l.Count(id+"minutes", max(minutes, 1))
	case minutes < 36*60:
		return l.Count(id+"hours", int(math.Round(d.Hours())))
	}
	return l.Count(id+"days", int(math.Round(d.Hours()/24)))
}

// number is a whole number with its thousands apart.
func number(l phrases.Language, n any) string {
	text := fmt.Sprint(n)
	apart := map[phrases.Language]string{phrases.Slovenian: ".", phrases.English: ","}[l]
	for i := len(text) - 3; i > 0; i -= 3 {
		if text[i-1] == '-' {
			break
		}
		text = text[:i] + apart + text[i:]
	}
	return text
}

// bytesOf is an amount of storage.
func bytesOf(n uint64) string {
	const step = 1024
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	size, unit := float64(n), 0
	for size >= step && unit < len(units)-1 {
		size /= step
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}
