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

		// A city may end like a street, or be the only one of several names that is one.
		"Rue du Rhône 5, 1204 Geneva":       {"Rue du Rhône 5", "Geneva", "1204"},
		"Ilica 5, Črnomerec, Zagreb, 10000": {"Ilica 5, Črnomerec", "Zagreb", "10000"},
		"Calle 50 5, Panamá, Panama":        {"Calle 50 5", "Panamá", ""},
		"Avenue 5, Monaco":                  {"Avenue 5", "Monaco", ""},
		"Leeds, LS1 4DY, U.K.":              {"", "Leeds", "LS1 4DY"},
		"London SW1A 2AA":                   {"", "London", "SW1A 2AA"},
		"Albany, NY, 12207":                 {"", "Albany", "NY 12207"},
		"NY, 12207":                         {"", "NY", "12207"},
		"350 5th Avenue, NY, 10118":         {"350 5th Avenue", "NY", "10118"},

		// What says where in a house, a box or a street is no city.
		"p.p. 12, 3001":                        {"p.p. 12", "", "3001"},
		"Cesta 5, p.p. 12, 3001":               {"Cesta 5, p.p. 12", "", "3001"},
		"Hotel Royal, 12 Les Chênes, 1204":     {"Hotel Royal, 12 Les Chênes", "", "1204"},
		"Novak, Slovenska cesta 5, 1000":       {"Novak, Slovenska cesta 5", "", "1000"},
		"Kranj 4000":                           {"Kranj 4000", "", ""},
		"Celje, p.p. 3001":                     {"Celje, p.p. 3001", "", ""},
		"Novak, Dunajska cesta 1000":           {"Novak, Dunajska cesta 1000", "", ""},
		"Prešernova":                           {"Prešernova", "", ""},
		"Slovenska cesta":                      {"Slovenska cesta", "", ""},
		"1600 Pennsylvania, Apt 5":             {"1600 Pennsylvania, Apt 5", "", ""},
		"1600 Pennsylvania Avenue, Building 7": {"1600 Pennsylvania Avenue, Building 7", "", ""},

		// Letters before a postal code are its country's, unless they are its own.
		"Hauptstr. 5, DE-10115 Berlin": {"Hauptstr. 5", "Berlin", "10115"},
		"5 Main St, Newark, DE 19711":  {"5 Main St", "Newark", "DE 19711"},
		"Triq 5, Valletta, VLT 1117":   {"Triq 5", "Valletta", "VLT 1117"},
	} {
		require.Equal(t, want, ParseAddress(in), in)
		checkAddress(t, in)
	}
}

func TestAnAddressThatShowsLessEmptiesNothing(t *testing.T) {
	t.Parallel()
	old := Address{"Celovška cesta 9", "Ljubljana", "1000"}
	const elsewhere = ", and is elsewhere than MetaKocka's: it is not sent"
	for _, tc := range []struct {
		text string
		want Address
		why  string
	}{
		{"Dalmatinova 2", Address{"Dalmatinova 2", "Ljubljana", "1000"}, "shows no city and no postal code: MetaKocka's stays"},
		{"Dalmatinova 2, 1000", Address{"Dalmatinova 2", "Ljubljana", "1000"}, "shows no city: MetaKocka's stays"},
		{"Dalmatinova 2, 2000", old, "shows no city" + elsewhere},
		{"Dalmatinova 2, LJUBLJANA", Address{"Dalmatinova 2", "LJUBLJANA", "1000"}, "shows no postal code: MetaKocka's stays"},
		{"Glavni trg 3, Celje", old, "shows no postal code" + elsewhere},
		{"Glavni trg 3, Celje, 3000", Address{"Glavni trg 3", "Celje", "3000"}, ""},
		{"", Address{}, ""},
	} {
		require.Equal(t, tc.want, parseLike(tc.text, old), tc.text)
		require.Equal(t, tc.why, Withheld(FieldAddress, tc.text, old.String()).String(), tc.text)
	}
	require.Equal(t, Address{"Trg 3", "Ljubljana", "1000"}, parseLike("Trg 3, 1000", Address{"Cesta 1", "Ljubljana", ""}), "nothing tells two places apart")
	require.Equal(t, Address{"Trg 3", "Celje", "1000"}, parseLike("Trg 3, Celje", Address{"Cesta 1", "", "1000"}), "nothing tells two places apart")
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
	for _, f := range []Field{FieldTaxNumber, FieldPhone, FieldEmail} {
		require.True(t, Equal(f, "na", ""), f)
	}
	for v, want := range map[string]string{ // Nicaragua and Namibia are countries
		"ni": "", "Ni": "", "NI": "NI", "n.a.": "", "n/a": "", "NA": "NA", "na": "NA", "nima": "", "S.I.": "SI", "Nigeria": "NG",
	} {
		require.Equal(t, want, Canonical(FieldCountry, v), v)
	}
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

// A number that says little about whose it is links nobody by itself.
func TestNumbersThatSayLittle(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		number, country       string
		placeholder, doubtful bool
	}{
		{"", "", true, true},
		{"123", "", true, true},
		{"v postopku", "", true, true},
		{"1111", "", true, true},
		{"SI99999999", "", true, true},
		{"34567890", "", true, true},
		{"87654321", "", true, true},
		{"50223054", "", false, false},
		{"50223055", "", false, true},
		{"10000020", "SI", false, false}, // a check digit of ten is zero
		{"10000101", "SI", false, true},  // there is none of eleven
		{"5022305", "SI", false, true},
		{"502230540", "SI", false, true},
		{"50223055", "RS", false, false},
		{"HR22222222226", "", false, false},
	} {
		id := ReadTax(tc.number, tc.country)
		require.Equal(t, tc.placeholder, id.Placeholder(), "%+v", tc)
		require.Equal(t, tc.doubtful, id.Doubtful(), "%+v", tc)
	}
	for _, tc := range []struct{ a, b, country string }{
		{"ATU12345679", "U12345679", "AT"}, {"HU12345676", "12345676241", "HU"}, {"FR40303265045", "40303265045", "FR"},
	} {
		same, sure := ReadTax(tc.a, tc.country).Same(ReadTax(tc.b, tc.country))
		require.True(t, same && sure, "%+v", tc)
		same, sure = ReadTax(tc.a, "").Same(TaxID{Number: ReadTax(tc.b, tc.country).Number})
		require.True(t, same && !sure, "%+v: whose the other one is, is not known", tc)
		same, _ = ReadTax(tc.a, "").Same(TaxID{Country: "RS", Number: ReadTax(tc.b, tc.country).Number})
		require.False(t, same, "%+v", tc)
	}
	same, _ := TaxID{Country: "SI"}.Same(TaxID{Country: "SI"})
	require.False(t, same, "no number is nobody's")
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
