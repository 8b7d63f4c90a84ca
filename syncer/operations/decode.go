package operations

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/crmmind/mksync/syncer"
)

// decode reads a request: one JSON object, or nothing. Every field is one of
// Req's, written exactly so and given once. Errors name the field or the list's
// index.
func decode(request []byte, into any) error {
	request = bytes.TrimSpace(request)
	if len(request) == 0 {
		return nil
	}

	if request[0] != '{' {
		return syncer.Refuse(syncer.CodeMalformed, "request.object", "the request must be a JSON object")
	}

	// Said here with the place: encoding/json would put a replacement character in.
	if at := invalidAt(request); at >= 0 {
		return syncer.Refuse(syncer.CodeMalformed, "request.utf8", "{which}: is not UTF-8 text", syncer.OrWords(pathAt(request, int64(at)), "the request"))
	}
	if err := checkNames(request, fieldNames(reflect.TypeOf(into).Elem())); err != nil {
		return err
	}

	err := json.Unmarshal(request, into)
	var mistyped *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mistyped):
		return syncer.Refuse(syncer.CodeMalformed, "request.type", "{which}: must be {wanted}{got}", syncer.OrWords(pathAt(request, mistyped.Offset), "the request"), wanted(mistyped.Type), got(mistyped))
	}
	return syncer.Refuse(syncer.CodeMalformed, "request.unreadable", "the request cannot be read: {words}", strings.TrimPrefix(err.Error(), "json: "))
}

// checkNames refuses what is not JSON, and names that are unknown or come twice.
func checkNames(request []byte, known []string) error {
	seen := map[string]bool{}
	var wrong error
	err := walk(request, func(s spot) bool {
		name := s.path
		switch {
		case !s.name:
			return true
		case !slices.Contains(known, name):
			wrong = syncer.Refuse(syncer.CodeMalformed, "request.unknown", "{which}: is not a field of this request; known: {known}", clip(name), syncer.OrWords(strings.Join(known, ", "), "none"))
		case seen[name]:
			wrong = syncer.Refuse(syncer.CodeMalformed, "request.twice", "{which}: is given twice", name)
		}
		seen[name] = true
		return wrong == nil
	})
	if err != nil {
		return syncer.Refuse(syncer.CodeMalformed, "request.json", "the request is not JSON: {words}", err)
	}
	return wrong
}

// clip is a name that somebody else chose, fit for a message.
func clip(name string) string {
	const most = 60
	if r := []rune(name); len(r) > most {
		return string(r[:most]) + "…"
	}
	return name
}

// fieldNames are the names of a request's fields.
func fieldNames(t reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && !f.Anonymous && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// wanted says what a field's type takes.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Int:
		return "a whole number"
	default:
		return "a " + t.Kind().String()
	}
}

// got says what was there instead.
func got(e *json.UnmarshalTypeError) string {
	kind, _, _ := strings.Cut(e.Value, " ")
	switch {
	case kind == "number" && e.Type.Kind() == reflect.Int:
		return fmt.Sprintf(" from %d to %d", math.MinInt, math.MaxInt) // it has a fraction, or is too large
	case kind == "string":
		return ", not a text"
	case kind == "array":
		return ", not a list"
	case kind == "object":
		return ", not an object"
	case kind == "bool":
		return ", not true or false"
	}
	return ", not a " + kind
}

// invalidAt is where the first byte is that is not UTF-8; -1: nowhere.
func invalidAt(text []byte) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// spot is a place in a request: a name of the outermost object, or a value.
type spot struct {
	path string // contactIds[2]
	end  int64  // offset behind its first token
	name bool
}

var (
	// errMore says that something follows the request's object.
	errMore = errors.New("something follows the object")
	errDeep = errors.New("it is nested too deep")
)

// mostDeep is how deep a request may be nested; none needs more than a list.
const mostDeep = 8

// walk visits a JSON object's names and values in order until visit returns
// false. It reads all of the object.
func walk(request []byte, visit func(spot) bool) error {
	dec := json.NewDecoder(bytes.NewReader(request))
	dec.UseNumber() // however large
	w := walker{dec: dec, visit: visit}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if err := w.object(""); err != nil || w.stopped {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errMore
	}
	return nil
}

type walker struct {
	dec     *json.Decoder
	visit   func(spot) bool
	stopped bool
	depth   int
}

func (w *walker) at(path string, name bool) {
	w.stopped = w.stopped || !w.visit(spot{path, w.dec.InputOffset(), name})
}

func (w *walker) object(path string) error {
	for w.dec.More() && !w.stopped {
		t, err := w.dec.Token()
		if err != nil {
			return err
		}
		name := fmt.Sprint(t)
		if path != "" {
			name = path + "." + name
		}
		w.at(name, path == "")
		if err := w.value(name); err != nil {
			return err
		}
	}
	return w.closing()
}

func (w *walker) list(path string) error {
	for i := 0; w.dec.More() && !w.stopped; i++ {
		if err := w.value(fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return w.closing()
}

func (w *walker) value(path string) error {
	if w.stopped {
		return nil
	}
	t, err := w.dec.Token()
	if err != nil {
		return err
	}
	w.at(path, false)
	if w.depth++; w.depth > mostDeep {
		return errDeep
	}
	defer func() { w.depth-- }()
	switch t {
	case json.Delim('{'):
		return w.object(path)
	case json.Delim('['):
		return w.list(path)
	}
	return nil
}

func (w *walker) closing() error {
	if w.stopped {
		return nil
	}
	_, err := w.dec.Token()
	return err
}

// pathAt is the path of the value that an offset is in or just behind.
func pathAt(request []byte, offset int64) (path string) {
	_ = walk(request, func(s spot) bool {
		if s.name {
			return true
		}
		path = s.path
		return s.end < offset
	})
	return path
}
