package phrases

import (
	"regexp"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"go.yaml.in/yaml/v3"

	"github.com/crmmind/mksync/mapping"
)

// What is noted with a mapping (last_error) is kept as text, for whoever looks at the table.
// A note of mksync's own words is read back into a code with parameters, by the English text
// that it was made of; the words of MetaKocka and of the database are nobody's to translate.

// note is one that can be said in any language.
type note struct {
	id    string
	names []string
	of    *regexp.Regexp
}

var notes = readNotes()

var parameter = regexp.MustCompile(`\\\{\\\{\\\.(\w+)\\\}\\\}`)

func readNotes() []note {
	content, err := texts.ReadFile("texts/notes.en.yaml")
	if err != nil {
		panic(err)
	}
	file, err := i18n.ParseMessageFileBytes(content, "notes.en.yaml", map[string]i18n.UnmarshalFunc{"yaml": yaml.Unmarshal})
	if err != nil {
		panic(err)
	}

	var all []note
	for _, m := range file.Messages {
		n := note{id: m.ID}
		quoted := regexp.QuoteMeta(m.Other)
		for _, found := range parameter.FindAllStringSubmatch(quoted, -1) {
			n.names = append(n.names, found[1])
		}
		n.of = regexp.MustCompile("^" + parameter.ReplaceAllString(quoted, "([^;:]+)") + "$")
		all = append(all, n)
	}
	return all
}

// Words says what was noted with a mapping, or what is wrong with a value. Where it is of
// several parts, each is said that is known.
func (l Language) Words(noted string) string {
	if l == English || noted == "" {
		return noted
	}
	var said []string
	for parts := strings.Split(noted, "; "); len(parts) > 0; {
		text, took := l.first(parts)
		said = append(said, text)
		parts = parts[took:]
	}
	return strings.Join(said, "; ")
}

// NoteOf is what notes that differ in their parameters alone have in common; words that are
// no note are their own.
func NoteOf(noted string) string {
	for _, n := range notes {
		if n.of.MatchString(noted) {
			return n.id
		}
	}
	return noted
}

// first says the first note of the parts, and how many of them it is: one may have a
// semicolon in it.
func (l Language) first(parts []string) (said string, took int) {
	for took = len(parts); took > 0; took-- {
		if said, known := l.note(strings.Join(parts[:took], "; ")); known {
			return said, took
		}
	}
	name, rest, named := strings.Cut(parts[0], ": ")
	if !named || !mapping.Field(name).Known() {
		return parts[0], 1
	}
	said, _ = l.note(rest)
	return l.Field(mapping.Field(name)) + ": " + said, 1
}

// note says one note, or gives it back as it is.
func (l Language) note(text string) (string, bool) {
	for _, n := range notes {
		values := n.of.FindStringSubmatch(text)
		if values == nil {
			continue
		}
		var params []any
		for i, name := range n.names {
			params = append(params, name, values[i+1])
		}
		return l.Text(n.id, params...), true
	}
	return text, false
}
