package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in   string
		want Address
	}{
		{"", Address{}},
		{" ,\n; ", Address{}},
		{"Test, 4, Test, 54375", Address{"Test, 4", "Test", "54375"}},
		{"Slovenska cesta 1, Ljubljana, 1000", Address{"Slovenska cesta 1", "Ljubljana", "1000"}},
		{"Slovenska cesta 1, 1000 Ljubljana", Address{"Slovenska cesta 1", "Ljubljana", "1000"}},
		{"Slovenska cesta 1, 1000, Ljubljana", Address{"Slovenska cesta 1", "Ljubljana", "1000"}},
		{"Slovenska cesta 1\n1000 Ljubljana", Address{"Slovenska cesta 1", "Ljubljana", "1000"}},
		{"Slovenska cesta 1,\r\n1000 Ljubljana,\r\nSlovenija", Address{"Slovenska cesta 1", "Ljubljana", "1000"}},
		{"Slovenska cesta 1, Ljubljana, 1000, Slovenia", Address{"Slovenska cesta 1", "Ljubljana", "1000"}},
		{"Pod gozdom, cesta V/12, SI-1290 Grosuplje", Address{"Pod gozdom, cesta V/12", "Grosuplje", "1290"}},
		{"Slovenska cesta 1", Address{Street: "Slovenska cesta 1"}},
		{"Test, 4", Address{Street: "Test, 4"}},
		{"c/o Novak, Dunajska 5", Address{Street: "c/o Novak, Dunajska 5"}},
		{"Trg republike 3, Ljubljana", Address{Street: "Trg republike 3", City: "Ljubljana"}},
		{"1000 Ljubljana", Address{City: "Ljubljana", PostNumber: "1000"}},
		{"Ljubljana, 1000", Address{City: "Ljubljana", PostNumber: "1000"}},
		{"Dunajska 5, 1000", Address{Street: "Dunajska 5", PostNumber: "1000"}},
		{"Zgornje Bitnje 12a, 4209 Žabnica", Address{"Zgornje Bitnje 12a", "Žabnica", "4209"}},
		{"Ob železnici 14, 1110 Ljubljana - Moste", Address{"Ob železnici 14", "Ljubljana - Moste", "1110"}},
		{"Via Roma 5, 34121 Trieste", Address{"Via Roma 5", "Trieste", "34121"}},
		{"Vodičkova 5, 110 00 Praha 1", Address{"Vodičkova 5", "Praha 1", "110 00"}},
		{"Vodičkova 5, Praha 1, 110 00", Address{"Vodičkova 5", "Praha 1", "110 00"}},
		{"Marszałkowska 1, 00-950 Warszawa", Address{"Marszałkowska 1", "Warszawa", "00-950"}},
		{"Damrak 1, 1012 LG Amsterdam", Address{"Damrak 1", "Amsterdam", "1012 LG"}},
		{"10 Downing Street, London, SW1A 2AA", Address{"10 Downing Street", "London", "SW1A 2AA"}},
		{"Laugavegur 1, Reykjavik, 101", Address{"Laugavegur 1", "Reykjavik", "101"}},
		{"1600 Pennsylvania Avenue NW", Address{Street: "1600 Pennsylvania Avenue NW"}},
		{"1600 Pennsylvania Avenue NW, Washington, DC 20500", Address{"1600 Pennsylvania Avenue NW", "Washington", "DC 20500"}},
		{"Via Roma 5, 34121 Trieste TS", Address{"Via Roma 5", "Trieste", "34121"}},
		{"Via Roma 5, 34121 Trieste, TS", Address{"Via Roma 5", "Trieste", "34121"}},
		{"Rue 1, 1009 Luxembourg", Address{"Rue 1", "Luxembourg", "1009"}},
		{"Rue 1, 1009, Luxembourg", Address{"Rue 1", "Luxembourg", "1009"}},
		{"Rue 1, 1009 Luxembourg, Luxembourg", Address{"Rue 1", "Luxembourg", "1009"}},
	} {
		require.Equal(t, tc.want, ParseAddress(tc.in), "%q", tc.in)
		checkAddress(t, tc.in)
	}
}

