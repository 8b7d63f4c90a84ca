package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeys: what a contact and a partner find each other by. What is found by none of these
// is not compared.
func TestKeys(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		of    Contact
		names []string // under which contacts wait for each other
		all   []string
	}{
		"nothing": {Contact{}, nil, []string{}},
		"all of them": {
			Contact{Name: "Ana Novak", CompanyName: "Žagar d.o.o.", TaxNumber: "SI 502 230 54", Email: "bor@zora.si; ANA@zora.si"},
			[]string{"tax 50223054", "email bor@zora.si", "email ana@zora.si"},
			[]string{"tax 50223054", "email bor@zora.si", "email ana@zora.si", "name zagar", "name ana novak"},
		},
		"a number with letters":     {Contact{TaxNumber: "ESX1234567R"}, []string{"tax 1234567"}, []string{"tax 1234567"}},
		"a placeholder":             {Contact{TaxNumber: "00000000"}, nil, []string{}},
		"one name twice":            {Contact{Name: "Novak Ana", CompanyName: "Ana Novak, s.p."}, nil, []string{"name ana novak"}},
		"one e-mail twice":          {Contact{Email: "ana@zora.si, ANA@zora.si"}, []string{"email ana@zora.si"}, []string{"email ana@zora.si"}},
		"no e-mail, but like one":   {Contact{Email: "ana@zora"}, []string{"email ana@zora"}, []string{"email ana@zora"}},
		"the beginning of one":      {Contact{Email: "ana@"}, nil, []string{}},
		"the end of one":            {Contact{Email: "@zora.si"}, nil, []string{}},
		"one e-mail, and no e-mail": {Contact{Email: "ana@zora.si; nima"}, []string{"email ana@zora.si"}, []string{"email ana@zora.si"}},
	} {
		k := Keys(c.of)
		require.Equal(t, c.names, k.Names(), name)
		require.Equal(t, c.all, k.All(), name)
	}
}

// TestFormsOfATaxNumber: MetaKocka finds a number only as it was entered, so it is asked for
// in each form.
func TestFormsOfATaxNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		number, country string
		want            []string
	}{
		{"50223054", "", []string{"SI50223054", "50223054"}},
		{"SI 502 230 54", "", []string{"SI50223054", "50223054", "SI 502 230 54"}},
		{"U12345678", "AT", []string{"ATU12345678", "12345678", "U12345678"}},
		{"094259216", "GR", []string{"EL094259216", "094259216"}},
		{"116281710", "CH", []string{"CHE116281710", "116281710"}},
		{"-", "", nil},
	} {
		got := TaxForms(c.number, c.country)
		require.Subset(t, got, c.want, c.number)
		require.Equal(t, len(c.want) == 0, len(got) == 0, c.number)
	}
	require.Equal(t, []string{"50223054", "DE50223054"}, TaxForms("50223054", "DE"), "eight digits of another country")
	require.Equal(t, TaxID{Country: "DE", Number: "50223054"}, ReadTax("50223054", "DE"))
	require.Equal(t, TaxID{Country: "HU", Number: "1234567"}, ReadTax("1234567", "HU"))
}

// TestAlike: what, beside a key, says that two are one.
func TestAlike(t *testing.T) {
	t.Parallel()
	for l, want := range map[Likeness]bool{
		{}:                         false,
		{Name: similarName}:        true,
		{Name: similarName - 0.01}: false,
		{Phone: true}:              true,
		{Street: true}:             false,
		{City: true}:               false,
		{Street: true, City: true}: true,
		{Company: true}:            false,
	} {
		require.Equal(t, want, l.Alike(), "%+v", l)
	}
}

// TestTakeOver: a merge of contacts fills what the winner lacks, and nothing else.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	winner := Contact{Name: "Ana", Email: "ana@zora.si", Phone: "-"}
	loser := Contact{Name: "Ana Novak", Email: "a@zora.si", Phone: "041 222 333", Country: "N/A", Notes: "prva", Address: "Cesta 1"}
	got, taken := TakeOver(winner, loser, []Field{FieldName, FieldEmail, FieldPhone, FieldCountry, FieldNotes})
	require.Equal(t, []Field{FieldPhone, FieldNotes}, taken)
	require.Equal(t, Contact{Name: "Ana", Email: "ana@zora.si", Phone: "041 222 333", Notes: "prva"}, got)
}

// TestSendable: a value that cannot be sent is left out, unless the partner has it already.
func TestSendable(t *testing.T) {
	t.Parallel()
	c := Contact{Name: " Ana ", Email: "ana@", Phone: "ni telefona", Country: "Atlantis", Website: "zora.si"}
	require.Equal(t, Contact{Name: "Ana", Website: "zora.si"}, Sendable(c, Contact{}))
	require.Equal(t, Contact{Name: "Ana", Email: "ana@", Website: "zora.si"}, Sendable(c, Contact{Email: "ana@", Website: "prej.si"}))
	require.NoError(t, Nameless(c))
	require.Error(t, Nameless(Contact{Name: " \u00a0", Email: "ana@zora.si"}))
}

// TestSettledPairsAreNoDuplicates: nor those of whom a person said that they are two.
func TestSettledPairsAreNoDuplicates(t *testing.T) {
	t.Parallel()
	of := func(id string, settled bool) Party {
		return Party{ID: id, Contact: Contact{Name: "Ana Novak", Email: "ana@zora.si"}, Settled: settled}
	}
	found := func(two func(id, other string) bool, parties ...Party) int {
		all, total := Duplicates(parties, 10, two)
		require.Len(t, all, total)
		return total
	}
	require.Equal(t, 1, found(nil, of("1", false), of("2", false)))
	require.Equal(t, 1, found(nil, of("1", true), of("2", false)))
	require.Equal(t, 1, found(nil, of("1", false), of("2", true)))
	require.Zero(t, found(nil, of("1", true), of("2", true)))
	said := func(id, other string) bool { return id == "1" && other == "2" }
	require.Equal(t, 2, found(said, of("2", false), of("1", false), of("3", false)))
	alone := Party{ID: "1", Contact: Contact{Name: "Ana Novak", CompanyName: "Anja Novak s.p.", Address: "Cesta 1, Kranj, 4000"}}
	require.Zero(t, found(nil, alone), "nobody is one's own")
}
