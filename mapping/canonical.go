package mapping

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Canonical returns the form in which two values of a field are compared. It is
// for comparing and searching, not for showing: a person's own spelling is what
// is stored and sent. Canonical(f, Canonical(f, v)) == Canonical(f, v).
//
//   - tax number, phone, e-mail and country: "" for a filler
//   - email: lower case
//   - phone: E.164 where the number can be read (national numbers as
//     Slovenian), an extension as ";ext=12"; otherwise its digits
//   - tax_number: upper case without separators, Slovenian ones without SI
//   - country: ISO 3166-1 alpha-2 where the name is known
//   - address: "street, city, postal_code"
//   - website: scheme and host in lower case, no lone slash at the end
//   - everything else: white space collapsed, line breaks included
func Canonical(f Field, v string) string {
	v = clean(f, v)
	switch f {
	case FieldEmail:
		return lowerNFC(collapse(v))
	case FieldPhone:
		return canonicalPhone(v)
	case FieldAddress:
		return ParseAddress(v).String()
	case FieldTaxNumber:
		return canonicalTax(v)
	case FieldWebsite:
		return canonicalWebsite(v)
	}
	return collapse(v)
}

// Equal reports whether two values of a field are the same, formatting aside.
func Equal(f Field, a, b string) bool {
	return a == b || Canonical(f, a) == Canonical(f, b)
}

// Agree reports whether a contact and a partner hold the same in a field. It is
// Equal, and for tax numbers it knows the spellings that depend on the country:
// its letters or none, EL and GR, CHE with MWST or without. Each is read as of its own
// side's country, where that has one.
func Agree(f Field, crm, partner Contact) bool {
	if Equal(f, crm.Get(f), partner.Get(f)) {
		return true
	}
	if f != FieldTaxNumber {
		return false
	}
	of := ReadTax(crm.TaxNumber, first(crm.Country, partner.Country))
	_, sure := of.Same(ReadTax(partner.TaxNumber, first(partner.Country, crm.Country)))
	return sure
}

// Unedited reports whether nobody edited a value that was one and now is the
// other. It is Equal but where people mean something by the form: the letters of
// a tax number, which say who is liable for VAT, and the lines of notes. So
// values that are Equal are left alone as they are on two sides, and an edit of
// one side from one form to the other is carried over.
func Unedited(f Field, was, is string) bool {
	if was == is {
		return true
	}
	switch f {
	case FieldTaxNumber:
		return compactTax(clean(f, was)) == compactTax(clean(f, is))
	case FieldNotes:
		return lines(was) == lines(is)
	case FieldName, FieldCompanyName, FieldEmail, FieldPhone, FieldAddress, FieldCountry, FieldWebsite:
	}
	return Equal(f, was, is)
}

// lines is a text with its lines, superfluous space aside.
func lines(v string) string {
	all := strings.Split(clean(FieldNotes, v), "\n")
	for i := range all {
		all[i] = collapse(all[i])
	}
	return strings.TrimSpace(strings.Join(all, "\n"))
}

// canonicalWebsite lowers what is case-insensitive in an address of the web and
// drops the slash that browsers add to a bare host.
func canonicalWebsite(v string) string {
	v = collapse(v)
	if strings.Contains(v, " ") {
		return v
	}
	scheme, rest, found := strings.Cut(v, "://")
	if !found {
		scheme, rest = "", v
	}
	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	if path == "/" {
		path = ""
	}
	if found {
		scheme = lowerNFC(scheme) + "://"
	}
	return scheme + lowerNFC(host) + path
}

// lowerNFC lowers v and composes what only exists composed in lower case.
func lowerNFC(v string) string { return norm.NFC.String(strings.ToLower(v)) }