// checkAddress holds the laws of addresses for any text: its parts put together
// read the same, and a partner that was given them reads as the same address, or
// has kept what the text does not show.
func checkAddress(t require.TestingT, v string) {
	canonical := Canonical(FieldAddress, v)
	require.Equal(t, canonical, ParseAddress(canonical).String(), "%q", v)

	target := Contact{Name: "Ana", Address: v}
	for _, old := range []Partner{{}, {Street: "Stara 1", City: "Praha 1", PostNumber: "X1"}, {City: "Ljubljana"}, {Street: v, PostNumber: "1000"}} {
		p := ToPartner(target, old, []Field{FieldAddress}, DefaultPolicy())
		back, _ := FromPartner(p)
		shown := ParseAddress(clean(FieldAddress, v))
		lacks := shown.City == "" && old.City != "" || shown.PostNumber == "" && old.PostNumber != ""
		require.True(t, Equal(FieldAddress, v, back.Address) || lacks && p.City != "" || lacks && p.PostNumber != "", "%q -> %+v -> %q", v, p, back.Address)
	}
}

func TestAddressRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		checkAddress(t, rapid.OneOf(rapid.String(), anyValue(FieldAddress), scrambled(FieldAddress)).Draw(t, "address"))
	})
}

// Any three parts that MetaKocka may hold read as a text that reads the same
// again.
func TestPartnersAddressIsStable(t *testing.T) {
	t.Parallel()
	part := rapid.OneOf(rapid.String(), scrambled(FieldAddress))
	rapid.Check(t, func(t *rapid.T) {
		p := Partner{Street: part.Draw(t, "street"), City: part.Draw(t, "city"), PostNumber: part.Draw(t, "post")}
		c, _ := FromPartner(p)
		checkAddress(t, c.Address)
	})
}

func TestAddressKeepsTheERPsParts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		old  Address
		text string
		want Address
	}{
		{"new street", Address{"Test, 4", "Test", "54375"}, "Test, 5, Test, 54375", Address{"Test, 5", "Test", "54375"}},
		{"unusual postal code", Address{"Cesta 1", "Kamp Soča", "p.p. 7"}, "Cesta 2, Kamp Soča, p.p. 7", Address{"Cesta 2", "Kamp Soča", "p.p. 7"}},
		{"city with a number", Address{"Cesta 1", "Praha 1", ""}, "Cesta 2, Praha 1", Address{"Cesta 2", "Praha 1", ""}},
		{"street removed", Address{"Cesta 1", "Praha 1", "X"}, "Praha 1, X", Address{"", "Praha 1", "X"}},
		{"city added", Address{"Cesta 1", "", "1000"}, "Cesta 1, 1000 Ljubljana", Address{"Cesta 1", "Ljubljana", "1000"}},
		{"letters before the postal code", Address{"Cesta 1", "Ljubljana", "SI-1000"}, "Cesta 2, 1000 Ljubljana", Address{"Cesta 2", "Ljubljana", "SI-1000"}},
		{"a province with the city", Address{"Via 1", "Trieste TS", "34121"}, "Via 2, Trieste TS, 34121", Address{"Via 2", "Trieste TS", "34121"}},
		{"a country behind an unusual city", Address{"Hiša 1", "Naselje 5", "4000"}, "Hiša 2, Naselje 5, 4000, Slovenija", Address{"Hiša 2", "Naselje 5", "4000"}},
		{"moved", Address{"Cesta 1", "Ljubljana", "1000"}, "Glavni trg 2, 2000 Maribor", Address{"Glavni trg 2", "Maribor", "2000"}},
		{"cleared", Address{"Cesta 1", "Ljubljana", "1000"}, "", Address{}},
	} {
		require.Equal(t, tc.want, parseLike(tc.text, tc.old), tc.name)
	}
}

func FuzzAddress(f *testing.F) {
	for _, v := range samples[FieldAddress] {
		f.Add(v)
	}
	for _, v := range []string{"a, 1009 Luxembourg, Luxembourg", "1000, Slovenija", "a;1000 B,,\n Slovenija, Slovenija", "A1, B2, 101", "1234 AB C", "x\u00a0,\u2028y"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) { checkAddress(t, v) })
}
