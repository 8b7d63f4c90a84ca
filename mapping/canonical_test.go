package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		field    Field
		in, want string
	}{
		{FieldName, "  Ana\u00a0 Kralj\t", "Ana Kralj"},
		{FieldName, "S\u030ctefan Z\u030cagar", "Štefan Žagar"},
		{FieldName, "ana kralj", "ana kralj"},
		{FieldCompanyName, "\ufeffKovinarstvo Žagar, d.o.o.\x00", "Kovinarstvo Žagar, d.o.o."},
		{FieldEmail, " Ana.Kralj@Podjetje.SI ", "ana.kralj@podjetje.si"},
		{FieldEmail, "INFO@ŠTUDENT.si", "info@študent.si"},
		{FieldEmail, "<mailto:ana@podjetje.si>.", "ana@podjetje.si"},
		{FieldEmail, `"Ana" <ana@podjetje.si>`, `"ana" <ana@podjetje.si>`},

		{FieldPhone, "041 123 456", "+38641123456"},
		{FieldPhone, "041/123-456", "+38641123456"},
		{FieldPhone, "041\u00a0123\u00a0456", "+38641123456"},
		{FieldPhone, "+386 41 123 456", "+38641123456"},
		{FieldPhone, "00386 41 123 456", "+38641123456"},
		{FieldPhone, "386 41 123 456", "+38641123456"},
		{FieldPhone, "+386 (0)41 123 456", "+38641123456"},
		{FieldPhone, "(+386) 41.123.456", "+38641123456"},
		{FieldPhone, "GSM: 041 123 456", "+38641123456"},
		{FieldPhone, "(01) 234 56 78", "+38612345678"},
		{FieldPhone, "01 234 56 78 int. 12", "+38612345678;ext=12"},
		{FieldPhone, "+38612345678;ext=12", "+38612345678;ext=12"},
		{FieldPhone, "+385 91 123 4567", "+385911234567"},
		{FieldPhone, "+39 02 1234 5678", "+390212345678"},
		{FieldPhone, "+49 (0)89 123456", "+4989123456"},
		{FieldPhone, "54367 865 463", "54367865463"},
		{FieldPhone, "041 123 456, 051 234 567", "041 123 456, 051 234 567"},
		{FieldPhone, "ni  telefona", "ni telefona"},

		{FieldTaxNumber, "SI12345678", "12345678"},
		{FieldTaxNumber, "si 123 456 78", "12345678"},
		{FieldTaxNumber, "SI-12345678", "12345678"},
		{FieldTaxNumber, "12345678", "12345678"},
		{FieldTaxNumber, "HR 12345678901", "HR12345678901"},
		{FieldTaxNumber, "atu12345678", "ATU12345678"},
		{FieldTaxNumber, "SISI12345678", "SISI12345678"},

		{FieldCountry, "si", "SI"},
		{FieldCountry, "Slovenija", "SI"},
		{FieldCountry, " DEUTSCHLAND", "DE"},
		{FieldCountry, "Atlantis", "Atlantis"},

		{FieldAddress, "Slovenska cesta 1,\n 1000  Ljubljana", "Slovenska cesta 1, Ljubljana, 1000"},
		{FieldNotes, " prva\r\n\r\ndruga  vrstica ", "prva druga vrstica"},
		{FieldWebsite, "HTTPS://WWW.Podjetje.si/", "https://www.podjetje.si"},
		{FieldWebsite, "www.podjetje.si/O-Nas/", "www.podjetje.si/O-Nas/"},
		{FieldWebsite, "nimajo  strani", "nimajo strani"},
		{FieldWebsite, "", ""},
	} {
		require.Equal(t, tc.want, Canonical(tc.field, tc.in), "%s %q", tc.field, tc.in)
		require.Equal(t, tc.want, Canonical(tc.field, tc.want), "%s %q", tc.field, tc.in)
		require.True(t, Equal(tc.field, tc.in, tc.want))
	}
}

