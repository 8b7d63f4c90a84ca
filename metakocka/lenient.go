package metakocka

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

var errNotObject = errors.New("is not a JSON object")

// reader takes attributes out of a JSON object, forgiving about their types; the
// first attribute that cannot be read is kept as the error, named but not quoted.
type reader struct {
	object map[string]json.RawMessage
	err    error
}

func newReader(data []byte) (*reader, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil || object == nil {
		return nil, errNotObject
	}
	return &reader{object: object}, nil
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) failAt(key string, i int, err error) { r.fail(fmt.Errorf("%s[%d]: %w", key, i, err)) }

func (r *reader) take(key string) json.RawMessage {
	raw := r.object[key]
	delete(r.object, key)
	return raw
}

// text is the attribute as a string; a missing one is "".
func (r *reader) text(key string) string {
	s, err := scalarText(r.take(key))
	if err != nil {
		r.fail(fmt.Errorf("%s %w", key, err))
	}
	return s
}

func (r *reader) flag(key string) bool {
	v := r.optionalFlag(key)
	return v != nil && *v
}

// optionalFlag is nil for a missing or empty attribute.
func (r *reader) optionalFlag(key string) *bool {
	s := strings.TrimSpace(r.text(key))
	if s == "" {
		return nil
	}
	v, ok := parseFlag(s)
	if !ok {
		r.fail(fmt.Errorf("%s is neither true nor false", key))
		return nil
	}
	return &v
}

// list is the attribute's elements: of a list, or the bare element itself.
func (r *reader) list(key string) []json.RawMessage {
	raw := bytes.TrimSpace(r.take(key))
	switch {
	case len(raw) == 0, string(raw) == "null", string(raw) == `""`:
		return nil
	case raw[0] == '[':
		elements, whole := elementsOf(raw)
		if !whole {
			r.fail(fmt.Errorf("%s is not a whole list", key))
			return nil
		}
		return withoutNulls(elements)
	case raw[0] == '{':
		return []json.RawMessage{raw}
	default:
		r.fail(fmt.Errorf("%s is neither a list nor an object", key))
		return nil
	}
}

// elementsOf splits a list, or an object into its members; whole tells whether it ends
// where and as it should, with an element between any two commas. It is gone through once,
// because lists of partners are long, and that the elements are JSON is not looked at.
func elementsOf(list json.RawMessage) (elements []json.RawMessage, whole bool) {
	depth, start, empty := 0, 1, 0
	end := func(i int) {
		if element := trimmed(list[start:i]); len(element) > 0 {
			elements = append(elements, element)
		} else {
			empty++
		}
		start = i + 1
	}

	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '"':
			i = stringEnd(list, i)
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				end(i)
				nothing := empty == 1 && len(elements) == 0
				return elements, i == len(list)-1 && list[i] == list[0]+2 && (empty == 0 || nothing) // ']' is '[' + 2
			}
		case ',':
			if depth == 1 {
				end(i)
			}
		}
	}
	return elements, false
}

// trimmed is JSON without the white space around it.
func trimmed(data []byte) []byte { return bytes.Trim(data, " \t\r\n") }

// stringEnd is where the string that begins at i ends.
func stringEnd(data []byte, i int) int {
	for i++; i < len(data) && data[i] != '"'; i++ {
		if data[i] == '\\' {
			i++
		}
	}
	return i
}

// rest is what was not taken, made safe to store; never the credentials, which a
// server that echoes its request would otherwise leave in the observed state.
func (r *reader) rest() map[string]json.RawMessage {
	delete(r.object, keySecret)
	delete(r.object, keyCompany)
	if len(r.object) == 0 {
		return nil
	}
	out := make(map[string]json.RawMessage, len(r.object))
	for key, raw := range r.object {
		out[storable(key)] = storableJSON(raw)
	}
	return out
}

func withoutNulls(elements []json.RawMessage) []json.RawMessage {
	out := elements[:0]
	for _, raw := range elements {
		if string(raw) != "null" {
			out = append(out, raw)
		}
	}
	return out
}

// scalarText reads a string, number, boolean, null, or one of them in a list of
// its own, as text.
func scalarText(raw json.RawMessage) (string, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" || string(raw) == "[]" || string(raw) == "{}" {
		return "", nil
	}

	switch raw[0] {
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return "", errors.New("is not a text")
		}
		return storable(s), nil
	case '[':
		var elements []json.RawMessage
		if err := json.Unmarshal(raw, &elements); err != nil || len(elements) != 1 || elements[0][0] == '[' {
			return "", errors.New("is a list")
		}
		return scalarText(elements[0])
	case '{':
		return "", errors.New("is an object")
	case 't', 'f':
		return string(raw), nil
	default:
		return numberText(string(raw)), nil
	}
}

// numberText writes a JSON number as MetaKocka writes it in a string:
// 2.28000046627E11 and 228000046627.0 are "228000046627".
func numberText(s string) string {
	if strings.ContainsAny(s, "eE") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.Abs(f) >= 1e21 {
			return s
		}
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	if whole, fraction, ok := strings.Cut(s, "."); ok && strings.Trim(fraction, "0") == "" {
		return whole
	}
	return s
}

func parseFlag(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "1", "da", "yes":
		return true, true
	case "false", "0", "ne", "no":
		return false, true
	}
	return false, false
}

// storable is s without NUL, which Postgres cannot keep in text or jsonb.
func storable(s string) string { return strings.ReplaceAll(s, "\x00", "") }

// storableJSON is raw in a form that jsonb accepts and gives back alike: no NUL,
// no half surrogate, no number beyond its range. Plain values stay as they came.
func storableJSON(raw json.RawMessage) json.RawMessage {
	if !bytes.ContainsAny(raw, `\eE`) {
		return raw
	}
	v, err := decodeTree(raw)
	if err != nil {
		return nil
	}
	clean, err := json.Marshal(storableTree(v))
	if err != nil {
		return nil
	}
	return clean
}

func storableTree(v any) any {
	switch v := v.(type) {
	case string:
		return storable(v)
	case json.Number:
		if strings.ContainsAny(v.String(), "eE") {
			return numberText(v.String())
		}
		return v
	case []any:
		for i := range v {
			v[i] = storableTree(v[i])
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[storable(key)] = storableTree(value)
		}
		return out
	}

	return v
}

// decodeTree reads JSON with its numbers as they are written.
func decodeTree(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}
