package match

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
)

// TestChoose: of several candidates.
func TestChoose(t *testing.T) {
	t.Parallel()
	who := Party{ID: "c1", Is: contact{Name: "Ana Novak", TaxNumber: "DE811234567", Email: "ana@zora.si", Address: "Cesta 1, Kranj, 4000"}}
	byTax := Party{ID: "p1", Is: contact{Name: "Bor", TaxNumber: "DE811234567"}}
	byEmail := Party{ID: "p2", Is: contact{Name: "Bor", Email: "ana@zora.si"}}
	alsoByEmail := Party{ID: "p3", Is: contact{Name: "Lan", Email: "ana@zora.si"}}
	perhaps := Party{ID: "p0", Is: contact{Name: "Nyx", TaxNumber: "811234567"}}
	further := Party{ID: "p5", Is: contact{Name: "Nyx"}, Others: []string{"ana@zora.si"}}
	named := Party{ID: "p4", Is: contact{Name: "Ana Novak", Address: "Cesta 1, Kranj, 4000"}}
	parted := Party{ID: "p7", Is: byEmail.Is, Parted: true}
	partedByTax := Party{ID: "p8", Is: byTax.Is, Parted: true}
	stranger := Party{ID: "p6", Is: contact{Name: "Lea", TaxNumber: taxAna, Email: "ana@zora.si"}}

	for name, c := range map[string]struct {
		candidates []Party
		link       string
		want       []string // the candidates
		reason     string
	}{
		"nobody":                        {nil, "", nil, ""},
		"another number":                {[]Party{stranger}, "", nil, ""},
		"the number before all else":    {[]Party{byEmail, byTax, perhaps, named, further}, "p1", []string{"p1"}, ""},
		"the e-mail":                    {[]Party{byEmail, named, further, stranger}, "p2", []string{"p2"}, ""},
		"two of one e-mail":             {[]Party{alsoByEmail, byEmail, named}, "", []string{"p2", "p3"}, "note.match.several_email"},
		"the e-mail, and the number of": {[]Party{byEmail, perhaps}, "", []string{"p0", "p2"}, "note.match.several_tax"},
		"perhaps the number":            {[]Party{perhaps, named}, "", []string{"p0"}, "note.match.country"},
		"a further person":              {[]Party{named, further}, "", []string{"p5"}, "note.match.further"},
		"a name":                        {[]Party{named}, "", []string{"p4"}, "note.match.name"},
		"the e-mail of a parted one":    {[]Party{parted, named}, "", []string{"p7"}, "note.match.parted"},
		"the e-mail, and a parted one":  {[]Party{parted, byEmail}, "", []string{"p2", "p7"}, "note.match.several_email"},
		"the number of a parted one":    {[]Party{partedByTax, byEmail}, "p8", []string{"p8"}, ""},
		"one of whom is told twice":     {[]Party{byTax, byTax}, "p1", []string{"p1"}, ""},
	} {
		choice := Choose(who, c.candidates)
		require.Equal(t, c.link, choice.Link, name)
		require.Equal(t, c.want, choice.Candidates, name)
		require.Equal(t, c.reason, choice.Reason().Code, name)
	}

	// From the partner's side.
	require.Empty(t, Choose(parted, []Party{who}).Link)
	require.Equal(t, []string{"c1"}, Choose(parted, []Party{who}).Candidates)
	require.Equal(t, "c1", Choose(partedByTax, []Party{who}).Link)
}

// TestWhyAMatchWaits: each kind of doubt has its question, and it names the partners.
func TestWhyAMatchWaits(t *testing.T) {
	t.Parallel()
	one, two := []string{"7001"}, []string{"7001", "7002"}
	for code, c := range map[string]Choice{
		"note.match.several_tax":   {Candidates: two, Pair: Pair{ByTax, "", mapping.FieldTaxNumber}},
		"note.match.several_email": {Candidates: two, Pair: Pair{ByEmail, "", mapping.FieldEmail}},
		"note.match.country":       {Candidates: one, Pair: Pair{Doubtful, WhyCountry, mapping.FieldTaxNumber}},
		"note.match.check_digit":   {Candidates: one, Pair: Pair{Doubtful, WhyCheckDigit, mapping.FieldTaxNumber}},
		"note.match.numbers":       {Candidates: one, Pair: Pair{Doubtful, WhyNumbers, mapping.FieldEmail}},
		"note.match.mailbox":       {Candidates: one, Pair: Pair{Doubtful, WhyMailbox, mapping.FieldEmail}},
		"note.match.further":       {Candidates: one, Pair: Pair{Doubtful, WhyFurther, mapping.FieldEmail}},
		"note.match.parted":        {Candidates: one, Pair: Pair{Doubtful, WhyParted, mapping.FieldEmail}},
		"note.match.name":          {Candidates: two, Pair: Pair{Proposed, WhyName, ""}},
	} {
		require.Equal(t, code, c.Reason().Code)
		require.Contains(t, c.Reason().String(), some(c.Candidates))
	}
	require.True(t, Choice{}.Reason().IsZero())
	require.True(t, Choice{Link: "7001", Candidates: one}.Reason().IsZero())

	require.Equal(t, "note.match.which_contact", WhichContact("7001", Choice{Candidates: []string{"c1"}}).Code)
	require.Equal(t, "note.match.several_contacts", WhichContact("7001", Choice{Candidates: []string{"c1", "c2"}}).Code)
	require.Equal(t, "note.match.taken", Taken("7001", "c1").Code)
	require.Equal(t, "note.match.taken_by_somebody", Taken("7001", "").Code)
	require.Equal(t, "1, 2, 3, 4, 5", some([]string{"1", "2", "3", "4", "5"}))
	require.Equal(t, "1, 2, 3, 4, 5 and 2 more", some([]string{"1", "2", "3", "4", "5", "6", "7"}))
}
