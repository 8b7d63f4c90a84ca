package mapping

import (
	"regexp"
	"strings"
)

// Address is a postal address in the parts that MetaKocka keeps apart.
type Address struct{ Street, City, PostNumber string }

// String returns "street, city, postal_code"; parts that are empty are left
// out. ParseAddress reads it back to a text that is the same.
func (a Address) String() string {
	var parts []string
	for _, v := range []string{a.Street, a.City, a.PostNumber} {
		parts = append(parts, addressParts(v)...)
	}
	return strings.Join(parts, ", ")
}

// ParseAddress reads an address as people write it, from the right, for a
// street may have commas of its own:
//
//	Test, 4, Test, 54375            street "Test, 4"
//	Slovenska cesta 1, 1000 Ljubljana
//	Slovenska cesta 1 ⏎ SI-1000 Ljubljana ⏎ Slovenija
//	Slovenska cesta 1, 1000, Ljubljana
//	Slovenska cesta 1               street alone
//
// A country's name behind the postal code is left out: it is a field of its own.
func ParseAddress(v string) Address {
	parts := dropCountry(addressParts(v))
	if a, ok := postAndCity(parts); ok {
		return a
	}
	if a, ok := postLast(parts); ok {
		return a
	}
	return noPost(parts)
}

// addressParts splits at commas, semicolons and line breaks; empty parts and
// superfluous space go.
func addressParts(v string) []string {
	var parts []string
	for _, p := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == '\n' || r == ';' }) {
		if p = collapse(p); p != "" {
			parts = append(parts, p)
		}
	}
	return parts
}

const (
	// sharedPost are the shapes of postal codes that are plain both alone and
	// before a city.
	sharedPost = `\d{4} ?[A-Z]{2}|` + // NL
		`(?:[A-Z]{1,3}-)?\d{4,7}|[A-Z]{1,2}-\d{3}|` + // 1000, SI-1000, IS-101
		`\d{3} \d{2}|\d{2}-\d{3}|` + // 110 00 (CZ, SK, SE, GR), 00-950 (PL)
		`\d{4}-\d{3}|\d{5}-\d{3,4}|\d{3}-\d{4}` // PT, BR and US, JP
	// lonePost are those that only a part of its own shows.
	lonePost = `[A-Z]{1,3} ?\d{4,7}|[A-Z]{2} \d{5}-\d{4}|` + // DC 20500, VLT 1117
		`(?i:[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2})|(?i:[a-z]\d[a-z] ?\d[a-z]\d)|` + // GB, CA
		`[A-Z]\d[\dW] ?[A-Z\d]{4}` // IE
)

var (
	postAlone    = regexp.MustCompile(`^(?:` + sharedPost + `|` + lonePost + `)$`)
	postShort    = regexp.MustCompile(`^\d{3}$`)
	postThenCity = regexp.MustCompile(`^(` + sharedPost + `) (\p{L}.*)$`)
	streetWord   = regexp.MustCompile(`(?i)\b(?:street|st|avenue|ave|road|rd|boulevard|blvd|drive|lane|way|court)\b`)
)

// looksLikeCity reports whether a part can be a city by itself: it begins with a
// letter and has no house number.
func looksLikeCity(p string) bool { return startsWithLetter(p) && !hasDigit(p) }

// dropCountry removes a country's name at the end where a postal code and a city
// stand before it; a city that is called like a country (Luxembourg) stays.
func dropCountry(parts []string) []string {
	n := len(parts)
	if n < 2 || len(parts[n-1]) < 3 {
		return parts
	}
	before := parts[n-2]
	whole := postThenCity.MatchString(before) ||
		n >= 4 && postAlone.MatchString(before) && looksLikeCity(parts[n-3])
	if !whole {
		return parts
	}
	if _, ok := ParseCountry(parts[n-1]); ok {
		return parts[:n-1]
	}
	return parts
}

// postAndCity reads a last part like "1000 Ljubljana", or the last two parts
// like "1000", "Ljubljana".
func postAndCity(parts []string) (Address, bool) {
	n := len(parts)
	if n == 0 || postAlone.MatchString(parts[n-1]) {
		return Address{}, false
	}
	last := parts[n-1]
	if m := postThenCity.FindStringSubmatch(last); m != nil && (n > 1 || !streetWord.MatchString(m[2])) {
		return Address{Street: join(parts[:n-1]), City: m[2], PostNumber: m[1]}, true
	}
	if n >= 2 && looksLikeCity(last) && postAlone.MatchString(parts[n-2]) {
		return Address{Street: join(parts[:n-2]), City: last, PostNumber: parts[n-2]}, true
	}
	return Address{}, false
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
	// "Praha 1" is a city where a street stands before it.
	if looksLikeCity(before) || n >= 3 && startsWithLetter(before) {
		return Address{Street: join(parts[:n-2]), City: before, PostNumber: last}, true
	}
	return Address{Street: join(parts[:n-1]), PostNumber: last}, true
}

// noPost reads "street, city" and a street alone.
func noPost(parts []string) Address {
	n := len(parts)
	if n >= 2 && looksLikeCity(parts[n-1]) {
		return Address{Street: join(parts[:n-1]), City: parts[n-1]}
	}
	return Address{Street: join(parts)}
}

func join(parts []string) string { return strings.Join(parts, ", ") }

// parseLike is ParseAddress for a text that replaces an address that is known in
// parts: city and postal code stay as they are parted where the text still ends
// with them, however unusual they are.
func parseLike(v string, old Address) Address {
	text := Canonical(FieldAddress, v)
	if collapse(old.City) == "" {
		return ParseAddress(text)
	}
	tail := Address{City: old.City, PostNumber: old.PostNumber}.String()
	street, found := strings.CutSuffix(text, ", "+tail)
	if !found && text != tail {
		return ParseAddress(text)
	}
	if !found {
		street = ""
	}
	return Address{Street: street, City: collapse(old.City), PostNumber: collapse(old.PostNumber)}
}
