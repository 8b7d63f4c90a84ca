package mapping

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKept(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Ž", 120)
	street := strings.Repeat("cesta ", 40)
	for _, tc := range []struct {
		field     Field
		sent, got string
		why       string
	}{
		{FieldNotes, "plačuje redno", "plačuje redno", ""},
		{FieldNotes, "prva\ndruga", "prva druga", ""},
		{FieldPhone, "041 123 456", "+38641123456", ""},
		{FieldCountry, "DE", "Nemčija", ""},
		{FieldNotes, "", " ", ""},
		{FieldNotes, "plačuje redno", "", "not kept"},
		{FieldNotes, "", "plačuje redno", "could not be cleared"},
		{FieldNotes, " ", "plačuje redno", "could not be cleared"},
		{FieldCompanyName, long, long[:200], "cut to 100 characters"},
		{FieldAddress, street + ", Ljubljana, 1000", street[:150] + ", Ljubljana, 1000", "cut to 149 characters"},
		{FieldAddress, "Cesta 1, Ljubljana, 1000", "Cesta 2, Ljubljana, 1000", "stored as something else"},
		{FieldAddress, "Cesta 1, Ljubljana, 1000", "Cesta 1", "stored as something else"},
		{FieldEmail, "ana@podjetje.si", "info@podjetje.si", "stored as something else"},
	} {
		for side, by := range map[Side]string{SideMetaKocka: " by MetaKocka", SideCRM: " by the CRM"} {
			want := tc.why
			if want != "" {
				want += by
			}
			require.Equal(t, want, NotKept(side, tc.field, tc.sent, tc.got).String(), "%s %q %q", tc.field, tc.sent, tc.got)
		}
	}
}

func TestLikelyDropped(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Ž", 300)
	street := strings.Repeat("x", 200)
	for _, tc := range []struct {
		name      string
		field     Field
		sent, got string
		want      bool
	}{
		{"equal", FieldNotes, "a", "a", false},
		{"equal, and long", FieldNotes, long, long, false},
		{"equal, as long as it may be", FieldCompanyName, long[:200], long[:200], false},
		{"long notes rewritten by somebody", FieldNotes, long, strings.Repeat("x", 60), false},
		{"company cut at a space", FieldCompanyName, strings.Repeat("Ž", 99) + " d.o.o.", strings.Repeat("Ž", 99), true},
		{"nothing sent", FieldNotes, "", "a", false},
		{"missing notes", FieldNotes, "plačuje redno", "", true},
		{"missing website", FieldWebsite, "www.zagar.si", "", true},
		{"missing e-mail was emptied by somebody", FieldEmail, "ana@podjetje.si", "", false},
		{"long notes cut somewhere", FieldNotes, long, long[:200], true},
		{"short notes shortened by somebody", FieldNotes, "plačuje redno", "plačuje", false},
		{"company cut at 100 characters", FieldCompanyName, long, strings.Repeat("Ž", 100), true},
		{"company cut at 100 bytes", FieldCompanyName, long, strings.Repeat("Ž", 50), true},
		{"company shortened", FieldCompanyName, long, strings.Repeat("Ž", 70), false},
		{"contact name cut at 255", FieldName, long, strings.Repeat("Ž", 255), true},
		{"company changed", FieldCompanyName, long, "Žagar d.o.o.", false},
		{"street cut at 150", FieldAddress, street + ", Ljubljana, 1000", street[:150] + ", Ljubljana, 1000", true},
		{"street cut and city changed", FieldAddress, street + ", Ljubljana, 1000", street[:150] + ", Kranj, 1000", false},
		{"street shortened", FieldAddress, street + ", Ljubljana, 1000", street[:20] + ", Ljubljana, 1000", false},
	} {
		require.Equal(t, tc.want, LikelyDropped(tc.field, tc.sent, tc.got), tc.name)
	}
}