func TestEqualTellsValuesApart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		field Field
		a, b  string
	}{
		{FieldName, "Ana Kralj", "Ana Kral"},
		{FieldName, "ana kralj", "Ana Kralj"},
		{FieldEmail, "ana@podjetje.si", "ana@podjetje.com"},
		{FieldPhone, "041 123 456", "041 123 457"},
		{FieldPhone, "01 234 56 78 int. 12", "01 234 56 78"},
		{FieldPhone, "+386 41 123 456", "+385 41 123 456"},
		{FieldTaxNumber, "SI12345678", "HR12345678"},
		{FieldAddress, "Slovenska cesta 1, Ljubljana, 1000", "Slovenska cesta 1, Ljubljana, 1001"},
		{FieldCountry, "SI", "SK"},
		{FieldNotes, "plačuje redno", "plačuje redno."},
		{FieldWebsite, "https://podjetje.si/a", "https://podjetje.si/A"},
	} {
		require.False(t, Equal(tc.field, tc.a, tc.b), "%s %q %q", tc.field, tc.a, tc.b)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	got := Contact{
		Name:    " Ana\x07 \xffKralj\u200b ",
		Address: "Slovenska cesta 1\r\n1000 Ljubljana\r\n",
		Country: "slovenija",
		Notes:   "prva\ttretja\r\ndruga\u2028četrta",
		Phone:   "041\n123",
		Email:   "\u200eana@podjetje.si",
	}.Clean()
	require.Equal(t, Contact{
		Name:    "Ana Kralj",
		Address: "Slovenska cesta 1\n1000 Ljubljana",
		Country: "SI",
		Notes:   "prva tretja\ndruga\nčetrta",
		Phone:   "041 123",
		Email:   "ana@podjetje.si",
	}, got)
	require.Equal(t, got, got.Clean())
}

func TestContactGetSetCoverEveryField(t *testing.T) {
	t.Parallel()
	var c Contact
	for i, f := range Fields() {
		require.True(t, f.Known())
		c.Set(f, string(rune('a'+i)))
	}
	require.Equal(t, Contact{
		Name: "a", CompanyName: "b", Email: "c", Phone: "d", Address: "e",
		Country: "f", TaxNumber: "g", Notes: "h", Website: "i",
	}, c)
	require.Equal(t, "i", c.Get(FieldWebsite))
	before := c
	c.Set("fax", "x")
	require.Equal(t, before, c)
	require.Empty(t, c.Get("fax"))
	require.False(t, Field("fax").Known())
	require.Equal(t, Fields(), Diff(c, Contact{}))
	require.Empty(t, Diff(c, c))
}

func TestNamed(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Žagar d.o.o.", Contact{CompanyName: "Žagar d.o.o."}.Named().Name)
	require.Equal(t, "Ana", Contact{Name: "Ana", CompanyName: "Žagar d.o.o."}.Named().Name)
}

func TestTaxForms(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"":               nil,
		"  ":             nil,
		"SI12345678":     {"SI12345678", "12345678"},
		"12345678":       {"SI12345678", "12345678"},
		"si 1234 5678":   {"SI12345678", "12345678", "si 1234 5678"},
		"HR12345678901":  {"HR12345678901", "12345678901"},
		"HR 12345678901": {"HR12345678901", "12345678901", "HR 12345678901"},
		"EL123456789":    {"EL123456789", "123456789"},
		"1234567":        {"1234567"},
	} {
		require.Equal(t, want, TaxForms(in, ""), in)
	}
}

// Cleaning and comparing settle after one step, whatever is typed, and a cleaned
// value is the same value.
func TestCanonicalIsIdempotent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(Fields()).Draw(t, "field")
		v := rapid.OneOf(rapid.String(), anyValue(f), scrambled(f)).Draw(t, "value")
		checkCanonical(t, f, v)
	})
}

func checkCanonical(t require.TestingT, f Field, v string) {
	cleaned := clean(f, v)
	require.Equal(t, cleaned, clean(f, cleaned), "clean %q", v)
	once := Canonical(f, v)
	require.Equal(t, once, Canonical(f, once), "canonical %q", v)
	require.Equal(t, once, Canonical(f, cleaned), "canonical of cleaned %q", v)
}

func FuzzCanonical(f *testing.F) {
	for _, v := range []string{"", "Ana\u0301", "J\u030c@X.SI", "\u0130@x", "SI 12345678", "HTTP://X/", "\xff\x00a", "\u0345Α", "A \u030c0"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		for _, field := range Fields() {
			checkCanonical(t, field, v)
		}
	})
}
