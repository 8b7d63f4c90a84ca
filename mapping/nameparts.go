package mapping

import (
	"slices"
	"strings"
)

// A name in two columns. The CRM writes the given names first; the ERP's users may write
// them last, as in NOVAK ANA, and neither order is an edit of the other.

// splitName finds the part that stays, in whichever order the name is written. Else the
// last word is the family name, and so is a single word and the name of a company.
func splitName(c Contact, had Parted) Parted {
	name := collapse(c.Name)
	words, given, family := strings.Fields(name), strings.Fields(had[PartGiven]), strings.Fields(had[PartFamily])
	n, g, f := len(words), len(given), len(family)
	of := func(given, family []string) Parted {
		return Parted{PartGiven: spelled(had[PartGiven], given), PartFamily: spelled(had[PartFamily], family)}
	}

	switch {
	case name == Join(FieldName, had), turned(Join(FieldName, had), name):
		return had
	case Equal(FieldCompanyName, name, c.CompanyName):
		return of(nil, words)
	case g > 0 && begins(words, given):
		return of(words[:g], words[g:])
	case f > 0 && ends(words, family):
		return of(words[:n-f], words[n-f:])
	case g > 0 && f > 0 && ends(words, given):
		return of(given, words[:n-g])
	case f > 0 && begins(words, family):
		return of(words[f:], family)
	case n == 0:
		return of(nil, nil)
	}
	return of(words[:n-1], words[n-1:])
}

// spelled are the words of a part, with the space between them as its column has it where
// nothing else would change.
func spelled(had string, words []string) string {
	if part := strings.Join(words, " "); collapse(had) != part {
		return part
	}
	return had
}

// nameAs is a partner's name as the CRM would get it in its own order: what of the name
// stays, stays where it is, as it is spelled there.
func nameAs(crm, partner string) string {
	words, was := strings.Fields(partner), strings.Fields(crm)
	if len(words) == 0 || len(was) == 0 {
		return partner
	}
	if turned(crm, partner) {
		return crm
	}
	if begins(words, was[:1]) || ends(words, was[len(was)-1:]) {
		return partner
	}

	for n := min(len(words), len(was)) - 1; n > 0; n-- {
		switch stays, goes := was[:n], was[len(was)-n:]; {
		case ends(words, stays): // the given names, behind the family name
			return strings.Join(slices.Concat(stays, words[:len(words)-n]), " ")
		case begins(words, goes): // the family name, before the given names
			return strings.Join(slices.Concat(words[n:], goes), " ")
		}
	}
	return partner
}

// turned reports whether two names are the same words, the second with its last ones
// first. Letters in capitals are how many write the family name then.
func turned(a, b string) bool {
	one, other := strings.Fields(a), strings.Fields(b)
	if len(one) != len(other) || sameWords(one, other) {
		return false
	}
	for n := 1; n < len(one); n++ {
		if begins(other, one[n:]) && ends(other, one[:n]) {
			return true
		}
	}
	return false
}

func begins(words, with []string) bool {
	return len(with) <= len(words) && sameWords(words[:len(with)], with)
}

func ends(words, with []string) bool {
	return len(with) <= len(words) && sameWords(words[len(words)-len(with):], with)
}

func sameWords(a, b []string) bool {
	return slices.EqualFunc(a, b, func(a, b string) bool { return lowerNFC(a) == lowerNFC(b) })
}
