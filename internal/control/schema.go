package control

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer/operations"
)

// object is a JSON object that is written with its names in order.
type object = map[string]any

// schemas are JSON schemas of Go types, by name.
type schemas struct {
	at    string // what a reference begins with
	named object
}

// enums are the types whose values are known words.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[store.Status]():           values(store.Statuses()),
	reflect.TypeFor[mapping.Field]():          values(mapping.Fields()),
	reflect.TypeFor[match.Verdict]():          values(match.Verdicts()),
	reflect.TypeFor[operations.PairVerdict](): values(operations.PairVerdicts()),
	reflect.TypeFor[store.JobStatus]():        values([]store.JobStatus{store.JobQueued, store.JobRunning, store.JobDone, store.JobFailed, store.JobCancelled}),
}

func values[T any](all []T) (list []any) {
	for _, v := range all {
		list = append(list, v)
	}
	return list
}

// of is the schema of a type; that of a struct is stored and referred to.
func (s *schemas) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return object{}
	case t == reflect.TypeFor[metakocka.Partner]():
		return object{"type": "object", "description": "the partner as MetaKocka's API shows it"}
	case enums[t] != nil:
		return object{"type": "string", "enum": enums[t]}
	}

	switch t.Kind() {
	case reflect.Pointer:
		inner := s.of(t.Elem())
		if scalar, ok := inner["type"].(string); ok {
			inner["type"] = []any{scalar, "null"}
		}
		return inner
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.refer(t)
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	default: // every other kind that requests and answers have
		return object{"type": "integer"}
	}
}

// refer stores a struct's schema, and refers to it.
func (s *schemas) refer(t reflect.Type) object {
	name := typeName(t)
	if s.named[name] == nil {
		s.named[name] = object{} // it may name itself
		s.named[name] = s.fields(t)
	}
	return object{"$ref": s.at + name}
}

func (s *schemas) fields(t reflect.Type) object {
	fields, required := object{}, []any{}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "-" {
			continue
		}
		fields[name] = s.of(f.Type)
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	o := object{"type": "object", "additionalProperties": false, "properties": fields}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

// typeName is a type's name; of List[Job] it is ListOfJob.
func typeName(t reflect.Type) string {
	name, of, generic := strings.Cut(strings.TrimSuffix(t.Name(), "]"), "[")
	if generic {
		name += "Of" + of[strings.LastIndexByte(of, '.')+1:]
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// schemata are the types' schemas as alone writes them: every service registers all
// operations, and to write a schema takes a while.
var schemata sync.Map

// alone is a struct's whole schema in one line.
func alone(t reflect.Type) string {
	text, written := schemata.Load(t)
	if !written {
		text, _ = schemata.LoadOrStore(t, writeAlone(t))
	}
	return text.(string) //nolint:forcetypeassert // nothing else is stored
}

func writeAlone(t reflect.Type) string {
	s := schemas{"#/$defs/", object{}}
	s.refer(t)
	root, _ := s.named[typeName(t)].(object)
	delete(s.named, typeName(t))
	if len(s.named) > 0 {
		root["$defs"] = s.named
	}
	text, _ := json.Marshal(root) // of maps, lists and texts
	return string(text)
}
