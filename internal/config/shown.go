package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/crmmind/mksync/mapping"
)

// inFile is where a setting comes from that has no variable, and whose line is not known.
const inFile = "the file"

// Setting is one setting in force, fit to be shown, and where it comes from.
type Setting struct {
	Key, Variable, Value string
	From                 string // the variable, or the file and the line; "": it is the default
}

// Shown are all settings in force: of a URL only where it points, of a secret only whether it
// is set.
func (c Config) Shown() []Setting {
	var all []Setting
	for _, s := range settings(&c) {
		all = append(all, Setting{s.key, Variable(s.key), show(s.into), c.from[s.key]})
	}
	for _, name := range mapping.Fields() {
		f, key := c.Fields[name], "fields."+string(name)
		value := strings.Join(f.Names(name), ", ") + "; " + string(f.Direction)
		if f.Rule != "" {
			value += "; " + string(f.Rule)
		}
		all = append(all, Setting{Key: key, Value: value, From: c.within(key)})
	}
	for _, cond := range c.Filter {
		all = append(all, Setting{Key: "filter." + cond.Column, Value: cond.words(), From: cmp.Or(c.within("filter"), inFile)})
	}
	for _, column := range slices.Sorted(maps.Keys(c.Insert)) {
		all = append(all, Setting{Key: "insert." + column, Value: c.Insert[column], From: cmp.Or(c.within("insert."+column), inFile)})
	}
	return all
}

// words are a condition as it is shown.
func (c Condition) words() string {
	switch {
	case c.Null:
		return "is null"
	case c.NotNull:
		return "is not null"
	}
	return strings.Join(c.Values, ", ")
}

// within is where the first part of a setting that has several comes from; "": the default.
func (c Config) within(key string) string {
	for _, part := range slices.Sorted(maps.Keys(c.from)) {
		if part == key || strings.HasPrefix(part, key+".") {
			return c.from[part]
		}
	}
	return ""
}
