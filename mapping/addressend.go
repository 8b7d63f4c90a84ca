package mapping

import (
	"regexp"
	"slices"
	"strings"
)

// What may stand behind an address: a province and a country. They are no parts
// that MetaKocka keeps with the street and the city. So they stay in the CRM's
// text when a partner's address is written back.

var (
	shortCode    = regexp.MustCompile(`^[A-Z]{2,3}$`)
	cityProvince = regexp.MustCompile(`^(\p{L}.*\pL) \(?([A-Z]{2})\)?$`)
)

// cutCountry takes a country, and a province's letters, from the end.
func (t *addressText) cutCountry(parts []string) []string {
	for n := len(parts); n >= 2; n = len(parts) {
		last, rest := parts[n-1], parts[:n-1]
		if shortCode.MatchString(last) {
			if t.country != "" && t.province != "" || !t.cutCode(last, rest) {
				return parts
			}
		} else {
			code, ok := countryWord(last)
			if !ok || cityStates[code] && !hasCity(rest) {
				return parts
			}
			if t.country == "" {
				t.country = last
				t.code = code
			}
		}
		parts = rest
	}
	return parts
}

// countryWord is the country that a part names in a language that is met here.
func countryWord(v string) (string, bool) {
	if hasDigit(v) || len(v) < 3 && !strings.Contains(v, ".") && !shortCode.MatchString(v) {
		return "", false
	}
	return nearCountry(v)
}

// cutCode judges letters at the end: a country, an Italian province, an American
// state; false where they are none of them. What may be two of them is no
// country.
func (t *addressText) cutCode(code string, rest []string) bool {
	country, ok := nearCountry(code)
	post, before := endPost(rest)
	province := italianProvinces[code] && (post == "" || postItalian.MatchString(post))
	state := americanStates[code] && post == ""

	switch {
	case !ok && !province && !state:
		return false
	case ok && !province && !state, ok && post == "" && country == homeRegion:
		if t.country == "" {
			t.country = code
			t.code = country
		}
	case ok && !before && post != "":
		// "…, Trieste, 34121, TS" is not how provinces are written.
		if t.country == "" {
			t.country = code
			t.code = country
		}
	default:
		t.province = code
	}
	return true
}

// endPost is the postal code of the last parts, and whether it stands before its
// city.
func endPost(parts []string) (post string, before bool) {
	last := parts[len(parts)-1]
	if m := postThenCity.FindStringSubmatch(last); m != nil {
		return plainPost(m[1]), true
	}
	if m := streetThenPost.FindStringSubmatch(last); m != nil {
		return plainPost(m[2]), true
	}
	if m := cityThenPost.FindStringSubmatch(last); m != nil {
		return plainPost(m[2]), false
	}
	if postAlone.MatchString(last) {
		return plainPost(last), false
	}
	if len(parts) > 1 && postAlone.MatchString(parts[len(parts)-2]) {
		return plainPost(parts[len(parts)-2]), true
	}
	return "", false
}

// hasCity reports whether a city ends the parts, so that what follows is none.
func hasCity(parts []string) bool {
	a := parseParts(parts)
	return a.City != "" && (a.PostNumber != "" || len(parts) > 1)
}

// cutProvince takes an Italian province from behind its city: "Trieste TS".
func (t *addressText) cutProvince() {
	m := cityProvince.FindStringSubmatch(t.City)
	if m == nil || !italianProvinces[m[2]] || !postItalian.MatchString(t.PostNumber) {
		return
	}
	t.City = m[1]
	t.province = m[2]
}

// rewritten is the partner's value as it is written into the contact: an address as
// readdressed has it, and of a field in several columns what these hold.
func (m fieldMerge) rewritten() string {
	switch {
	case m.partner == "":
		return ""
	case m.field == FieldAddress:
		return heldOf(m.field, m.policy.Parts, m.readdressed())
	case m.field == FieldName && len(m.policy.Parts) > 0:
		return nameAs(m.crm, m.partner)
	}
	return m.partner
}

// readdressed is the partner's address with what the contact's text has besides (a
// country and a province behind the address), and the whole of a street that MetaKocka
// holds only the beginning of.
func (m fieldMerge) readdressed() string {
	was, now, base := readAddress(m.crm), ParseAddress(m.partner), ParseAddress(m.basePartner)
	cut := now.Street != "" && now.Street == base.Street && len(now.Street) < len(was.Street) && strings.HasPrefix(was.Street, now.Street) &&
		cutAt(now.Street, limitStreet)
	parts := addressParts(m.partner)
	if cut {
		parts = Address{was.Street, now.City, now.PostNumber}.parts()
	}
	if was.province != "" && folded(was.City) == folded(now.City) {
		parts = append(parts, was.province)
	}
	if was.country != "" {
		parts = append(parts, was.country)
	}
	if text := join(parts); cut || Equal(FieldAddress, text, m.partner) && !slices.Equal(parts, addressParts(m.partner)) {
		return text
	}
	return m.partner
}

// withoutCountry is an address without the countries at its end; as it was where it
// would be another one.
func withoutCountry(v string) string {
	parts := addressParts(v)
	for t := parseParts(parts); t.country != ""; t = parseParts(parts) {
		at := len(parts) - 1
		for parts[at] != t.country {
			at--
		}
		parts = slices.Delete(parts, at, at+1)
	}
	if text := join(parts); Equal(FieldAddress, text, v) {
		return text
	}
	return v
}

// Placed makes of a merge's result what the contact is written as, so that its country
// and the end of its address say the same, and lists the fields that are written
// besides: read is what it holds, located that its country is only its address's. A
// country that only the address had goes into its field where the address loses it, and
// the word goes where the country becomes another one: each only where the field's
// direction lets it be written. Else a country that comes or goes with the address is
// nobody's edit: the base takes it.
func Placed(read Contact, located bool, r MergeResult, p Policy) (MergeResult, []Field) {
	country, address := slices.Contains(r.ToCRM, FieldCountry), slices.Contains(r.ToCRM, FieldAddress)
	told := readAddress(r.CRM.Address).code

	switch {
	case (located || read.Country == "") && address && !country && told != read.Country:
		switch {
		case !p.writes(SideCRM, FieldCountry):
			r.CRM.Country = told
			r.Base.CRM.Country = told
		case located:
			return r, []Field{FieldCountry}
		}
	case country && told != "" && told != r.CRM.Country && (told == read.Country || r.CRM.Country == ""):
		if !p.writes(SideCRM, FieldAddress) || slices.Contains(r.Parked, FieldAddress) {
			return r, nil
		}
		was := r.CRM.Address
		if r.CRM.Address = withoutCountry(was); !address && r.CRM.Address != was {
			return r, []Field{FieldAddress}
		}
	}
	return r, nil
}
