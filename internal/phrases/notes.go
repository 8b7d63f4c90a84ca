package phrases

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"go.yaml.in/yaml/v3"

	"github.com/crmmind/mksync/mapping"
)

// What is noted with a mapping (last_error) or stored with a job, and what operations say that
// they would do, is text, for whoever looks at the table or reads the answer. Text of mksync's
// own words is read back into a code with parameters, by the English text that it was made
// of; the words of MetaKocka and of the database are nobody's to translate.

// note is one that can be said in any language.
type note struct {
	id    string
	names []string
	of    *regexp.Regexp
	size  int // of what is no parameter
}

// notes are all of them, those that say most first: what fits one may fit a lesser one, too.
var notes = sync.OnceValue(readNotes)

var parameter = regexp.MustCompile(`\\\{\\\{\\\.(\w+)\\\}\\\}`)

// leastOwn is how much of a refusal has to be mksync's own, so that the words of others are not
// taken for it.
const leastOwn = 8

// answered are refusals that are answers alone, and stored nowhere.
var answered = regexp.MustCompile(`^refusal\.(request|access)\.`)

// whole are parameters that hold sentences or times; any other one is a part of a sentence.
var whole = []string{"words", "cause", "at", "by"}

func readNotes() (all []note) {
	for _, section := range []string{"notes", "refusals"} {
		name := section + "." + string(English) + ".yaml"
		content, err := texts.ReadFile("texts/" + name)
		if err != nil {
			panic(err)
		}
		file, err := i18n.ParseMessageFileBytes(content, name, map[string]i18n.UnmarshalFunc{"yaml": yaml.Unmarshal})
		if err != nil {
			panic(err)
		}
		for _, m := range file.Messages {
			if n := noteOf(m.ID, m.Other); section == "notes" || n.size >= leastOwn && !answered.MatchString(n.id) {
				all = append(all, n)
			}
		}
	}
	slices.SortFunc(all, func(a, b note) int { return cmp.Or(b.size-a.size, strings.Compare(a.id, b.id)) })
	return all
}

// noteOf reads a note from its English text.
func noteOf(id, text string) note {
	n := note{id: id, size: len(text)}
	pattern := parameter.ReplaceAllStringFunc(regexp.QuoteMeta(text), func(found string) string {
		name := parameter.FindStringSubmatch(found)[1]
		n.names = append(n.names, name)
		n.size -= len("{{.}}") + len(name)
		if slices.Contains(whole, name) {
			return "(.+)"
		}
		return "([^;:]+)"
	})
	n.of = regexp.MustCompile("^" + pattern + "$")
	return n
}

// Words says what was noted with a mapping, what is wrong with a value, what an operation
// refuses or would do. Where it is of
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

// Says reports whether all of a text can be said in the language.
func (l Language) Says(noted string) bool { return l == English || l.Words(noted) != noted }

// NoteOf is what notes that differ in their parameters alone have in common; words that are
// no note are their own.
func NoteOf(noted string) string {
	for _, n := range notes() {
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
	for _, n := range notes() {
		values := n.of.FindStringSubmatch(text)
		if values == nil {
			continue
		}
		var params []any
		for i, name := range n.names {
			params = append(params, name, l.parameter(name, values[i+1]))
		}
		return l.Text(n.id, params...), true
	}
	return text, false
}

// parameter says what stands in a note for itself.
func (l Language) parameter(name, value string) string {
	switch {
	case slices.Contains([]string{"words", "cause"}, name):
		return l.Words(value)
	case name == "field" && mapping.Field(value).Known():
		return l.Field(mapping.Field(value))
	case name == "fields":
		var all []string
		for _, f := range strings.Fields(strings.Trim(value, "[]")) {
			all = append(all, l.Field(mapping.Field(f)))
		}
		return strings.Join(all, ", ")
	case name == "side":
		return l.side(mapping.Side(value))["from"]
	}
	if group, named := parameterNames[name]; named {
		if id := group + strings.ReplaceAll(value, " ", "_"); Has(id) {
			return l.Text(id)
		}
	}
	return value
}

// parameterNames are the texts that say the words of the code which some parameters hold.
var parameterNames = map[string]string{
	"status": "name.status.", "policy": "name.policy.", "kind": "name.kind.", "record": "name.record.", "does": "name.does.",
}
