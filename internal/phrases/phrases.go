// Package phrases makes sentences of reasons, in the reader's language: a catalogue for each
// language, of texts by code. A text names its parameters in braces.
package phrases

import (
	"strconv"
	"strings"
	"time"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer"
)

// Language is one of the catalogues'.
type Language string

// English is the only language so far.
const English Language = "en"

// catalogue is one language.
type catalogue struct {
	texts  map[syncer.ReasonCode]string
	fields map[mapping.Field]string
	sides  map[mapping.Side]string
	rules  map[mapping.Rule]string
	empty  string // what an empty value is called
	nobody string // who asked, where nobody is known
	// at and between say when something was, since and again since when it is so and when it
	// is tried again; all begin with a blank.
	at, between, since, again string
	moment                    func(time.Time) string
	fieldList                 func([]string) string
}

var catalogues = map[Language]catalogue{English: english}

// Sentence says why. Times are shown as in the zone.
func Sentence(l Language, r syncer.Reason, zone *time.Location) string {
	c, known := catalogues[l]
	if !known {
		c = catalogues[English]
	}
	text := strings.NewReplacer(c.parameters(r, zone)...).Replace(c.texts[r.Code])
	return capital(text)
}

// capital begins a sentence.
func capital(text string) string {
	if text == "" {
		return ""
	}
	first := []rune(text)[:1]
	return strings.ToUpper(string(first)) + text[len(string(first)):]
}

// parameters are the names that a text may have, each followed by its value.
func (c catalogue) parameters(r syncer.Reason, zone *time.Location) []string {
	moment := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return c.moment(t.In(zone))
	}
	with := func(words string, t *time.Time) string {
		if t == nil {
			return ""
		}
		return strings.ReplaceAll(words, "{time}", moment(t))
	}

	changed := with(c.at, r.ChangedAt)
	if r.ChangedAt != nil && r.ChangedAfter != nil && r.ChangedAfter.Before(*r.ChangedAt) {
		changed = strings.NewReplacer("{after}", moment(r.ChangedAfter), "{before}", moment(r.ChangedAt)).Replace(c.between)
	}

	var fields []string
	for _, f := range r.Fields {
		fields = append(fields, c.fields[f])
	}
	by := r.By
	if by == "" {
		by = c.nobody
	}

	return []string{
		"{field}", c.fields[r.Field], "{side}", c.sides[r.Side], "{other}", c.sides[r.Side.Other()],
		"{value}", c.value(r.Value), "{given}", c.value(r.Given), "{crm}", c.value(r.CRM), "{metakocka}", c.value(r.MetaKocka),
		"{rule}", c.rules[r.Rule], "{winner}", c.sides[r.Winner], "{by}", by, "{words}", r.Words, "{fields}", c.fieldList(fields),
		"{changed}", changed, "{at}", with(c.at, r.Since), "{since}", with(c.since, r.Since), "{again}", with(c.again, r.RetryAt),
		"{retries}", strconv.Itoa(r.Retries),
	}
}

func (c catalogue) value(v string) string {
	if v == "" {
		return c.empty
	}
	return v
}
