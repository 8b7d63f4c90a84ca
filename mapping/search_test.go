package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSearch: whatever the case and the accents, and however a number is written.
func TestSearch(t *testing.T) {
	t.Parallel()
	crm := Contact{Name: "Žiga Čeh-Đurić", Email: "ziga.ceh@Primer.si", Phone: "040 555 123", TaxNumber: "SI 1234 5679", Notes: "secret"}
	erp := Contact{Name: "Ziga Ceh", CompanyName: "Straße & Sinovi d.o.o.", Phone: "+386 1 500 12 34"}
	searched := Searched([]string{"5f0f6d1e-7d3c", "228000046627"}, crm, erp)

	for _, found := range []string{
		"žiga", "ZIGA", "čeh", "ceh ziga", "durić", "strasse", "Sinovi doo", "ziga.ceh@primer.si", "@primer", "PRIMER.SI",
		"040 555 123", "040/555-123", "+386 40 555 123", "0038640555123", "555123", "01 500 12 34", "12345679", "SI12345679", "si 12345679", "1234 5679",
		"228000046627", "5f0f6d1e-7d3c",
	} {
		require.True(t, ParseSearch(found).Finds(searched), found)
	}
	for _, stored := range []string{"12345679", "SI 123 456 79"} {
		for _, typed := range []string{"12345679", "SI12345679", "si 1234-5679"} {
			require.True(t, ParseSearch(typed).Finds(Searched(nil, Contact{TaxNumber: stored})), "%s finds %s", typed, stored)
		}
	}
	require.True(t, ParseSearch("ATU12345678").Finds(Searched(nil, Contact{TaxNumber: "U12345678"})))
	require.False(t, ParseSearch("SI12345679").Finds(Searched(nil, Contact{TaxNumber: "12345689"})))
	require.True(t, ParseSearch("ПЕТР").Finds(Searched(nil, Contact{Name: "Иван Петров"})), "letters of any script")
	for _, stored := range []string{"040 555 123", "+386 (0)40 555-123", "0038640555123", "38640555123"} {
		for _, typed := range []string{"040 555 123", "+386 40 555 123", "00386 40 555 123", "40555123"} {
			require.True(t, ParseSearch(typed).Finds(Searched(nil, Contact{Phone: stored})), "%s finds %s", typed, stored)
		}
	}
	require.Equal(t, "~438~van", Searched(nil, Contact{Name: "Иvan"}))
	for _, not := range []string{"", "  ", "///", "novak", "žiga novak", "041 555 123", "050 555 123", "99999999", "secret", "%", "_"} {
		require.False(t, ParseSearch(not).Finds(searched), not)
	}
	for typed, asks := range map[string]bool{"": false, "///": false, "a": true, "7": true, "0": true} {
		require.Equal(t, asks, ParseSearch(typed).Asks(), typed)
	}
}
