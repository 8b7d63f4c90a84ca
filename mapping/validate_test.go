package mapping

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	valid := Contact{Name: "Ana Kralj"}
	for _, tc := range []struct {
		field Field
		good  []string
		bad   []string
	}{
		{FieldName, []string{"Ana", "Ž"}, []string{"", " \u00a0", "\x00"}},
		{FieldEmail, []string{
			"", "ana@podjetje.si; info@podjetje.si", "mailto:ana@podjetje.si", "ana@podjetje.si.", "\"ana@podjetje.si\"", "-", "N/A",
			"ana@podjetje.si", "ana.kralj+erp@pod-jetje.co.uk", "o'brien@x.ie", "info@študent.si", "a@xn--tudent-2ib.si", strings.Repeat("a", 249) + "@x.si",
		}, []string{
			"ana", "ana@", "@podjetje.si", "ana@podjetje", "ana@podjetje.", "ana@.si", "ana@@podjetje.si", "ana@pod jetje.si",
			"Ana <ana@podjetje.si>", "ana@podjetje.si; nihče", "ana@pod..jetje.si", strings.Repeat("a", 250) + "@x.si",
			"ana..kralj@podjetje.si", strings.Repeat("ana@podjetje.si; ", 20),
		}},
		{
			FieldPhone,
			[]string{
				"", "041 123 456", "+386 (0)41 123 456", "54367865463", "01 234 56 78 int. 12", "112", "-", "ni",
				"041 123 456, 051 234 567", "041 123 456 / 051 234 567", "041 123 456 (Ana)", "T: 01 234 56 78", "41123456.0", strings.Repeat("1", 17),
			},
			[]string{"ni telefona", "12", "3.8641E+10", strings.Repeat("1", 18)},
		},
		{FieldCountry, []string{"", "SI", "si", "Slovenija", "Nemčija"}, []string{"Atlantis", "XX"}},
		{FieldTaxNumber, []string{
			"", "SI12345678", "12345678", "si 123 456 78", "HR12345678901", "ATU12345678", "ESX1234567R", "IE1234567FA", "ni", "/", "12345678.0",
		}, []string{"SI1234567", "SI123456789", "SIABCDEFGH", "ni znana", "123", strings.Repeat("1", 21)}},
		{FieldAddress, []string{"", "kjer koli"}, nil},
		{FieldNotes, []string{"", "kar koli\nv dveh vrsticah"}, nil},
	} {
		for _, v := range tc.good {
			c := valid
			c.Set(tc.field, v)
			require.Empty(t, Validate(c), "%s %q", tc.field, v)
		}
		for _, v := range tc.bad {
			c := valid
			c.Set(tc.field, v)
			errs := Validate(c)
			require.Len(t, errs, 1, "%s %q", tc.field, v)
			require.True(t, errs.Has(tc.field))
			if tc.field != FieldCountry && len(v) > 2 {
				require.NotContains(t, errs.Error(), v)
			}
		}
	}
}

// TestWhatBothHoldIsNotWithheld: what MetaKocka has already need not be sent.
func TestWhatBothHoldIsNotWithheld(t *testing.T) {
	t.Parallel()
	require.False(t, Withheld(FieldPhone, "pokliči tajnico", "").IsZero())
	require.True(t, Withheld(FieldPhone, "pokliči  tajnico", "pokliči tajnico").IsZero())
	require.True(t, Withheld(FieldName, "", "Ana").IsZero(), "a name that is not there is another matter")
}

func TestFieldErrors(t *testing.T) {
	t.Parallel()
	errs := Validate(Contact{Email: "x", Country: strings.Repeat("Dežela ", 20)})
	require.Equal(t, []Field{FieldName, FieldEmail, FieldCountry}, errs.Fields())
	require.Contains(t, errs.Error(), "name: is required; email: is not an e-mail address; country: ")
	require.Less(t, len(errs.Error()), 160)
	require.False(t, errs.Has(FieldPhone))

	var list FieldErrors
	require.ErrorAs(t, errs.Err(), &list)
	require.NoError(t, FieldErrors(nil).Err())
	require.NoError(t, Validate(Contact{Name: "Ana"}).Err())
	var one FieldError
	require.ErrorAs(t, error(errs[0]), &one)
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	require.NoError(t, DefaultPolicy().Validate())
	require.NoError(t, Policy{}.Validate())
	require.Equal(t, FieldPolicy{Direction: DirectionBoth, Rule: RuleNewest}, Policy{}.For(FieldEmail))
	require.True(t, Policy{}.For(FieldName).KeepNonEmpty)

	err := Policy{
		TieWinner: "erp",
		Fields: map[Field]FieldPolicy{
			"fax":        {},
			FieldEmail:   {Rule: "oldest"},
			FieldWebsite: {Direction: "up"},
		},
	}.Validate()
	require.ErrorIs(t, err, ErrUnknownSide)
	require.ErrorIs(t, err, ErrUnknownField)
	require.ErrorIs(t, err, ErrUnknownRule)
	require.ErrorIs(t, err, ErrUnknownDirection)
	require.ErrorContains(t, err, `email: unknown conflict rule "oldest"`)
	require.Equal(t, SideMetaKocka, SideCRM.Other())
	require.Equal(t, SideCRM, SideMetaKocka.Other())
}
