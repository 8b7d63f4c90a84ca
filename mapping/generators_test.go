package mapping

import (
	"math/rand/v2"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/crmmind/mksync/internal/testenv/people"
)

// samples are values as they occur, a few of them the same in another spelling.
var samples = map[Field][]string{
	FieldName:        {"Ana Kralj", "ana kralj", " Ana  Kralj ", "Štefan Žagar", "S\u030ctefan Z\u030cagar", "Marko Novak ml."},
	FieldCompanyName: {"", "Žagar d.o.o.", "Žagar  d.o.o.", "Kmetija Novak, s.p.", "Müller & Söhne GmbH"},
	FieldEmail:       {"", "ana@podjetje.si", "ANA@podjetje.si", "info@zagar.si", "ana+erp@podjetje.si", "mailto:ana@podjetje.si", "ana@podjetje.si; info@zagar.si", "n/a"},
	FieldPhone: {
		"", "041 123 456", "+386 41 123 456", "00386/41-123-456", "01 234 56 78", "+385 91 123 4567", "54367865463", "-",
		"041 123 456, 051 234 567", "041 123 456 (Ana)", "41123456.0",
	},
	FieldAddress: {
		"", "Slovenska cesta 1, Ljubljana, 1000", "Slovenska cesta 1, 1000 Ljubljana", "Slovenska cesta 1\n1000 Ljubljana\nSlovenija",
		"Test, 4, Test, 54375", "Pri Marku 3", "Trg republike 3, Ljubljana", "Vodičkova 5, Praha 1, 110 00", "Obala 14, 6320", "Slovenska cesta 1 1000 Ljubljana", "Slovenska cesta 1, SI - 1000 Ljubljana",
		"Slovenska cesta 1", "Slovenska cesta 1, pritličje", "Via Roma 5, 34121 Trieste, TS", "9 High Street, London SW1A 2AA", "Kranj",
	},
	FieldCountry:   {"", "SI", "HR", "DE", "AT", "ČR", "ni"},
	FieldTaxNumber: {"", "SI12345678", "12345678", "si 123 456 78", "87654321", "HR12345678901", "ATU12345678", "/", "12345678.0"},
	FieldNotes:     {"", "plačuje redno", "plačuje\nredno", "kliči po 16h"},
	FieldWebsite:   {"", "https://www.podjetje.si", "https://www.podjetje.si/", "www.zagar.si"},
}

// unsendable are values as they occur that Validate does not let through.
var unsendable = map[Field][]string{
	FieldEmail:     {"ana@", "kliči po 16h", "ana@podjetje.si (zasebno)"},
	FieldPhone:     {"pokliči tajnico", "12", "4,1123E+07"},
	FieldCountry:   {"Nikjer", "Kranjska"},
	FieldTaxNumber: {"SI1234567", "v postopku"},
}

// anyValue draws a value as it occurs.
func anyValue(f Field) *rapid.Generator[string] { return rapid.SampledFrom(samples[f]) }

// anyTyped draws a value as it occurs, one that cannot be sent included.
func anyTyped(f Field) *rapid.Generator[string] {
	real := rapid.Custom(func(t *rapid.T) string {
		seed, n := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 9).Draw(t, "number")
		return people.Value(rand.New(rand.NewPCG(seed, 1)), string(f), n)
	})
	typed := rapid.SampledFrom(append(slices.Clone(samples[f]), unsendable[f]...))
	if f == FieldName || f == FieldCompanyName || f == FieldWebsite {
		return typed
	}
	return rapid.OneOf(typed, real)
}

// scrambled draws a value that is put together from what values of its kind
// consist of, to reach corners that neither samples nor random text do.
func scrambled(f Field) *rapid.Generator[string] {
	pieces := []string{" ", ",", "\n", "1", "1000", "A", "ž", "-", ".", "SI", "\u00a0", "\u030c", "/"}
	switch f {
	case FieldAddress:
		pieces = append(pieces, ", ", "Ljubljana", "Slovenija", "Luxembourg", "SI-1000", "110 00", "Praha 1", "SW1A 1AA", "101", "Avenue", "1000 Ljubljana",
			"TS", "NY", "UK", "34121", "10118", "p.p. 7", "pritličje", "10 000", " - ", "7 ")
	case FieldPhone:
		pieces = append(pieces, "+", "00", "386", "(0)", "041", "123", "456", "x", "int.", ";ext=", "#", "tel:", "+39 0")
	case FieldWebsite, FieldEmail:
		pieces = append(pieces, "://", "HTTP", "@", "?", "#", "X.si", "J")
	}
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 9).Draw(t, "pieces"), "")
	})
}

// anyContact draws a contact that Validate lets through.
func anyContact() *rapid.Generator[Contact] {
	return rapid.Custom(func(t *rapid.T) Contact {
		var c Contact
		for _, f := range Fields() {
			c.Set(f, anyValue(f).Draw(t, string(f)))
		}
		return c
	})
}

// respelled draws another spelling of the same value, which is no edit.
func respelled(f Field, v string) *rapid.Generator[string] {
	same := []string{v, " " + v, v + " "}
	for _, s := range samples[f] {
		if Unedited(f, v, s) {
			same = append(same, s)
		}
	}
	return rapid.SampledFrom(same)
}
