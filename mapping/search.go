package mapping

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Searched is what a contact is searched by: the ids, and names, e-mail, tax number and phone
// of each of the two, folded, as words in ASCII: whatever a database's encoding, it holds them.
// A phone's digits are those that are dialled from abroad; a tax number is in one piece.
func Searched(ids []string, contacts ...Contact) string {
	var words []string
	add := func(text string) {
		for word := range strings.FieldsSeq(inASCII(text)) {
			if !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}

	for _, id := range ids {
		add(folded(id))
	}
	for _, c := range contacts {
		add(folded(c.Name))
		add(folded(c.CompanyName))
		add(folded(c.Email))
		add(folded(pressed(c.TaxNumber)))
		add(dialledAbroad(c.Phone))
	}
	return strings.Join(words, " ")
}

// Search is what somebody looks for: a contact is found that has all the words, or the
// number.
type Search struct {
	Words  []string
	Number string // "": what is looked for has no digit
}

// Asks reports whether anything is looked for.
func (s Search) Asks() bool { return len(s.Words) > 0 || s.Number != "" }

// ParseSearch folds what somebody typed as Searched folds what there is.
func ParseSearch(text string) Search {
	s := Search{Words: strings.Fields(inASCII(folded(text)))}
	if hasDigit(text) {
		s.Number = inASCII(folded(pressed(text)))
		if digits(s.Number) { // 040 … and 00386 40 … are 386 40 …
			s.Number = strings.TrimLeft(s.Number, "0")
		}
		if _, number, ok := vatLetters(compactTax(text)); ok { // SI12345679 may be stored as 12345679
			s.Number = strings.ToLower(number)
		}
	}
	return s
}

// Finds reports whether the search finds what Searched made.
func (s Search) Finds(searched string) bool {
	if s.Number != "" && strings.Contains(searched, s.Number) {
		return true
	}
	return len(s.Words) > 0 && !slices.ContainsFunc(s.Words, func(word string) bool { return !strings.Contains(searched, word) })
}

// inASCII is a text with the codes of its letters that are none of ASCII in their place.
func inASCII(v string) string {
	var b strings.Builder
	for _, r := range v {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "~%x~", r)
		}
	}
	return b.String()
}

// pressed is a text without anything between its letters and digits.
func pressed(v string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, v)
}

// dialledAbroad is a phone number's digits behind the +, a national one's as if it were
// Slovenian: what is typed is found whichever form it has. Canonical costs twenty times that.
func dialledAbroad(v string) string {
	v = onlyDigits(strings.ReplaceAll(v, "(0)", ""))
	switch {
	case strings.HasPrefix(v, "00"):
		return v[2:]
	case strings.HasPrefix(v, "0"):
		return "386" + v[1:]
	}
	return v
}

func onlyDigits(v string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, v)
}
