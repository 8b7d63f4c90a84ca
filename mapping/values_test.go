package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Addresses as people in several countries write them.
func TestAddressesAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Address{
		"Celovška cesta 9 1000 Ljubljana":         {"Celovška cesta 9", "Ljubljana", "1000"},
		"Celovška cesta 9, SI - 1000 Ljubljana":   {"Celovška cesta 9", "Ljubljana", "1000"},
		"Vlaška 12, 10 000 Zagreb":                {"Vlaška 12", "Zagreb", "10000"},
		"4 Low Street, Leeds LS1 4DY":             {"4 Low Street", "Leeds", "LS1 4DY"},
		"Celovška cesta 9, Ljubljana, Slovenija":  {"Celovška cesta 9", "Ljubljana", ""},
		"Celovška cesta 9, 1000 Ljubljana, SI":    {"Celovška cesta 9", "Ljubljana", "1000"},
		"4 Low Street, Leeds, LS1 4DY, UK":        {"4 Low Street", "Leeds", "LS1 4DY"},
		"Via Dante 3, 34170 Gorizia, GO":          {"Via Dante 3", "Gorizia", "34170"},
		"11 Main Street, Albany, NY, 12207":       {"11 Main Street", "Albany", "NY 12207"},
		"Celovška cesta 9, pritličje":             {"Celovška cesta 9, pritličje", "", ""},
		"Celje, p.p. 12, 3001":                    {"p.p. 12", "Celje", "3001"},
		"Cesta 2, Jesenice 4270":                  {"Cesta 2", "Jesenice", "4270"},
		"Koper":                                   {"", "Koper", ""},
		"Bahnhofstr. 8, 50667 Köln, Deutschland":  {"Bahnhofstr. 8", "Köln", "50667"},
		"Ringstraße 1/4, A-1010 Wien, Österreich": {"Ringstraße 1/4", "Wien", "1010"},
		"10000 Zagreb, Vlaška 12":                 {"Vlaška 12", "Zagreb", "10000"},
	} {
		require.Equal(t, want, ParseAddress(in), in)
		checkAddress(t, in)
	}
}

func TestAnAddressThatShowsLessEmptiesNothing(t *testing.T) {
	t.Parallel()
	old := Address{"Celovška cesta 9", "Ljubljana", "1000"}
	require.Equal(t, Address{"Dalmatinova 2", "Ljubljana", "1000"}, parseLike("Dalmatinova 2", old))
	require.Equal(t, "shows no city and no postal code: MetaKocka's stays", Withheld(FieldAddress, "Dalmatinova 2", old.String()).String())
	require.Equal(t, old, parseLike("Glavni trg 3, Celje", old), "the postal code is another town's")
	require.False(t, Withheld(FieldAddress, "Glavni trg 3, Celje", old.String()).IsZero())
	require.Equal(t, Address{}, parseLike("", old))
}

func TestCountriesWithLabelsAndAbbreviations(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ČR": "CZ", "Č.R.": "CZ", "ČG": "ME", "United Kingdom (UK)": "GB", "Republika Hrvaška": "HR", "Republika Avstrija": "AT",
		"Korea, Republic of": "KR", "Moldova, Republic of": "MD", "CR": "CR", "NI": "NI", "XKX": "XK",
	} {
		got, ok := ParseCountry(in)
		require.True(t, ok, in)
		require.Equal(t, want, got, in)
	}
}

func TestFillersAreEmpty(t *testing.T) {
	t.Parallel()
	for _, f := range []Field{FieldTaxNumber, FieldPhone, FieldEmail, FieldCountry} {
		for _, v := range []string{"-", "/", " -- ", "N/A", "ni"} {
			require.True(t, Equal(f, v, ""), "%s %q", f, v)
		}
	}
	require.False(t, Equal(FieldName, "-", ""))
	require.Equal(t, "12345678", Canonical(FieldTaxNumber, "12345678.0"))
	require.Equal(t, Canonical(FieldPhone, "41123456"), Canonical(FieldPhone, "41123456.0"))
}

func TestTaxNumbersTakenApart(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"TAX123", "IDSI45678901", "EU372012345", "RSSMRA85T10A562S", "12345678"} {
		require.False(t, hasVATPrefix(v), v)
	}
	for _, v := range []string{"SI12345678", "ATU12345678", "HR12345678901", "EL123456789", "CHE-123.456.789 MWST"} {
		require.True(t, hasVATPrefix(v), v)
	}
	for _, same := range [][3]string{
		{"HR22222222226", "22222222226", "HR"},
		{"EL123456789", "GR123456789", "GR"},
		{"GB123456789", "XI123456789", "GB"},
		{"CHE-123.456.789 MWST", "CHE123456789", "CH"},
		{"HU12345676", "12345676-2-41", "HU"},
	} {
		_, sure := ReadTax(same[0], same[2]).Same(ReadTax(same[1], same[2]))
		require.True(t, sure, "%v", same)
	}
	require.True(t, ReadTax("00000000", "").Doubtful())
	require.True(t, ReadTax("SI12345678", "").Doubtful(), "its check digit is wrong")
	require.False(t, ReadTax("SI12345679", "").Doubtful())
}

// A form that counts is carried over when one side is edited, and left alone where
// the sides just differ in it.
func TestLettersAndLinesAreCarriedOver(t *testing.T) {
	t.Parallel()
	for f, forms := range map[Field][2]string{FieldTaxNumber: {"87654321", "SI87654321"}, FieldNotes: {"prva druga", "prva\ndruga"}} {
		for i := range forms {
			was, is := Contact{Name: "Ana"}, Contact{Name: "Ana"}
			was.Set(f, forms[i])
			is.Set(f, forms[1-i])
			require.Equal(t, []Field{f}, Merge(MergeInput{Base: Base{CRM: was, Partner: was}, CRM: is, Partner: was}, DefaultPolicy()).ToPartner)
			first := Merge(MergeInput{CRM: is, Partner: was}, DefaultPolicy())
			require.Empty(t, append(first.ToPartner, first.ToCRM...))
		}
	}
}

func TestALongStreetIsNotCutInTheCRM(t *testing.T) {
	t.Parallel()
	long := "Pri "
	for len(long) < 170 {
		long += "dolgi "
	}
	long += "vasi 5"
	crm := Contact{Name: "Ana", Address: long + ", Celje, 3000"}
	held := Contact{Name: "Ana", Address: collapse(long[:limitStreet]) + ", Celje, 3000"}
	now := held
	now.Address = collapse(long[:limitStreet]) + ", Koper, 6000"
	r := Merge(MergeInput{Base: Base{CRM: crm, Partner: held}, CRM: crm, Partner: now}, DefaultPolicy())
	require.Equal(t, long+", Koper, 6000", r.CRM.Address)
}

func TestKindsOfNumbersFollowTheCountry(t *testing.T) {
	t.Parallel()
	require.Equal(t, "040 123456", NewPartner(Contact{Name: "Ute", Country: "DE", Phone: "040 123456"}).Phone)
	require.Equal(t, "040 123 456", NewPartner(Contact{Name: "Ana", Phone: "040 123 456"}).GSM)
}
