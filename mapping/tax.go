package mapping

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// compactTax is a tax number in upper case without separators, in NFC again: an
// accent may have lost the space it stood on.
func compactTax(v string) string {
	v = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune(".-/", r) {
			return -1
		}
		return r
	}, v)
	return norm.NFC.String(upperASCII(v))
}

// canonicalTax is compactTax without the SI of a Slovenian number: SI12345678
// and 12345678 are the same number.
func canonicalTax(v string) string {
	v = compactTax(v)
	if rest, found := strings.CutPrefix(v, homeRegion); found && digits(rest) {
		return rest
	}
	return v
}

// TaxForms lists the written forms of a tax number to search MetaKocka by; it
// may match only the form that is stored. None for an empty number.
func TaxForms(v string) []string {
	canonical := canonicalTax(clean(FieldTaxNumber, v))
	switch {
	case canonical == "":
		return nil
	case slovenianTax(canonical):
		return []string{homeRegion + canonical, canonical}
	}
	if written := clean(FieldTaxNumber, v); written != canonical {
		return []string{canonical, written}
	}
	return []string{canonical}
}

// slovenianTax reports whether a canonical number has the shape of a Slovenian
// one: eight digits.
func slovenianTax(canonical string) bool { return len(canonical) == 8 && digits(canonical) }

// hasVATPrefix reports whether a tax number is a VAT number: a country's two
// letters before a number.
func hasVATPrefix(v string) bool {
	v = compactTax(v)
	if len(v) < 4 || !hasDigit(v[2:]) {
		return false
	}
	for _, r := range v[:2] {
		if r < 'A' || r > 'Z' {
			return false
		}
	}
	return true
}
