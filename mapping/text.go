package mapping

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// clean makes a person's text safe to carry: valid UTF-8, NFC, trimmed, no
// control or invisible formatting characters. Notes and addresses keep their
// line breaks, elsewhere a line break is a space.
func clean(f Field, v string) string {
	v = strings.ToValidUTF8(v, "")
	v = strings.ReplaceAll(v, "\r\n", "\n")

	lines := f == FieldNotes || f == FieldAddress
	v = strings.Map(func(r rune) rune { return cleanRune(r, lines) }, v)
	v = strings.TrimSpace(norm.NFC.String(v))

	switch f {
	case FieldEmail:
		v = cleanEmail(v)
	case FieldPhone, FieldTaxNumber:
		v = wholeNumber.ReplaceAllString(v, "$1")
	case FieldName, FieldCompanyName, FieldAddress, FieldCountry, FieldNotes, FieldWebsite:
	}

	if Filler(f, v) {
		return ""
	}
	if f == FieldCountry {
		if code, ok := ParseCountry(v); ok {
			return code
		}
	}
	return v
}

// wholeNumber is a number that a spreadsheet took for one: 12345678.0.
var wholeNumber = regexp.MustCompile(`^(\+?(?:[A-Za-z]{2})?\d{6,})[.,]0{1,2}$`)

// cleanRune maps a rune to what clean keeps of it; -1 drops it.
func cleanRune(r rune, lines bool) rune {
	switch {
	case r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029':
		if lines {
			return '\n'
		}
		return ' '
	case r == '\t' || r == '\v' || r == '\f' || r == '\u0085':
		return ' '
	case unicode.IsControl(r) || invisible(r):
		return -1
	}
	return r
}

// invisible reports the characters that copying from web pages and office
// programs leaves in a value and that nobody sees: byte order mark, zero-width
// space, word joiner, soft hyphen and direction marks. The joiners U+200C and
// U+200D stay: some scripts need them.
func invisible(r rune) bool {
	switch r {
	case '\ufeff', '\u200b', '\u2060', '\u00ad', '\u200e', '\u200f', '\u061c':
		return true
	}
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// collapse makes every run of white space, no-break spaces included, one space
// and trims the ends.
func collapse(v string) string { return strings.Join(strings.Fields(v), " ") }

// upperASCII is strings.ToUpper for the letters of codes; other letters stay
// as they are, so applying it twice changes nothing.
func upperASCII(v string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, v)
}

// digits reports whether v consists of ASCII digits, at least one.
func digits(v string) bool {
	for _, r := range v {
		if r < '0' || r > '9' {
			return false
		}
	}
	return v != ""
}

// hasDigit reports whether v has an ASCII digit.
func hasDigit(v string) bool { return strings.ContainsAny(v, "0123456789") }

// startsWithLetter reports whether the first character of v is a letter.
func startsWithLetter(v string) bool {
	for _, r := range v {
		return unicode.IsLetter(r)
	}
	return false
}
