package mapping

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/crmmind/mksync/coded"
)

// Validate names the values that cannot be sent to MetaKocka. A name has to be
// there; any other value that cannot be sent leaves out its own field (see
// Sendable and Withheld). It is lenient where the ERP is: shapes are checked, not
// existence. Reasons do not quote values, so that they can be shown and logged.
func Validate(c Contact) FieldErrors {
	c = c.Clean()
	var errs FieldErrors
	for _, f := range Fields() {
		if reason := problem(f, c.Get(f)); !reason.IsZero() {
			errs = append(errs, FieldError{Field: f, Reason: reason})
		}
	}
	return errs
}

// Sendable is the contact without the values that cannot be sent. What the partner
// was known to hold can.
func Sendable(c, known Contact) Contact {
	c = c.Clean()
	for _, f := range Fields() {
		if !problem(f, c.Get(f)).IsZero() && !Equal(f, c.Get(f), known.Get(f)) {
			c.Set(f, "")
		}
	}
	return c
}

// Nameless says what keeps the whole contact from being sent: it has no name.
func Nameless(c Contact) error {
	if reason := problem(FieldName, clean(FieldName, c.Name)); !reason.IsZero() {
		return FieldErrors{{Field: FieldName, Reason: reason}}
	}
	return nil
}

// Withheld says why the partner does not hold the contact's value of a field, or
// not all of it: it cannot be sent. Nothing where it can, or where both hold the same.
func Withheld(f Field, crm, partner string) coded.Text {
	switch {
	case Equal(f, crm, partner) || f == FieldName:
		return coded.Text{}
	case f == FieldAddress:
		return addressLack(crm, partner)
	}
	return problem(f, clean(f, crm))
}

// Unsent is Withheld where nothing of the value can be sent: what an address shows is,
// unless that is elsewhere.
func Unsent(f Field, crm, partner string) coded.Text {
	if f == FieldAddress && !elsewhere(ParseAddress(crm), ParseAddress(partner)) {
		return coded.Text{}
	}
	return Withheld(f, crm, partner)
}

// problem returns what is wrong with a cleaned value, if anything is.
func problem(f Field, v string) coded.Text {
	if v == "" {
		if f == FieldName {
			return coded.Say("note.value.required", "is required")
		}
		return coded.Text{}
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
	return coded.Text{}
}

// phoneProblem lets through what people write beside numbers (two of them, a
// name behind one), for MetaKocka keeps text.
func phoneProblem(v string) coded.Text {
	switch {
	case !hasDigit(v):
		return coded.Say("note.value.phone_digits", "is not a phone number: it has no digits")
	case roundedPhone.MatchString(v):
		return coded.Say("note.value.phone_rounded", "is not a phone number: a spreadsheet has rounded it")
	}
	if d, ok := dial(v); ok {
		if n := len(strings.TrimPrefix(d.number, "+")); n < 3 || n > 17 && !strings.ContainsAny(v, "/,;") {
			return coded.Say("note.value.phone_length", "is not a phone number: it has too few or too many digits")
		}
	}
	return coded.Text{}
}

var roundedPhone = regexp.MustCompile(`^\d+[.,]\d+[eE]\+?\d+$`)

var (
	taxShape          = regexp.MustCompile(`^[A-Z0-9+*]{4,20}$`) // + and * occur in Irish numbers
	slovenianTaxShape = regexp.MustCompile(`^SI\d{8}$`)
)

// taxProblem checks the shape only: foreign numbers have many, and the check
// digit of a Slovenian one is the tax authority's business.
func taxProblem(v string) coded.Text {
	v = compactTax(v)
	switch {
	case strings.HasPrefix(v, homeRegion) && !slovenianTaxShape.MatchString(v):
		return coded.Say("note.value.tax_slovenian", "is not a Slovenian tax number: SI and eight digits")
	case !taxShape.MatchString(v) || !hasDigit(v):
		return coded.Say("note.value.tax", "is not a tax number")
	}
	return coded.Text{}
}

// unknownCountry quotes the beginning of a country's name, which identifies
// nobody and is needed to mend it.
func unknownCountry(v string) coded.Text {
	const most = 40
	if utf8.RuneCountInString(v) > most {
		v = string([]rune(v)[:most]) + "…"
	}
	return coded.Say("note.value.country", "{country} is no known country", strconv.Quote(v))
}
