package match_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
)

// TestHints: what speaks for and against two being one, the strongest first, whichever of
// the two is asked for.
func TestHints(t *testing.T) {
	t.Parallel()
	firm := mapping.Contact{Name: "Kovač d.o.o.", CompanyName: "Kovač d.o.o.", TaxNumber: "SI12345679", Email: "info@kovac.si", Address: "Dunajska 1, Ljubljana, 1000", Country: "SI"}
	change := func(set func(c *mapping.Contact)) mapping.Contact {
		c := firm
		set(&c)
		return c
	}
	for what, c := range map[string]struct {
		other mapping.Contact
		score int
		hints []match.Hint
	}{
		"itself":           {firm, 96, []match.Hint{match.HintTax, match.HintMailbox, match.HintName, match.HintAddress}},
		"its number alone": {mapping.Contact{Name: "Zora", TaxNumber: "12345679", Country: "SI"}, 85, []match.Hint{match.HintTax}},
		"another number": {
			change(func(c *mapping.Contact) { c.TaxNumber = "SI50223054" }), 29,
			[]match.Hint{match.HintMailbox, match.HintName, match.HintAddress, match.HintOtherTax},
		},
		"name and address": {
			mapping.Contact{Name: "KOVAČ doo", Address: "Dunajska 1, 1000 Ljubljana"}, 65, []match.Hint{match.HintName, match.HintAddress},
		},
		"a namesake elsewhere": {mapping.Contact{Name: "Kovač", Address: "Glavni trg 1, Kranj, 4000"}, 40, []match.Hint{match.HintName, match.HintOtherCity}},
		"a stranger":           {mapping.Contact{Name: "Zora", Email: "zora@primer.si"}, 0, nil},
	} {
		one, other := match.Party{ID: "1", Is: firm}, match.Party{ID: "2", Is: c.other}
		score, hints := match.Hints(one, other)
		require.Equal(t, c.hints, hints, what)
		require.Equal(t, c.score, score, what)
		back, same := match.Hints(other, one)
		require.Equal(t, []any{score, hints}, []any{back, same}, what)
	}
	score, hints := match.Hints(match.Party{Is: mapping.Contact{Name: "A", Email: "a@a.si"}}, match.Party{Is: mapping.Contact{Name: "B"}, Others: []string{"a@a.si"}})
	require.Equal(t, []any{25, []match.Hint{match.HintFurther}}, []any{score, hints})
}

// TestAllHintsAreListed: a page that explains them asks for all, those that speak for it first.
func TestAllHintsAreListed(t *testing.T) {
	t.Parallel()
	all := match.AllHints()
	require.Equal(t, match.HintTax, all[0])
	require.NotContains(t, all, match.Hint(""))
	require.Equal(t, []match.Hint{match.HintOtherTax, match.HintOtherCity}, all[len(all)-2:])
}
