package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhatStandsBehindAnAddress: letters may be a country, a province or a state; what may
// be two of them is no country.
func TestWhatStandsBehindAnAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct{ province, country, code string }{
		"Ljubljana, Slovenija":                            {"", "Slovenija", "SI"},
		"Cesta 9, 1000 Ljubljana, Slo":                    {"", "Slo", "SI"},
		"Cesta 9, 1000 Ljubljana, SI":                     {"", "SI", "SI"},
		"Cesta 9, Ljubljana, SI":                          {"", "SI", "SI"},
		"Savska 4, 10000 Zagreb, HR":                      {"", "HR", "HR"},
		"Leeds, LS1 4DY, U.K.":                            {"", "U.K.", "GB"},
		"Rue Grimaldi 5, 98000 Monaco, Monaco":            {"", "Monaco", "MC"},
		"Avenue 5, Monaco":                                {},
		"Monaco, Monaco":                                  {},
		"Rue 5, 1009 Luxembourg, LU":                      {"", "LU", "LU"},
		"Via Garibaldi 3, 53100 Siena, SI":                {"SI", "", ""},
		"Via Garibaldi 3, 53100 Siena SI":                 {"SI", "", ""},
		"Via Garibaldi 3, Siena, 53100, SI":               {"", "SI", "SI"},
		"Via Roma 5, 34121 Trieste, TS, Italia":           {"TS", "Italia", "IT"},
		"Via Roma 5, 34121 Trieste, Italia, TS":           {"TS", "Italia", "IT"},
		"Via Roma 5, 34121, Trieste, TS, IT":              {"TS", "IT", "IT"},
		"Ringstraße 1, 1010 Wien AT":                      {},
		"Calle 5, Los Angeles, CA":                        {"CA", "", ""},
		"1600 Amphitheatre Way, Mountain View, CA, USA":   {"CA", "USA", "US"},
		"Hauptstr. 1, 10115 Berlin, DE, Deutschland":      {"", "Deutschland", "DE"},
		"Getreidegasse 9, Salzburg, Österreich, Austria":  {"", "Austria", "AT"},
		"Via Roma 5 34121 Trieste, TS, Italia":            {"TS", "Italia", "IT"},
		"Via Roma 5, Trieste 34121, TS":                   {"TS", "", ""},
		"Via Garibaldi 3 53100 Siena, SI":                 {"SI", "", ""},
		"Via Garibaldi 3, 53100, Siena, SI":               {"SI", "", ""},
		"Via Roma 5, 34121 Trieste QQ":                    {},
		"Cesta 5, 1000 Ljubljana, QQ":                     {},
		"350 5th Avenue, New York, NY":                    {"NY", "", ""},
		"1009 Luxembourg, Luxembourg":                     {"", "Luxembourg", "LU"},
		"Cesta 5, Ljubljana, si":                          {},
		"Hauptstr. 1, Deutschland, 10115 Berlin, Germany": {"", "Germany", "DE"},
	} {
		a := readAddress(in)
		require.Equal(t, want, struct{ province, country, code string }{a.province, a.country, a.code}, in)
	}
}

// TestTheEndOfAnAddressStays: MetaKocka has no place for a country's word and a province, so
// a partner's address is written into the CRM with what its own text has of them.
func TestTheEndOfAnAddressStays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ crm, partner, want string }{
		"another street":     {"Via Roma 5, 34121 Trieste, TS, Italia", "Via Dante 7, Trieste, 34121", "Via Dante 7, Trieste, 34121, TS, Italia"},
		"another city":       {"Via Roma 5, 34121 Trieste, TS, Italia", "Via Po 1, Torino, 10121", "Via Po 1, Torino, 10121, Italia"},
		"a country alone":    {"Ilica 5\n10000 Zagreb\nHrvatska", "Ilica 7, Zagreb, 10000", "Ilica 7, Zagreb, 10000, Hrvatska"},
		"nothing behind it":  {"Ilica 5, 10000 Zagreb", "Ilica 7, Zagreb, 10000", "Ilica 7, Zagreb, 10000"},
		"no contact's":       {"", "Ilica 7, Zagreb, 10000", "Ilica 7, Zagreb, 10000"},
		"emptied":            {"Ilica 5, 10000 Zagreb, Hrvatska", "", ""},
		"it would be a city": {"Rue 1, 1009, Luxembourg, Luxembourg", "Ulica 7", "Ulica 7"},
	} {
		in := MergeInput{Base: agreed(Contact{Name: "Ana", Address: tc.crm}), CRM: Contact{Name: "Ana", Address: tc.crm}, Partner: Contact{Name: "Ana", Address: tc.partner}}
		require.Equal(t, tc.want, Merge(in, DefaultPolicy()).CRM.Address, name)
	}
	for v, want := range map[string]string{
		"Ilica 5, 10000 Zagreb, Hrvatska":                "Ilica 5, 10000 Zagreb",
		"Via Roma 5, 34121 Trieste, Italia, TS":          "Via Roma 5, 34121 Trieste, TS",
		"Getreidegasse 9, Salzburg, Österreich, Austria": "Getreidegasse 9, Salzburg",
		"Ilica 5, 10000 Zagreb":                          "Ilica 5, 10000 Zagreb",
	} {
		require.Equal(t, want, withoutCountry(v), v)
	}
}

