package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/crmmind/mksync/mapping"
)

// Condition is one line of the filter. Exactly one of the three holds: Values
// lists the texts the column may have, Null asks for no value, NotNull for any.
// A value is compared with what `column::text` gives in Postgres.
type Condition struct {
	Column  string
	Values  []string
	Null    bool
	NotNull bool
}

// readFields applies `fields:`, a mapping of canonical fields.
func (r *fileReader) readFields(fields entry) {
	if fields.value.Tag == "!!null" {
		return
	}
	for _, e := range r.entries(fields.value, "fields") {
		field := mapping.Field(e.key)
		config, ok := r.config.Fields[field]
		if !ok {
			r.add("", e.where, "unknown field"+Suggestion(e.key, words(mapping.Fields())))
			continue
		}
		r.readField(&config, e)
		r.config.Fields[field] = config
	}
}

// readField applies the settings of one field.
func (r *fileReader) readField(config *Field, field entry) {
	places := []setting{
		{"column", &config.Column},
		{"direction", (*string)(&config.Direction)},
		{"rule", (*string)(&config.Rule)},
		{"keep_non_empty", &config.KeepNonEmpty},
	}
	for _, e := range r.entries(field.value, join("fields", field.key)) {
		i := slices.IndexFunc(places, func(s setting) bool { return s.key == e.key })
		if i < 0 {
			r.add("", e.where, "unknown key"+Suggestion(e.key, []string{"column", "direction", "rule", "keep_non_empty"}))
			continue
		}
		if text, ok := r.scalar("", e); ok {
			r.apply(setting{join("fields", join(field.key, e.key)), places[i].into}, e.where, text)
		}
	}
}

// readFilter applies `filter:`, a list of conditions.
func (r *fileReader) readFilter(filter entry) {
	switch {
	case filter.value.Tag == "!!null":
	case filter.value.Kind != yaml.SequenceNode:
		r.add("", filter.where, "expected a list of `- column: value` lines")
	default:
		for _, item := range filter.value.Content {
			for _, e := range r.entries(item, "filter") {
				r.readCondition(e)
			}
		}
	}
}

// readCondition reads `column: value`, `column: [value, value]`, `column: null`
// or `column: not null`.
func (r *fileReader) readCondition(e entry) {
	condition := Condition{Column: e.key}
	switch {
	case e.value.Tag == "!!null":
		condition.Null = true
	case e.value.Kind == yaml.ScalarNode && notNull(e.value):
		condition.NotNull = true
	case e.value.Kind == yaml.ScalarNode:
		condition.Values = []string{e.value.Value}
	case e.value.Kind == yaml.SequenceNode && len(e.value.Content) > 0:
		for _, item := range e.value.Content {
			condition.Values = append(condition.Values, r.filterValue(e, item))
		}
	default:
		r.add("", e.where, "expected a value, a list of values, null or `not null`")
		return
	}
	r.config.Filter = append(r.config.Filter, condition)
}

// filterValue is one value of a list.
func (r *fileReader) filterValue(e entry, item *yaml.Node) string {
	item = resolve(item)
	if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
		r.add("", e.where, "a list holds single values, and no null")
	}
	return item.Value
}

// notNull reports the unquoted words `not null`; quoted they are a value.
func notNull(node *yaml.Node) bool {
	quoted := node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
	return !quoted && strings.EqualFold(strings.Join(strings.Fields(node.Value), " "), "not null")
}
