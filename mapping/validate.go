package mapping

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Validate names what keeps a contact from being sent to MetaKocka. It is
// lenient where the ERP is: shapes are checked, not existence. Reasons do not
// quote values, so that they can be shown and logged.
func Validate(c Contact) FieldErrors {
	c = c.Clean()
	var errs FieldErrors
	for _, f := range Fields() {
		if reason := problem(f, c.Get(f)); reason != "" {
			errs = append(errs, FieldError{Field: f, Reason: reason})
		}
	}
	return errs
}

// problem returns what is wrong with a cleaned value, "" for nothing.
func problem(f Field, v string) string {
	if v == "" {
		if f == FieldName {
			return "is required"
		}
		return ""
	}
	switch f {
	case FieldEmail:
		return emailProblem(v)
	case FieldPhone:
		return phoneProblem(v)
	case FieldCountry:
		if _, ok := ParseCountry(v); !ok {
			return unknownCountry(v)
		}
	case FieldTaxNumber:
		return taxProblem(v)
	}
	return ""
}

// emailShape is one address without a display name. International local parts
// and domains are let through.
var emailShape = regexp.MustCompile(`^[^\s@<>(),;:"\\]+@(?:[\p{L}\p{N}](?:[\p{L}\p{N}\p{M}-]*[\p{L}\p{N}\p{M}])?\.)+[\p{L}\p{N}][\p{L}\p{N}\p{M}-]*[\p{L}\p{N}\p{M}]$`)

func emailProblem(v string) string {
	switch {
	case strings.Count(v, "@") > 1 && strings.ContainsAny(v, ",; "):
		return "is more than one e-mail address"
	case !emailShape.MatchString(v) || strings.Contains(v, "..") || len(v) > 254:
		return "is not an e-mail address"
	}
	return ""
}

func phoneProblem(v string) string {
	d, ok := dial(v)
	if !ok {
		return "is not one phone number"
	}
	if n := len(strings.TrimPrefix(d.number, "+")); n < 3 || n > 17 {
		return "is not a phone number: it has too few or too many digits"
	}
	return ""
}

var (
	taxShape          = regexp.MustCompile(`^[A-Z0-9+*]{4,20}$`) // + and * occur in Irish numbers
	slovenianTaxShape = regexp.MustCompile(`^SI\d{8}$`)
)

// taxProblem checks the shape only: foreign numbers have many, and the check
// digit of a Slovenian one is the tax authority's business.
func taxProblem(v string) string {
	v = compactTax(v)
	switch {
	case strings.HasPrefix(v, homeRegion) && !slovenianTaxShape.MatchString(v):
		return "is not a Slovenian tax number: SI and eight digits"
	case !taxShape.MatchString(v) || !hasDigit(v):
		return "is not a tax number"
	}
	return ""
}

// unknownCountry quotes the beginning of a country's name, which identifies
// nobody and is needed to mend it.
func unknownCountry(v string) string {
	const most = 40
	if utf8.RuneCountInString(v) > most {
		v = string([]rune(v)[:most]) + "…"
	}
	return fmt.Sprintf("%q is no known country", v)
}
