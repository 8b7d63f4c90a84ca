// Package coded is how mksync says things to people: a code with parameters, for which each
// language has a text (internal/phrases), beside the English words that are made of both.
// Codes and the names of parameters are stable; words are not.
package coded

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Text is what is said.
type Text struct {
	Code   string            `json:"code"`
	Params map[string]string `json:"params,omitempty"`
	// Cause is what is said in the text's {cause}.
	Cause *Text `json:"cause,omitempty"`
	// More is what is said behind it.
	More []Text `json:"more,omitempty"`

	words string
}

// Number is the parameter by whose value a text has its plural form.
const Number = "n"

var named = regexp.MustCompile(`\{(\w+)\}`)

// Say makes a text. The arguments are the values of the names in braces of the English words,
// in the order in which these first come; a Text is the text's cause.
func Say(code, english string, args ...any) Text {
	t := Text{Code: code}
	said := map[string]string{}
	t.words = named.ReplaceAllStringFunc(english, func(found string) string {
		name := found[1 : len(found)-1]
		if words, again := said[name]; again {
			return words
		}
		if len(args) == 0 {
			return found
		}
		said[name] = t.give(name, args[0])
		args = args[1:]
		return said[name]
	})
	return t
}

// give takes a parameter's value, and gives the words for it.
func (t *Text) give(name string, value any) string {
	if cause, is := value.(Text); is {
		t.Cause = &cause
		return cause.String()
	}
	if t.Params == nil {
		t.Params = map[string]string{}
	}
	t.Params[name] = fmt.Sprint(value)
	return t.Params[name]
}

// Count makes a text of n things; {n} is how many, and is no argument.
func Count(code string, n int, one, many string, args ...any) Text {
	english := many
	if n == 1 {
		english = one
	}
	number := strconv.Itoa(n)
	t := Say(code, named.ReplaceAllStringFunc(english, func(found string) string {
		if found == "{"+Number+"}" {
			return number
		}
		return found
	}), args...)
	t.give(Number, n)
	return t
}

// Between stands between a text and what is said behind it.
const Between = "; "

// And is the text with another behind it, where that says anything.
func (t Text) And(other Text) Text {
	switch {
	case other.IsZero():
		return t
	case t.IsZero():
		return other
	}
	behind := other
	behind.More = nil
	for _, more := range slices.Backward(other.More) {
		behind.words = strings.TrimSuffix(behind.words, Between+more.words)
	}
	t.More = append(append(slices.Clone(t.More), behind), other.More...)
	t.words += Between + other.words
	return t
}

// Or is the text, or another where nothing is said.
func (t Text) Or(other Text) Text {
	if t.IsZero() {
		return other
	}
	return t
}

// String is the text in English.
func (t Text) String() string { return t.words }

// Words is a text of another system's words, or of a person's, which nobody translates.
func Words(words string) Text {
	if words == "" {
		return Text{}
	}
	return Say("refusal.words", "{words}", words)
}

// Earlier is a text of which the words alone are stored, as earlier versions did.
func Earlier(words string) Text {
	if words == "" {
		return Text{}
	}
	return Say("note.earlier", "{words}", words)
}

// IsEarlier reports that the words alone were stored.
func (t Text) IsEarlier() bool { return t.Code == "note.earlier" }

// IsWords reports that nothing is said but words that nobody translates.
func (t Text) IsWords() bool { return t.Code == "refusal.words" }

// Told is a text that came beside its words; one that did not come is an earlier version's.
func Told(words string, t Text) Text {
	if t.IsZero() {
		return Earlier(words)
	}
	return t.In(words)
}

// Record is a text as it is stored beside its words.
type Record struct {
	Text
	// Of is which words it is of: whoever writes others, as an earlier version of mksync or a
	// person would, need not know of it.
	Of string `json:"of"`
}

// Record is what to store beside the text's words; nil: they say all there is.
func (t Text) Record() *Record {
	if t.IsZero() || t.IsEarlier() {
		return nil
	}
	return &Record{t, sumOf(t.words)}
}

// Stored is a text as it was stored; a record that is not there, or of other words, tells
// nothing.
func Stored(words string, r *Record) Text {
	if r == nil || r.Of != sumOf(words) {
		return Earlier(words)
	}
	return r.In(words)
}

func sumOf(words string) string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(words))
	return strconv.FormatUint(sum.Sum64(), 36)
}

// In is a text that came from where its words are not kept, with the words.
func (t Text) In(english string) Text {
	t.words = english
	return t
}

// IsZero reports that nothing is said.
func (t Text) IsZero() bool { return t.Code == "" }

// Clean is the text with what clean makes of its words and of each parameter.
func (t Text) Clean(clean func(string) string) Text {
	t.words = clean(t.words)
	t.Params = maps.Clone(t.Params)
	for name, value := range t.Params {
		t.Params[name] = clean(value)
	}
	if t.Cause != nil {
		cause := t.Cause.Clean(clean)
		t.Cause = &cause
	}
	t.More = slices.Clone(t.More)
	for i, more := range t.More {
		t.More[i] = more.Clean(clean)
	}
	return t
}

// Fail makes an error that says so.
func Fail(code, english string, args ...any) error { return Say(code, english, args...).Err() }

// Err is the text as an error.
func (t Text) Err() error { return &failure{t} }

// failure is a text that is an error.
type failure struct{ text Text }

// Error is the text in English.
func (f *failure) Error() string { return f.text.String() }

// Said is the text.
func (f *failure) Said() Text { return f.text }

// Of is what an error says, in the error's own words: the text that it has, else what the
// database answered, else these words, which are another system's or nobody's to translate.
func Of(err error) Text {
	var s interface {
		error
		Said() Text
	}
	if errors.As(err, &s) {
		return s.Said().In(err.Error())
	}

	var answer interface { // a database's answer, as its driver has it
		error
		SQLState() string
	}
	if errors.As(err, &answer) {
		return Words(answer.Error()).In(err.Error())
	}
	return Words(err.Error())
}
