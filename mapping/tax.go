package mapping

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// compactTax is a tax number in upper case without separators, in NFC again: an
// accent may have lost the space it stood on.
func compactTax(v string) string {
	v = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || strings.ContainsRune("./", r) {
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

var swissTax = regexp.MustCompile(`^(CHE\d{9})(?:MWST|TVA|IVA|HR)?$`)

// TaxForms lists the written forms of a tax number, of somebody in a country, to
// search MetaKocka by; it may match only the form that is stored. None for an empty
// number.
func TaxForms(v, country string) []string {
	canonical := canonicalTax(clean(FieldTaxNumber, v))
	if canonical == "" {
		return nil
	}

	forms := []string{canonical}
	id := ReadTax(v, country)
	if id.Country == homeRegion && slovenianTax(canonical) {
		forms = []string{homeRegion + canonical, canonical}
	}

	letters := id.Country
	switch id.Country {
	case "GR":
		letters = "EL"
	case "CH":
		letters = "CHE"
	case "AT":
		letters = "ATU"
	}

	for _, form := range []string{letters + id.Number, id.Number, clean(FieldTaxNumber, v)} {
		if !slices.Contains(forms, form) && form != "" {
			forms = append(forms, form)
		}
	}
	return forms
}

// slovenianTax reports whether a canonical number has the shape of a Slovenian
// one: eight digits.
func slovenianTax(canonical string) bool { return len(canonical) == 8 && digits(canonical) }

// TaxID is a tax number taken apart, so that its spellings can be compared.
type TaxID struct {
	Country string // alpha-2, of the number's letters, else of who has it; "": not known
	Number  string // without the country's letters and without separators
}

// ReadTax takes a tax number of somebody in a country ("": not known) apart. A
// filler has no number.
func ReadTax(v, country string) TaxID {
	compact := compactTax(clean(FieldTaxNumber, v))
	v = canonicalTax(compact)
	if v != compact { // its letters are left out of the canonical form
		return TaxID{Country: homeRegion, Number: v}
	}

	id := TaxID{Country: clean(FieldCountry, country), Number: v}
	if code, rest, found := vatLetters(v); found {
		id = TaxID{code, rest}
	} else if id.Country == "" && slovenianTax(v) {
		id.Country = homeRegion
	}

	switch id.Country {
	case "AT":
		if rest, found := strings.CutPrefix(id.Number, "U"); found && digits(rest) {
			id.Number = rest
		}
	case "HU": // 12345676-2-41 is HU12345676 with its kind of tax and its county
		if len(id.Number) == 11 && digits(id.Number) {
			id.Number = id.Number[:8]
		}
	}
	return id
}

// Same reports whether two numbers are one: sure says whether the countries are
// known to be the same as well.
func (t TaxID) Same(other TaxID) (same, sure bool) {
	same = t.Number != "" && t.Number == other.Number && (t.Country == other.Country || t.Country == "" || other.Country == "")
	return same, same && t.Country == other.Country
}

// Placeholder reports whether a number only fills its field: words (v postopku),
// repeated digits, or digits in a row.
func (t TaxID) Placeholder() bool {
	return len(t.Number) < 4 || !hasDigit(t.Number) || patterned(t.Number)
}

// patterned reports whether a number is one digit again and again, or digits in a row.
func patterned(number string) bool {
	return strings.Count(number, number[:1]) == len(number) ||
		strings.Contains("01234567890", number) || strings.Contains("9876543210", number)
}

// Doubtful reports whether a number says little about whose it is: a
// placeholder, or a Slovenian one whose check digit is wrong.
func (t TaxID) Doubtful() bool {
	return t.Placeholder() || t.Country == homeRegion && !slovenianCheckDigit(t.Number)
}

// Digits are the number's digits, by which its spellings are found.
func (t TaxID) Digits() string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, t.Number)
}

// slovenianCheckDigit reports whether the last of eight digits follows from the
// others, as the tax authority makes them.
func slovenianCheckDigit(v string) bool {
	if !slovenianTax(v) {
		return false
	}
	sum := 0
	for i, r := range v[:7] {
		sum += (8 - i) * int(r-'0')
	}
	check := 11 - sum%11
	return check%10 == int(v[7]-'0') && check != 11
}

// vatLetters takes the country's letters from a compact VAT number. Letters that
// stand before other letters are none (ID, RS): what follows is a number of the
// country's form.
func vatLetters(v string) (country, number string, ok bool) {
	if rest, found := strings.CutPrefix(v, "CHE"); found && swissTax.MatchString(v) {
		return "CH", rest[:9], true
	}

	if len(v) < 4 {
		return "", "", false
	}
	letters, number := v[:2], v[2:]

	form := vatForms[letters]
	if form == nil {
		form = plainVAT
	}
	if !form.MatchString(number) {
		return "", "", false
	}

	switch letters {
	case "EL":
		return "GR", number, true
	case "XI":
		return "GB", number, true
	}
	_, known := parseRegion(letters)
	return letters, number, known
}

// vatForms are the forms of numbers that are not only digits, by the letters
// before them.
var (
	plainVAT = regexp.MustCompile(`^\d{4,15}$`)
	vatForms = map[string]*regexp.Regexp{
		"AT": regexp.MustCompile(`^U?\d{8}$`),
		"CY": regexp.MustCompile(`^\d{8}[A-Z]$`),
		"ES": regexp.MustCompile(`^[A-Z0-9]\d{7}[A-Z0-9]$`),
		"FR": regexp.MustCompile(`^[A-Z0-9]{2}\d{9}$`),
		"GB": regexp.MustCompile(`^(?:\d{9}|\d{12}|GD\d{3}|HA\d{3})$`),
		"IE": regexp.MustCompile(`^\d[A-Z0-9+*]\d{5}[A-Z]{1,2}$`),
		"NL": regexp.MustCompile(`^[\dA-Z+*]{9}B\d{2}$`),
		"XI": regexp.MustCompile(`^(?:\d{9}|\d{12}|GD\d{3}|HA\d{3})$`),
	}
)

// hasVATPrefix reports whether a tax number is a VAT number: a country's
// letters before a number.
func hasVATPrefix(v string) bool {
	_, _, ok := vatLetters(compactTax(v))
	return ok
}
