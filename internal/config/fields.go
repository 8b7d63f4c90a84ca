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
		switch e.key {
		case "columns":
			config.Columns = r.readColumns(mapping.Field(field.key), e)
			continue
		case "also":
			config.Also = r.texts(e)
			continue
		}

		i := slices.IndexFunc(places, func(s setting) bool { return s.key == e.key })
		if i < 0 {
			r.add("", e.where, "unknown key"+Suggestion(e.key, []string{"column", "columns", "also", "direction", "rule", "keep_non_empty"}))
			continue
		}
		if text, ok := r.scalar("", e); ok {
			r.apply(setting{join("fields", join(field.key, e.key)), places[i].into}, e.where, text)
		}
	}
}

// readColumns reads the columns of a field in parts: a name's as a list of two, both as
// `part: column` lines.
func (r *fileReader) readColumns(field mapping.Field, e entry) map[mapping.Part]string {
	parts := mapping.PartsOf(field)
	columns := map[mapping.Part]string{}

	switch {
	case parts == nil:
		r.add("", e.where, "only the name and the address can be in several columns; give column")
	case e.value.Kind == yaml.SequenceNode && field == mapping.FieldName:
		names := r.texts(e)
		if len(names) != len(parts) {
			r.add("", e.where, "expected two columns, [given names, family name]")
			return nil
		}
		for i, p := range parts {
			columns[p] = names[i]
		}
	default:
		for _, part := range r.entries(e.value, join(join("fields", string(field)), "columns")) {
			text, _ := r.scalar("", part)
			if !slices.Contains(parts, mapping.Part(part.key)) {
				r.add("", part.where, "unknown part"+Suggestion(part.key, words(parts)))
				continue
			}
			columns[mapping.Part(part.key)] = text
		}
	}

	return columns
}

// texts are the values of a list; a single value is a list of one.
func (r *fileReader) texts(e entry) []string {
	if e.value.Kind != yaml.SequenceNode {
		if text, ok := r.scalar("", e); ok {
			return []string{text}
		}
		return nil
	}
	var list []string
	for _, item := range e.value.Content {
		if text, ok := r.scalar("", entry{value: resolve(item), where: e.where}); ok {
			list = append(list, text)
		}
	}
	return list
}

// readInsert applies `insert:`, a mapping of columns.
func (r *fileReader) readInsert(insert entry) {
	if insert.value.Tag == "!!null" {
		return
	}
	r.config.Insert = map[string]string{}
	for _, e := range r.entries(insert.value, "insert") {
		if e.value.Kind != yaml.ScalarNode || e.value.Tag == "!!null" {
			r.add("", e.where, "expected a single value")
			continue
		}
		r.config.Insert[e.key] = e.value.Value
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
