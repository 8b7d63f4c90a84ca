package mapping

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

func TestParseCountry(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"SI": "SI", "si": "SI", "SVN": "SI", "SLO": "SI", " Slovenija ": "SI", "SLOVENIA": "SI", "Slowenien": "SI",
		"Republika Slovenija": "SI", "Словения": "SI", "Eslovenia": "SI",
		"Hrvaška": "HR", "hrvaska": "HR", "Croatia": "HR", "Hrvatska": "HR", "Kroatien": "HR",
		"Nemčija": "DE", "NEMČIJA": "DE", "Germany": "DE", "Deutschland": "DE", "Germania": "DE", "Allemagne": "DE",
		"Avstrija": "AT", "Austria": "AT", "Österreich": "AT", "Italija": "IT", "Italia": "IT", "Italy": "IT",
		"Madžarska": "HU", "Magyarország": "HU", "Češka": "CZ", "Czech Republic": "CZ", "Czechia": "CZ", "Česko": "CZ",
		"Slovaška": "SK", "Slovensko": "SK", "Srbija": "RS", "Serbia": "RS", "Črna gora": "ME", "Montenegro": "ME",
		"Bosna in Hercegovina": "BA", "BiH": "BA", "Bosnia & Herzegovina": "BA", "Bosnia and Herzegovina": "BA",
		"Severna Makedonija": "MK", "Makedonija": "MK", "Kosovo": "XK", "Švica": "CH", "Schweiz": "CH",
		"ZDA": "US", "USA": "US", "U.S.A.": "US", "United States": "US", "Združene države Amerike": "US",
		"UK": "GB", "GB": "GB", "United Kingdom": "GB", "Velika Britanija": "GB", "Združeno kraljestvo": "GB", "England": "GB",
		"Nizozemska": "NL", "Holland": "NL", "The Netherlands": "NL", "Francija": "FR", "Poljska": "PL", "Polska": "PL",
		"Turčija": "TR", "Türkiye": "TR", "EL": "GR", "Grčija": "GR", "Côte d'Ivoire": "CI", "日本": "JP", "Irska": "IE",
		"Korea, Republic of": "KR", "Slovenija, SI": "SI", "Moldova, Republic of": "MD", "Republika Hrvaška": "HR",
		"RH": "HR", "A": "AT", "D": "DE", "I": "IT", "h": "HU", "SRB": "RS",
	} {
		got, ok := ParseCountry(in)
		require.True(t, ok, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"", " ", "-", ".", "Atlantis", "EU", "Evropa", "Jugoslavija", "YU", "SU", "ZZ", "705", "Ljubljana", "XX", "Slovenija, Avstrija", "Slovenija, Ljubljana", "Republika Koreja", "Republika"} {
		got, ok := ParseCountry(in)
		require.False(t, ok, "%q %q", in, got)
		require.Empty(t, got)
	}
}

func TestEveryCountryHasANameThatReadsBack(t *testing.T) {
	t.Parallel()
	require.Len(t, regions(), 250) // ISO 3166-1 has 249, and XK
	for _, region := range regions() {
		name := CountryName(region.String())
		require.NotEmpty(t, name, region)
		require.LessOrEqual(t, len(name), limitCountry, name)
		code, ok := ParseCountry(name)
		require.True(t, ok, name)
		require.Equal(t, region.String(), code, name)
		for _, v := range []string{region.String(), region.ISO3()} {
			code, ok := ParseCountry(strings.ToLower(v))
			require.True(t, ok, v)
			require.Equal(t, region.String(), code, v)
		}
	}
	require.Equal(t, "Slovenia", CountryName("si"))
	require.Empty(t, CountryName("Slovenija"))
	require.Empty(t, CountryName(""))
}

// Every country is known by its name in each language that is met most, also with a
// label around it.
func TestEveryCountryIsKnownInEachLanguage(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"en", "sl", "de", "hr", "it"} {
		namer := display.Regions(language.MustParse(lang))
		for _, region := range regions() {
			name := namer.Name(region)
			for _, v := range []string{name, " " + strings.ToUpper(name) + "\u00a0", name + " (" + region.String() + ")"} {
				got, ok := ParseCountry(v)
				if !ok || got != region.String() {
					t.Errorf("%s: %q is read as %q", lang, v, got)
				}
			}
		}
	}
}

func TestCountryAliasesAreReachable(t *testing.T) {
	t.Parallel()
	for alias, code := range countryAliases {
		require.Equal(t, alias, foldCountry(alias))
		require.NotEmpty(t, CountryName(code), alias)
		_, near := nearName(alias)
		require.False(t, near, "%s needs no alias", alias)
	}
}

func TestOtherNamesOfCountriesReadBack(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Macedonia", OtherCountryName("North Macedonia"))
	require.Equal(t, "Bosnia & Herzegovina", OtherCountryName("Bosnia and Herzegovina"))
	for _, name := range []string{"Macedonia", "Slovenia", "Atlantis", ""} {
		require.Empty(t, OtherCountryName(name), name)
	}
	for _, region := range regions() {
		code := region.String()
		if other := OtherCountryName(CountryName(code)); other != "" {
			require.LessOrEqual(t, len(other), limitCountry)
			got, ok := ParseCountry(other)
			require.True(t, ok, other)
			require.Equal(t, code, got, other)
		}
	}
}
