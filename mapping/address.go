package mapping

import (
	"regexp"
	"slices"
	"strings"

	"github.com/crmmind/mksync/coded"
)

// Address is a postal address in the parts that MetaKocka keeps apart.
type Address struct{ Street, City, PostNumber string }

// String returns "street, city, postal_code"; parts that are empty are left
// out. ParseAddress reads it back to a text that is the same.
func (a Address) String() string { return join(a.parts()) }

func (a Address) parts() []string {
	var parts []string
	for _, v := range []string{a.Street, a.City, a.PostNumber} {
		parts = append(parts, addressParts(v)...)
	}
	return parts
}

// ParseAddress reads an address as people write it, from the right, for a
// street may have commas of its own:
//
//	Test, 4, Test, 54375            street "Test, 4"
//	Slovenska cesta 1, 1000 Ljubljana
//	Slovenska cesta 1 ⏎ SI-1000 Ljubljana ⏎ Slovenija
//	Slovenska cesta 1, 1000, Ljubljana
//	Slovenska cesta 1 1000 Ljubljana
//	1000 Ljubljana, Slovenska cesta 1
//	Slovenska cesta 1, Kranj 4000
//	10 High Street, London SW1A 2AA
//	350 Fifth Avenue, New York, NY, 10118
//	Via Roma 5, 34121 Trieste, TS, Italia
//	Maribor, p.p. 7, 2001           street "p.p. 7"
//	Slovenska cesta 1               street alone
//
// A country and a province at the end are no part of it; a postal code is without
// the country's letters.
func ParseAddress(v string) Address { return readAddress(v).Address }

// addressText is what a text says of an address.
type addressText struct {
	Address
	province string // behind the city, as written
	country  string // at the end, as written
	code     string // of the country; "": it may also be a province or a state
}

// readAddress parses a text until its parts, put together, read as themselves:
// so an address that was written back is the same address.
func readAddress(v string) addressText {
	const enough = 10
	first := parseParts(addressParts(v))
	for range enough {
		again := parseParts(first.parts())
		if again.Address == first.Address {
			return first
		}
		first.Address = again.Address
	}
	first.Address = Address{Street: first.String()}
	return first
}

// addressParts splits at commas, semicolons and line breaks; empty parts and
// superfluous space go.
func addressParts(v string) []string {
	var parts []string
	for _, p := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(",;|\n", r) }) {
		if p = collapse(p); p != "" {
			parts = append(parts, p)
		}
	}
	return parts
}

// parseParts reads an address once.
func parseParts(parts []string) addressText {
	t := addressText{}
	parts = t.cutCountry(parts)
	for _, form := range []func([]string) (Address, bool){postAndCity, cityAndPost, postLast, postWithin, postFirst} {
		if a, ok := form(parts); ok {
			t.Address = a
			t.cutProvince()
			return t
		}
	}
	t.Address = noPost(parts)
	return t
}

// postAndCity reads a last part like "1000 Ljubljana", or the last two parts
// like "1000", "Ljubljana".
func postAndCity(parts []string) (Address, bool) {
	n := len(parts)
	if n == 0 || postAlone.MatchString(parts[n-1]) {
		return Address{}, false
	}
	last := parts[n-1]
	if m := postThenCity.FindStringSubmatch(last); m != nil && (n > 1 || !isStreet(m[2])) {
		return Address{Street: join(parts[:n-1]), City: m[2], PostNumber: plainPost(m[1])}, true
	}
	if n >= 2 && looksLikeCity(last) && postAlone.MatchString(parts[n-2]) {
		return Address{Street: join(parts[:n-2]), City: last, PostNumber: plainPost(parts[n-2])}, true
	}
	return Address{}, false
}

// cityAndPost reads a last part like "Kranj 4000", "New York NY 10118" or "London
// SW1A 2AA"; only the last of these shows by itself that it is no street.
func cityAndPost(parts []string) (Address, bool) {
	n := len(parts)
	if n == 0 {
		return Address{}, false
	}
	m := cityThenPost.FindStringSubmatch(parts[n-1])
	if postAlone.MatchString(parts[n-1]) {
		return Address{}, false // DC 20500
	}
	if m == nil || !looksLikeCity(m[1]) || isStreet(m[1]) || n == 1 && !postBritish.MatchString(m[2]) {
		return Address{}, false
	}
	return Address{Street: join(parts[:n-1]), City: m[1], PostNumber: plainPost(m[2])}, true
}

// postLast reads "…, city, postal_code", and "street 1, postal_code" and "city,
// postal_code" where one of the two is missing.
func postLast(parts []string) (Address, bool) {
	n := len(parts)
	if n < 2 {
		return Address{}, false
	}
	last, before := parts[n-1], parts[n-2]
	short := n >= 3 && postShort.MatchString(last) && looksLikeCity(before)
	if !postAlone.MatchString(last) && !short {
		return Address{}, false
	}
	post := plainPost(last)
	switch {
	case n >= 3 && americanStates[before] && postAmerican.MatchString(last) && looksLikeCity(parts[n-3]):
		return Address{Street: join(parts[:n-3]), City: parts[n-3], PostNumber: before + " " + last}, true
	case n >= 3 && noCity.MatchString(before) && looksLikeCity(parts[n-3]):
		return Address{Street: join(append(slices.Clone(parts[:n-3]), before)), City: parts[n-3], PostNumber: post}, true
	// "Praha 1" is a city where a street stands before it.
	case looksLikeCity(before), n >= 3 && startsWithLetter(before) && !noCity.MatchString(before) && !isStreet(before):
		return Address{Street: join(parts[:n-2]), City: before, PostNumber: post}, true
	}
	return Address{Street: join(parts[:n-1]), PostNumber: post}, true
}

