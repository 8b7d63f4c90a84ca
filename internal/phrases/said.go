package phrases

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
)

// Said says a text, whose code is the id of its words in each language.
func (l Language) Said(t coded.Text) string {
	if l == English && t.String() != "" {
		return t.String()
	}
	said := []string{l.one(t)}
	for _, more := range t.More {
		said = append(said, l.one(more))
	}
	return strings.Join(said, coded.Between)
}

// one says a text without what is behind it.
func (l Language) one(t coded.Text) string {
	switch {
	case t.IsEarlier():
		return l.earlier(t.Params["words"])
	case !Has(t.Code):
		return t.String()
	}

	params := make([]any, 0, 2*len(t.Params)+2)
	for name, value := range t.Params {
		if l != English {
			value = l.parameter(name, value)
		}
		params = append(params, name, value)
	}
	if t.Cause != nil {
		params = append(params, "cause", l.Said(*t.Cause))
	}

	if n, err := strconv.Atoi(t.Params[coded.Number]); err == nil {
		return l.Count(t.Code, n, params...)
	}
	return l.Text(t.Code, params...)
}

// Kind is what texts that differ in their parameters alone have in common; words that are
// nobody's to translate are their own.
func Kind(t coded.Text) string {
	kind := t.Code + t.Params["field"]
	switch {
	case t.IsEarlier():
		kind = earlierKind(t.Params["words"])
	case t.IsWords():
		kind = t.Params["words"]
	case t.Cause != nil:
		kind += "(" + Kind(*t.Cause) + ")"
	}
	for _, more := range t.More {
		kind += coded.Between + Kind(more)
	}
	return kind
}

// andMore ends a list of ids that is not shown whole.
var andMore = regexp.MustCompile(` and (\d+) more$`)

// parameter says what stands in a text for itself.
func (l Language) parameter(name, value string) string {
	switch {
	case name == "words":
		return value
	case name == "field" && mapping.Field(value).Known():
		return l.Field(mapping.Field(value))
	case name == "fields":
		return l.fields(value)
	case name == "about":
		return l.about(value)
	case name == "side":
		return l.side(mapping.Side(value))["from"]
	case slices.Contains([]string{"partners", "contacts"}, name):
		return andMore.ReplaceAllStringFunc(value, func(found string) string {
			return l.Text("name.more", "n", andMore.FindStringSubmatch(found)[1])
		})
	}
	return l.Called(name, value)
}

// called are the texts that say the words of the code which some parameters, and lists, hold.
var called = map[string]string{
	"status": "name.status.", "policy": "name.policy.", "kind": "name.kind.", "record": "name.record.", "does": "name.does.", "by": "name.by.",
	"about": "name.about.", "looked": "name.looked.", "alike": "name.alike.",
}

// Called is what a word of the code is called that stands for itself.
func (l Language) Called(of, word string) string {
	group, known := called[of]
	if id := group + strings.NewReplacer(" ", "_", "'", "").Replace(word); known && Has(id) {
		return l.Text(id)
	}
	return word
}

// fields are the names of fields, as the code lists them.
func (l Language) fields(list string) string {
	var all []string
	for _, f := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune("[], ", r) }) {
		if mapping.Field(f).Known() {
			f = l.Field(mapping.Field(f))
		}
		all = append(all, f)
	}
	return strings.Join(all, ", ")
}

// about is what a constraint of the database is about.
func (l Language) about(list string) string {
	all := strings.Split(list, " and ")
	for i, what := range all {
		if column, of := strings.CutPrefix(what, "value in column "); of {
			all[i] = l.Called("about", "value in column") + " " + column
			continue
		}
		all[i] = l.Called("about", what)
	}
	return strings.Join(all, ", ")
}
