package phrases

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer"
)

// Sentence says why, in a sentence or two. Times are shown as in the zone.
//
// Its text may name {{.field}}, {{.value}}, {{.given}}, {{.crm}}, {{.metakocka}}, {{.rule}},
// {{.by}}, {{.contact}}, {{.words}} and {{.fields}}; {{.side}}, {{.other}} (the side that it is not) and
// {{.winner}}, each with its forms (.in, .into, .from, .of, .to); and what is there or not:
// {{.since}}, {{.changed}}, {{.at}}, {{.again}} and {{.tried}}.
func (l Language) Sentence(r syncer.Reason, zone *time.Location) string {
	if r.Code == "" {
		return ""
	}
	said := capital(l.Text("reason."+string(r.Code), l.parameters(r, zone)...))
	return strings.ReplaceAll(said, "?.", "?") // words that ask end the sentence
}

func (l Language) parameters(r syncer.Reason, zone *time.Location) []any {
	field := l.noun(r.Field)
	value := func(v string) string {
		if v == "" {
			return l.Text("name.empty", "field", field)
		}
		return v
	}
	part := func(id string, t *time.Time) string {
		if t == nil {
			return ""
		}
		return l.Text("name.part."+id, "time", l.Moment(*t, zone))
	}

	changed := part("at", r.ChangedAt)
	if r.ChangedAt != nil && r.ChangedAfter != nil && r.ChangedAfter.Before(*r.ChangedAt) {
		changed = l.Text("name.part.between", "after", l.Moment(*r.ChangedAfter, zone), "before", l.Moment(*r.ChangedAt, zone))
	}
	again := part("again", r.RetryAt)
	tried := ""
	if r.Code == syncer.StandsError { // sentences of their own
		again = part("retry", r.RetryAt)
		if r.Retries > 0 {
			tried = l.Count("name.part.tried", r.Retries)
		}
	}

	var fields []string
	for _, f := range r.Fields {
		fields = append(fields, l.Field(f))
	}
	by := r.By
	if by == "" {
		by = l.Text("name.nobody")
	}

	return []any{
		"field", field, "side", l.side(r.Side), "other", l.side(r.Side.Other()), "winner", l.side(r.Winner),
		"value", value(r.Value), "given", value(r.Given), "crm", value(r.CRM), "metakocka", value(r.MetaKocka),
		"rule", l.rule(r.Rule), "by", by, "contact", r.ContactID, "words", strings.TrimSuffix(l.Said(coded.Told(r.Words, r.Said)), "."), "fields", strings.Join(fields, ", "),
		"changed", changed, "at", part("at", r.Since), "since", part("since", r.Since), "again", again, "tried", tried,
	}
}

// Moment is a time as it stands in a sentence.
func (l Language) Moment(t time.Time, zone *time.Location) string {
	t = t.In(zone)
	return l.Text("name.moment", "day", t.Day(), "month", l.Text("name.month."+strconv.Itoa(int(t.Month()))), "year", t.Year(), "clock", t.Format("15:04"))
}

// Field is what a field is called.
func (l Language) Field(f mapping.Field) string { return l.noun(f).Name }

// Noun is a name whose gender other words of a sentence agree with.
type Noun struct {
	Name   string
	Gender string // m, f, n, or p: the feminine plural
}

// String is the name.
func (n Noun) String() string { return n.Name }

// As is the form that agrees, of the four of m|f|n|p.
func (n Noun) As(forms string) string {
	of := strings.Split(forms, "|")
	i := slices.Index([]string{"m", "f", "n", "p"}, n.Gender)
	return of[min(max(i, 0), len(of)-1)]
}

// noun is a field's; none where a reason is about no field.
func (l Language) noun(f mapping.Field) Noun {
	if f == "" {
		return Noun{}
	}
	return Noun{Name: l.Text("name.field." + string(f)), Gender: l.Text("name.gender." + string(f))}
}

// side is a side in the forms that a sentence needs.
type side map[string]string

// String is what the side is called.
func (s side) String() string { return s["is"] }

func (l Language) side(s mapping.Side) side {
	forms := side{}
	for _, form := range []string{"is", "in", "into", "from", "of", "to"} {
		forms[form] = ""
		if s != "" {
			forms[form] = l.Text("name.side." + string(s) + "." + form)
		}
	}
	return forms
}

func (l Language) rule(r mapping.Rule) string {
	if r == "" {
		return ""
	}
	return l.Text("name.rule." + string(r))
}