// postWithin reads a last part without commas: "Slovenska cesta 1 1000 Ljubljana".
func postWithin(parts []string) (Address, bool) {
	n := len(parts)
	if n == 0 {
		return Address{}, false
	}
	m := streetThenPost.FindStringSubmatch(parts[n-1])
	if m == nil || isStreet(m[3]) || noCity.MatchString(m[3]) {
		return Address{}, false
	}
	street := append(slices.Clone(parts[:n-1]), m[1])
	return Address{Street: join(street), City: m[3], PostNumber: plainPost(m[2])}, true
}

// postFirst reads "1000 Ljubljana, Slovenska cesta 1".
func postFirst(parts []string) (Address, bool) {
	n := len(parts)
	if n < 2 || !hasDigit(parts[n-1]) || noCity.MatchString(parts[n-1]) {
		return Address{}, false
	}
	m := postThenCity.FindStringSubmatch(parts[0])
	if m == nil || isStreet(m[2]) || hasDigit(m[2]) {
		return Address{}, false
	}
	return Address{Street: join(parts[1:]), City: m[2], PostNumber: plainPost(m[1])}, true
}

// noPost reads "street, city", and a street or a city alone.
func noPost(parts []string) Address {
	n := len(parts)
	if n >= 2 && looksLikeCity(parts[n-1]) || n == 1 && looksLikeCity(parts[0]) && !isStreet(parts[0]) {
		return Address{Street: join(parts[:n-1]), City: parts[n-1]}
	}
	return Address{Street: join(parts)}
}

func join(parts []string) string { return strings.Join(parts, ", ") }

// parseLike is ParseAddress for a text that replaces an address that is known in
// parts: city and postal code stay as they are parted where the text still ends
// with them, however unusual they are, and stay where none are found in it. Where
// only one of the two is found, and it is another one, nothing is to be mixed: the
// address stays as it was. See addressLack.
func parseLike(v string, old Address) Address {
	written := addressParts(clean(FieldAddress, v))
	if a, found := sameEnd(written, old); found {
		return a
	}
	a := ParseAddress(v)
	if found, ok := sameEnd(a.parts(), old); ok {
		return found
	}
	oldCity, oldPost := collapse(old.City), collapse(old.PostNumber)
	if a.PostNumber == plainPost(oldPost) {
		a.PostNumber = oldPost // as the ERP writes it
	}
	switch {
	case a == Address{}, (a.City != "" || oldCity == "") && (a.PostNumber != "" || oldPost == ""):
		return a
	case elsewhere(a, Address{City: oldCity, PostNumber: oldPost}):
		return old
	}
	return Address{Street: a.Street, City: first(a.City, oldCity), PostNumber: first(a.PostNumber, oldPost)}
}

// sameEnd splits off the city and the postal code that the address had before.
func sameEnd(parts []string, old Address) (Address, bool) {
	end := Address{City: old.City, PostNumber: old.PostNumber}.parts()
	at := len(parts) - len(end)
	if collapse(old.City) == "" || at < 0 || !slices.Equal(parts[at:], end) {
		return Address{}, false
	}
	return Address{Street: join(parts[:at]), City: collapse(old.City), PostNumber: collapse(old.PostNumber)}, true
}

// elsewhere reports whether what both addresses have of city and postal code
// tells them apart.
func elsewhere(a, b Address) bool {
	return a.City != "" && b.City != "" && folded(a.City) != folded(b.City) ||
		a.PostNumber != "" && b.PostNumber != "" && a.PostNumber != plainPost(b.PostNumber)
}

// addressLack says which parts of an address a text does not show, though the
// partner has them; nothing where it shows them all.
func addressLack(crm, partner string) coded.Text {
	a, b := ParseAddress(crm), ParseAddress(partner)
	city := a.City == "" && b.City != ""
	post := a.PostNumber == "" && b.PostNumber != ""
	other := elsewhere(a, b)

	switch {
	case !city && !post || a == Address{}:
		return coded.Text{}
	case city && post:
		return coded.Say("note.value.no_place", "shows no city and no postal code: MetaKocka's stays")
	case city && other:
		return coded.Say("note.value.no_city_elsewhere", "shows no city, and is elsewhere than MetaKocka's: it is not sent")
	case city:
		return coded.Say("note.value.no_city", "shows no city: MetaKocka's stays")
	case other:
		return coded.Say("note.value.no_post_elsewhere", "shows no postal code, and is elsewhere than MetaKocka's: it is not sent")
	}
	return coded.Say("note.value.no_post", "shows no postal code: MetaKocka's stays")
}

// cutPost are the letters of a country before a postal code, and the space that
// Croats and others put into it.
var cutPost = regexp.MustCompile(`^(?:([A-Z]{1,3}) ?([-–])? ?)?(\d{4,7}|\d{2} \d{3})$`)

// plainPost is a postal code without the country's letters: 1000 for SI-1000.
func plainPost(v string) string {
	m := cutPost.FindStringSubmatch(v)
	switch {
	case m == nil:
		return v
	case m[1] != "" && !postLetters[m[1]], m[2] == "" && americanStates[m[1]]:
		return v
	}
	return strings.ReplaceAll(m[3], " ", "")
}
