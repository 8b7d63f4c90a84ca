package pgstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// Place says in which columns of the contacts table a field is.
type Place struct {
	Column string
	Parts  map[mapping.Part]string // in its stead, for a field in several columns
	Also   []string                // columns that are written with the whole value, and never read
}

// place is where a field is in the table as it is now.
type place struct {
	parts   []mapping.Part // of columns, in their order; nil: the field is in one column
	columns []column       // that it is read from
	first   int            // the place of the first in contacts.read
	also    []column       // that are written besides
}

// find looks up the field's columns; those that are missing are named.
func (p Place) find(f mapping.Field, found map[string]column) (at place, missing []string) {
	add := func(list []column, name string) []column {
		col, ok := found[name]
		if !ok {
			missing = append(missing, name)
			return list
		}
		return append(list, col)
	}

	if len(p.Parts) == 0 {
		at.columns = add(nil, p.Column)
	}
	for _, part := range mapping.PartsOf(f) {
		if name := p.Parts[part]; name != "" {
			at.parts = append(at.parts, part)
			at.columns = add(at.columns, name)
		}
	}
	for _, name := range p.Also {
		at.also = add(at.also, name)
	}
	return at, missing
}

// numbers are those of the columns that the field is read from.
func (p place) numbers() columnNumbers {
	numbers := make(columnNumbers, len(p.columns))
	for i, col := range p.columns {
		numbers[i] = col.number
	}
	return numbers
}

// columnNumbers are those of a field's columns; of a single one it is the number alone, as
// it always was.
type columnNumbers []int16

// MarshalJSON implements json.Marshaler.
func (n columnNumbers) MarshalJSON() ([]byte, error) {
	if len(n) == 1 {
		return json.Marshal(n[0])
	}
	return json.Marshal([]int16(n))
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *columnNumbers) UnmarshalJSON(data []byte) error {
	var one int16
	if json.Unmarshal(data, &one) == nil {
		*n = columnNumbers{one}
		return nil
	}
	return json.Unmarshal(data, (*[]int16)(n))
}

// String is the number alone of a single column.
func (n columnNumbers) String() string {
	if len(n) == 1 {
		return fmt.Sprint(n[0])
	}
	return fmt.Sprint([]int16(n))
}

// value is the field's value of what its columns hold.
func (p place) value(f mapping.Field, raw []*string) string {
	if p.parts == nil {
		return text(raw[0])
	}
	return mapping.Join(f, p.parted(raw))
}

func (p place) parted(raw []*string) mapping.Parted {
	parted := mapping.Parted{}
	for i, part := range p.parts {
		parted[part] = text(raw[i])
	}
	return parted
}

// setting is a value to write into a column.
type setting struct {
	column column
	value  any // text, or nil
}

// settings are what is to be written of the fields into a row that holds raw, the values
// of c.read; nothing where the row holds it all.
func (c *contacts) settings(contact mapping.Contact, fields []mapping.Field, raw []*string) ([]setting, error) {
	var all []setting
	for _, f := range fields {
		list, err := c.places[f].settings(f, contact, c.of(f, raw))
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// settings are a field's; of one in several columns those that differ. What the database
// computes is not written.
func (p place) settings(f mapping.Field, contact mapping.Contact, raw []*string) (list []setting, err error) {
	add := func(col column, v string) {
		s, failed := col.setting(f, v)
		if err = errors.Join(err, failed); !col.computed {
			list = append(list, s)
		}
	}

	whole := contact.Get(f)
	if p.parts == nil {
		add(p.columns[0], whole)
	} else {
		parted := mapping.Split(f, contact, p.parted(raw))
		whole = mapping.Join(f, parted)
		for i, part := range p.parts {
			if parted[part] != text(raw[i]) {
				add(p.columns[i], parted[part])
			}
		}
	}

	if len(list) > 0 {
		for _, col := range p.also {
			add(col, whole)
		}
	}
	return list, err
}

// setting is a field's value for SQL: empty is NULL where the column allows it. A value
// that is too long is refused here, because a cast cuts it.
func (c column) setting(f mapping.Field, v string) (setting, error) {
	if c.limit > 0 && utf8.RuneCountInString(v) > c.limit {
		return setting{}, &store.ContactRefusedError{Reason: coded.Say("note.kept.column", "column {column} holds at most {count} characters", c.name, c.limit)}
	}
	if f == mapping.FieldTaxNumber && slices.Contains([]string{"numeric", "bigint", "integer"}, c.base) {
		v = mapping.Canonical(f, v) // without the letters of the country
	}
	if v == "" && c.nullable {
		return setting{c, nil}, nil
	}
	return setting{c, v}, nil
}

// emptied are the columns of the fields that a new contact needs, and that neither the
// partner nor the table gives a value: they get the empty text.
func (c *contacts) emptied() []setting {
	var list []setting
	for _, col := range c.owned() {
		if col.text && !col.nullable && !col.defaulted && !col.computed {
			list = append(list, setting{col, ""})
		}
	}
	return list
}

// named are the quoted names of the columns.
func named(settings []setting) []string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.column.name
	}
	return names
}

// of are the field's share of the values read for c.read.
func (c *contacts) of(f mapping.Field, raw []*string) []*string {
	p := c.places[f]
	return raw[p.first : p.first+len(p.columns)]
}

// written is contact with the country's column alone for its country.
func (c *contacts) written(raw []*string) mapping.Contact { return c.asStored(raw).Clean() }

// asStored is written as it stands in the columns.
func (c *contacts) asStored(raw []*string) mapping.Contact {
	var contact mapping.Contact
	for _, f := range c.fields {
		contact.Set(f, c.places[f].value(f, c.of(f, raw)))
	}
	return contact
}

// noText lists the fields of the values read for c.read that are no UTF-8: a database
// without an encoding holds any bytes.
func (c *contacts) noText(raw []*string) []mapping.Field {
	return slices.DeleteFunc(slices.Clone(c.fields), func(f mapping.Field) bool {
		return !slices.ContainsFunc(c.of(f, raw), func(v *string) bool { return v != nil && !utf8.ValidString(*v) })
	})
}

// FromRow reads a row of the contacts table, values by column as an event has them, and
// tells which fields are in it: those all of whose columns are.
func (s *Store) FromRow(row map[string]any) (contact mapping.Contact, fields []mapping.Field) {
	t := s.table()
	for _, f := range t.fields {
		at := t.places[f]
		raw := make([]*string, 0, len(at.columns))
		for _, col := range at.columns {
			v, there := row[col.plain]
			if !there {
				break
			}
			raw = append(raw, nil)
			if v != nil {
				shown := fmt.Sprint(v)
				raw[len(raw)-1] = &shown
			}
		}

		// A field whose columns are not all in the row is not told by it.
		if len(raw) == len(at.columns) {
			fields = append(fields, f)
			contact.Set(f, at.value(f, raw))
		}
	}
	return contact.Clean().Located(), fields
}