// TestCountryAndAddressSayTheSame: a country may stand in its own column, at the end of the
// address, or in both; one is not written so that the other contradicts it.
func TestCountryAndAddressSayTheSame(t *testing.T) {
	t.Parallel()
	const zagreb, plain, berlin = "Ilica 5, 10000 Zagreb, Hrvatska", "Ilica 5, 10000 Zagreb", "Ilica 5, 10000 Berlin, Deutschland"
	off := func(f Field) Policy {
		return Policy{Fields: map[Field]FieldPolicy{f: {Direction: DirectionToMetaKocka}}}
	}
	both := []Field{FieldAddress, FieldCountry}
	for name, tc := range map[string]struct {
		read    string // the contact's country
		located bool   // which its address says alone
		now     Contact
		toCRM   []Field
		parked  []Field
		policy  Policy
		want    Contact
		base    string // the country that the base then has
		also    []Field
	}{
		"the address loses its country":           {"HR", true, Contact{Address: plain, Country: "HR"}, both[:1], nil, Policy{}, Contact{Address: plain, Country: "HR"}, "", both[1:]},
		"it has another one":                      {"HR", true, Contact{Address: berlin, Country: "HR"}, both[:1], nil, Policy{}, Contact{Address: berlin, Country: "HR"}, "", both[1:]},
		"it keeps it":                             {"HR", true, Contact{Address: zagreb, Country: "HR"}, both[:1], nil, Policy{}, Contact{Address: zagreb, Country: "HR"}, "", nil},
		"both are written":                        {"HR", true, Contact{Address: plain, Country: "HR"}, both, nil, Policy{}, Contact{Address: plain, Country: "HR"}, "", nil},
		"the country has a column":                {"HR", false, Contact{Address: plain, Country: "HR"}, both[:1], nil, Policy{}, Contact{Address: plain, Country: "HR"}, "", nil},
		"there was none":                          {"", false, Contact{Address: zagreb}, both[:1], nil, Policy{}, Contact{Address: zagreb}, "", nil},
		"there was none, and it is not written":   {"", false, Contact{Address: zagreb}, both[:1], nil, off(FieldCountry), Contact{Address: zagreb, Country: "HR"}, "HR", nil},
		"it is lost, and it is not written":       {"HR", true, Contact{Address: plain, Country: "HR"}, both[:1], nil, off(FieldCountry), Contact{Address: plain}, "", nil},
		"it has a column, and is not written":     {"HR", false, Contact{Address: plain, Country: "HR"}, both[:1], nil, off(FieldCountry), Contact{Address: plain, Country: "HR"}, "", nil},
		"nothing is written":                      {"", false, Contact{Address: zagreb}, nil, nil, Policy{}, Contact{Address: zagreb}, "", nil},
		"nothing is written, nor may it":          {"", false, Contact{Address: zagreb}, nil, nil, off(FieldCountry), Contact{Address: zagreb}, "", nil},
		"another country":                         {"HR", true, Contact{Address: zagreb, Country: "SI"}, both[1:], nil, Policy{}, Contact{Address: plain, Country: "SI"}, "", both[:1]},
		"no country":                              {"SI", false, Contact{Address: zagreb}, both[1:], nil, Policy{}, Contact{Address: plain}, "", both[:1]},
		"another one than both":                   {"SI", false, Contact{Address: zagreb, Country: "DE"}, both[1:], nil, Policy{}, Contact{Address: zagreb, Country: "DE"}, "", nil},
		"the one that the address says":           {"SI", false, Contact{Address: zagreb, Country: "HR"}, both[1:], nil, Policy{}, Contact{Address: zagreb, Country: "HR"}, "", nil},
		"no word to take away":                    {"HR", false, Contact{Address: plain, Country: "SI"}, both[1:], nil, Policy{}, Contact{Address: plain, Country: "SI"}, "", nil},
		"another country, and address":            {"HR", true, Contact{Address: zagreb, Country: "SI"}, both, nil, Policy{}, Contact{Address: plain, Country: "SI"}, "", nil},
		"the address is not written":              {"HR", true, Contact{Address: zagreb, Country: "SI"}, both[1:], nil, off(FieldAddress), Contact{Address: zagreb, Country: "SI"}, "", nil},
		"the address waits for a person":          {"HR", true, Contact{Address: zagreb, Country: "SI"}, both[1:], both[:1], Policy{}, Contact{Address: zagreb, Country: "SI"}, "", nil},
		"neither is written, whatever they say":   {"SI", false, Contact{Address: zagreb, Country: "SI"}, nil, nil, Policy{}, Contact{Address: zagreb, Country: "SI"}, "", nil},
		"a country that stays, beside an address": {"SI", false, Contact{Address: zagreb, Country: "SI"}, both[:1], nil, Policy{}, Contact{Address: zagreb, Country: "SI"}, "", nil},
	} {
		r, also := Placed(Contact{Country: tc.read}, tc.located, MergeResult{CRM: tc.now, ToCRM: tc.toCRM, Parked: tc.parked}, tc.policy)
		require.Equal(t, tc.want, r.CRM, name)
		require.Equal(t, tc.base, r.Base.CRM.Country, name)
		require.Equal(t, tc.also, also, name)
	}
}
