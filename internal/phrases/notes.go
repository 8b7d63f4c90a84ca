package phrases

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"go.yaml.in/yaml/v3"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
)

// What earlier versions stored with a mapping, a deletion, a dead letter, a job or a merge is
// English words alone. It is read back into a code with parameters by the English text that it
// was made of, as long as it stands: what is stored now has its code (coded.Record).

// note is a text that earlier versions stored.
type note struct {
	id    string
	names []string
	of    *regexp.Regexp
	size  int // of what is no parameter
}

// notes are all of them, those that say most first: what fits one may fit a lesser one, too.
var notes = sync.OnceValue(readNotes)

var parameter = regexp.MustCompile(`\\\{\\\{\\\.(\w+)\\\}\\\}`)

// leastOwn is how much of a text has to be mksync's own, so that the words of others are not
// taken for it.
const leastOwn = 11

// unstored are texts that were stored nowhere.
var unstored = regexp.MustCompile(`^(refusal\.(request|access)|note\.does)\.`)

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
			if n := noteOf(m.ID, m.Other); n.size >= leastOwn && !unstored.MatchString(n.id) {
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

// earlier says what an earlier version stored. Where it is of several parts, each is said
// that is known.
func (l Language) earlier(noted string) string {
	if l == English {
		return noted
	}
	var said []string
	for parts := strings.Split(noted, coded.Between); len(parts) > 0; {
		text, took := l.first(parts)
		said = append(said, text)
		parts = parts[took:]
	}
	return strings.Join(said, coded.Between)
}

// earlierKind is the Kind of what an earlier version stored.
func earlierKind(noted string) string {
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
		if said, known := l.note(strings.Join(parts[:took], coded.Between)); known {
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
			value := l.parameter(name, values[i+1])
			if name == "words" || name == "cause" {
				value = l.earlier(value)
			}
			params = append(params, name, value)
		}
		return l.Text(n.id, params...), true
	}
	return text, false
}
