package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/crmmind/mksync/metakocka"
)

// refusal is an answer with an opr_code other than 0.
type refusal struct{ code, text string }

// codeInput is the code of everything that is wrong with the arguments: the
// code does not tell causes apart.
const codeInput = "2"

func refuse(format string, args ...any) *refusal {
	return &refusal{code: codeInput, text: fmt.Sprintf(format, args...)}
}

// lengths are the documented ones, in characters; contact attributes have 255.
var lengths = map[string]int{
	"tax_id_number": 50, "registration_number": 50, "customer": 100,
	"street": 150, "post_number": 20, "place": 100, "city": 100, "province": 50, "country": 50,
}

const contactLength = 255

// attributes reads one JSON object of the request strictly and keeps the first
// thing that is wrong with it.
type attributes struct {
	server  *Server
	object  map[string]json.RawMessage
	where   string // for texts: "partner", "partner_contact_list[0]"
	length  func(key string) int
	refused *refusal
}

func (s *Server) read(raw json.RawMessage, where string) *attributes {
	a := &attributes{server: s, where: where, length: func(key string) int { return lengths[key] }}
	if json.Unmarshal(raw, &a.object) != nil || a.object == nil {
		a.refused = refuse("%s is not an object.", where)
	}
	return a
}

func (s *Server) readContact(raw json.RawMessage, where string) *attributes {
	a := s.read(raw, where)
	a.length = func(string) int { return contactLength }
	return a
}

func (a *attributes) fail(r *refusal) {
	if a.refused == nil {
		a.refused = r
	}
}

// has is true for an attribute that is given and not null.
func (a *attributes) has(key string) bool {
	raw, ok := a.object[key]
	return ok && string(raw) != "null"
}

// text is a string attribute within its length. Anything but a string is refused.
func (a *attributes) text(key string) string {
	if !a.has(key) {
		return ""
	}
	v, ok := textOf(a.object[key])
	if !ok {
		a.fail(refuse("%s.%s is not a string.", a.where, key))
		return ""
	}
	limit := a.length(key)
	if limit == 0 || v == metakocka.RemoveValue && a.server.opts.RemoveMarker != Kept || utf8.RuneCountInString(v) <= limit {
		return v
	}
	if a.server.opts.TooLong == Refused {
		a.fail(refuse("%s.%s is longer than %d characters.", a.where, key, limit))
	}
	return string([]rune(v)[:limit])
}

// id is a string or a number.
func (a *attributes) id(key string) string {
	if v, ok := textOf(a.object[key]); ok {
		return v
	}
	var n json.Number
	if a.has(key) && json.Unmarshal(a.object[key], &n) != nil {
		a.fail(refuse("%s.%s is not an id.", a.where, key))
	}
	return n.String()
}

// whole is a whole number, or a text that is one.
func (a *attributes) whole(key string) int {
	n, err := strconv.Atoi(a.id(key))
	if err != nil && a.has(key) {
		a.fail(refuse("%s.%s is not a number.", a.where, key))
	}
	return n
}

// flag is "true" or "false"; what is not given keeps old.
func (a *attributes) flag(key string, old bool) bool {
	v := a.text(key)
	switch v {
	case "":
		return old
	case "true", "false":
		return v == "true"
	}
	a.fail(refuse("%s.%s is neither true nor false.", a.where, key))
	return old
}

// update is the value that an attribute has after the request: whole says that
// what is left out of the request may be emptied.
func (a *attributes) update(key, old string, whole bool) string {
	if !a.has(key) {
		if whole && a.server.opts.LeftOut == Cleared {
			return ""
		}
		return old
	}
	switch v := a.text(key); v {
	case "":
		return choose(a.server.opts.EmptyValue == Cleared, "", old)
	case metakocka.RemoveValue:
		return a.removed(old)
	default:
		return v
	}
}

func (a *attributes) removed(old string) string {
	switch a.server.opts.RemoveMarker {
	case Cleared:
		return ""
	case Ignored:
		return old
	case Refused:
		a.fail(refuse("%s holds the value %s.", a.where, metakocka.RemoveValue))
	}
	return metakocka.RemoveValue
}

// country is update for a country name.
func (a *attributes) country(old string, whole bool) string {
	v := a.update("country", old, whole)
	if v == "" || v == old || v == metakocka.RemoveValue {
		return v
	}
	name, known := slovenianCountry(v)
	switch {
	case known && a.server.opts.Country == CountrySlovenian:
		return name
	case known || a.server.opts.UnknownCountry == Kept:
		return v
	case a.server.opts.UnknownCountry == Refused:
		a.fail(refuse("Country %s does not exist.", v))
	}
	return old
}

// optional is update for notes and website, which are not documented.
func (a *attributes) optional(key, mode, old string) string {
	switch {
	case !a.has(key) || mode == Dropped:
		return old
	case mode == Refused:
		a.fail(refuse("Unknown attribute %s.", key))
		return old
	}
	return a.update(key, old, false)
}

// entries are the elements of a list of objects.
func (a *attributes) entries(key string) []json.RawMessage {
	if !a.has(key) {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(a.object[key], &list) == nil {
		return list
	}
	if a.server.opts.AcceptSingleEntry && strings.HasPrefix(string(a.object[key]), "{") {
		return []json.RawMessage{a.object[key]}
	}
	a.fail(refuse("%s.%s is not a list.", a.where, key))
	return nil
}

// require refuses a missing attribute, and an empty one where it needs a value.
func (a *attributes) require() {
	for _, key := range a.server.opts.RequiredAttributes {
		if !a.has(key) {
			a.fail(refuse("Missing attribute %s.", key))
		}
	}
	for _, key := range a.server.opts.RequiredValues {
		if strings.TrimSpace(a.text(key)) == "" {
			a.fail(refuse("Attribute %s is empty.", key))
		}
	}
}

func textOf(raw json.RawMessage) (string, bool) {
	var v *string
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil || v == nil {
		return "", false
	}
	return *v, true
}

func choose(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

func itoa(n int) string { return strconv.Itoa(n) }

func indexOf[T any](list []T, same func(T) bool) int { return slices.IndexFunc(list, same) }
