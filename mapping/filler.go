package mapping

import (
	"slices"
	"strings"
	"unicode"
)

// Filler reports whether a value only says that there is none: punctuation
// alone (-, /, ...), or a word that people and programs put there (ni, N/A,
// null). Tax number, phone, e-mail and country have fillers; a filler is empty,
// on either side.
func Filler(f Field, v string) bool {
	switch f {
	case FieldTaxNumber, FieldPhone, FieldEmail, FieldCountry:
	case FieldName, FieldCompanyName, FieldAddress, FieldNotes, FieldWebsite:
		return false
	}
	word := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r) {
			return unicode.ToLower(r)
		}
		return -1
	}, v)
	if word == "" {
		return collapse(v) != ""
	}
	if f == FieldCountry && len(word) == 2 {
		// NI and NA are countries; N/A and a small ni are none.
		return v == "ni" || v == "Ni" || word == "na" && strings.ContainsAny(v, "/.")
	}
	return slices.Contains(fillers, word)
}

// fillers are words in place of a value, without what stands between the letters.
var fillers = []string{
	"ni", "na", "nima", "nipodatka", "nipodatkov", "nipoznano", "nipoznan", "nipoznana", "neznano", "neznan", "neznana", "brez", "prazno",
	"nema", "nepoznato", "nemapodataka", "none", "null", "nil", "nan", "unknown", "notavailable", "notapplicable", "undefined", "empty", "tbd",
	"keine", "kein", "unbekannt", "keineangabe", "nessuno", "nessuna", "sconosciuto", "xxx", "xxxx",
}
