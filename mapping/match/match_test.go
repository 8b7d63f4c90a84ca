package match

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Valid Slovenian numbers.
const (
	taxAna = "50223054"
	taxBor = "10830316"
)

type contact = mapping.Contact

// TestWhatTwoHaveInCommon: a case of each kind.
func TestWhatTwoHaveInCommon(t *testing.T) {
	t.Parallel()
	doubt := func(why Why, key mapping.Field) Pair { return Pair{Doubtful, why, key} }
	byTax, byEmail := Pair{Grade: ByTax, Key: mapping.FieldTaxNumber}, Pair{Grade: ByEmail, Key: mapping.FieldEmail}
	firm := contact{Name: "Zora Zora", CompanyName: "Zora d.o.o.", Address: "Ob Krki 4, Novo mesto, 8000", Country: "SI"}
	with := func(c contact, change func(*contact)) contact {
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		one, other contact
		others     []string
		want       Pair
	}{
		"a number":                      {contact{Name: "Ana", TaxNumber: taxAna}, contact{Name: "Bor", TaxNumber: "SI" + taxAna}, nil, byTax},
		"blanks and hyphens":            {contact{TaxNumber: "SI-502 230 54"}, contact{TaxNumber: "si\u00a050223054"}, nil, byTax},
		"a placeholder":                 {contact{Name: "Ana", TaxNumber: "00000000"}, contact{Name: "Bor", TaxNumber: "00000000"}, nil, Pair{}},
		"digits in a row":               {contact{Name: "Ana", TaxNumber: "12345678"}, contact{Name: "Bor", TaxNumber: "12345678"}, nil, Pair{}},
		"a filler":                      {contact{Name: "Ana", TaxNumber: "/"}, contact{Name: "Bor", TaxNumber: "/"}, nil, Pair{}},
		"words for a number":            {contact{Name: "Ana", TaxNumber: "v postopku", Country: "DE"}, contact{Name: "Bor", TaxNumber: "v postopku", Country: "DE"}, nil, Pair{}},
		"words for an e-mail":           {contact{Name: "Ana", Email: "nima maila"}, contact{Name: "Bor", Email: "nima maila"}, nil, Pair{}},
		"the beginning of an e-mail":    {contact{Name: "Ana", Email: "ana@"}, contact{Name: "Bor", Email: "ana@"}, nil, Pair{}},
		"a mailbox and no phone":        {contact{Name: "Ana", Email: "info@zora.si", Phone: "00000000"}, contact{Name: "Bor", Email: "info@zora.si", Phone: "00000000"}, nil, doubt(WhyMailbox, mapping.FieldEmail)},
		"a name and no phone":           {contact{Name: "Ana Novak", Phone: "111 111 111"}, contact{Name: "Ana Novak", Phone: "111111111"}, nil, Pair{}},
		"a filler and a number":         {contact{Name: "Ana", TaxNumber: "ni", Email: "ana@zora.si"}, contact{Name: "Ana", TaxNumber: taxAna, Email: "ana@zora.si"}, nil, byEmail},
		"a wrong check digit":           {contact{Name: "Ana", TaxNumber: "50223055"}, contact{Name: "Bor", TaxNumber: "50223055"}, nil, doubt(WhyCheckDigit, mapping.FieldTaxNumber)},
		"the same, and the same name":   {contact{Name: "Ana Novak", TaxNumber: "50223055"}, contact{Name: "NOVAK ANA", TaxNumber: "50223055"}, nil, byTax},
		"letters of the country":        {contact{TaxNumber: "DE811234567"}, contact{TaxNumber: "811234567", Country: "DE"}, nil, byTax},
		"letters, no country":           {contact{TaxNumber: "DE811234567"}, contact{TaxNumber: "811234567"}, nil, doubt(WhyCountry, mapping.FieldTaxNumber)},
		"home letters, another country": {contact{Name: "Ana", TaxNumber: "SI" + taxAna, Country: "AT"}, contact{Name: "Bor", TaxNumber: "ATU" + taxAna}, nil, Pair{}},
		"another country's letters":     {contact{Name: "Ana", TaxNumber: "DE811234567"}, contact{Name: "Bor", TaxNumber: "HR811234567"}, nil, Pair{}},
		"Greece":                        {contact{TaxNumber: "EL094259216"}, contact{TaxNumber: "GR094259216"}, nil, byTax},
		"Northern Ireland":              {contact{TaxNumber: "GB123456780"}, contact{TaxNumber: "XI123456780"}, nil, byTax},
		"Switzerland":                   {contact{TaxNumber: "CHE-116.281.710 MWST"}, contact{TaxNumber: "CHE-116.281.710"}, nil, byTax},
		"Hungary":                       {contact{TaxNumber: "HU13495678"}, contact{TaxNumber: "13495678-2-41", Country: "HU"}, nil, byTax},
		"an e-mail":                     {contact{Name: "Ana", Email: "Ana@zora.si"}, contact{Name: "Bor", Email: "ana@ZORA.si"}, nil, byEmail},
		"one of several":                {contact{Email: "ana@zora.si"}, contact{Email: "racuni@zora.si; ana@zora.si"}, nil, byEmail},
		"white space":                   {contact{Email: "ana@zora.si\u00a0"}, contact{Email: "ana@zora.si\n"}, nil, byEmail},
		"two numbers":                   {contact{Name: "Ana", Email: "ana@zora.si", TaxNumber: taxAna}, contact{Name: "Bor", Email: "ana@zora.si", TaxNumber: taxBor}, nil, Pair{}},
		"two numbers, one name":         {contact{Name: "Ana Novak", Email: "ana@zora.si", TaxNumber: taxAna}, contact{Name: "Ana Novak", Email: "ana@zora.si", TaxNumber: taxBor}, nil, Pair{Proposed, WhyNumbers, ""}},
		"two numbers, one mistyped":     {contact{Name: "Ana", Email: "ana@zora.si", TaxNumber: taxAna}, contact{Name: "Ana", Email: "ana@zora.si", TaxNumber: "50223045"}, nil, doubt(WhyNumbers, mapping.FieldEmail)},
		"a shared mailbox":              {contact{Name: "Lan Lovec", Email: "info@zora.si", Address: "Doma 9, Nova Gorica, 5000"}, with(firm, func(c *contact) { c.Email = "info@zora.si" }), nil, doubt(WhyMailbox, mapping.FieldEmail)},
		"a shared mailbox, the same":    {with(firm, func(c *contact) { c.Email, c.TaxNumber = "info@zora.si", taxAna }), with(firm, func(c *contact) { c.Email = "info@zora.si" }), nil, byEmail},
		"a further person":              {contact{Name: "Ana", Email: "ana@zora.si"}, contact{Name: "Bor", Email: "bor@zora.si"}, []string{"Ana@zora.si"}, doubt(WhyFurther, mapping.FieldEmail)},
		"name and address":              {contact{Name: "Ana Novak", Address: "Cesta 1, Kranj, 4000"}, contact{Name: "NOVAK Ana", Address: "Cesta 1, 4000 Kranj", Email: "ana@zora.si"}, nil, Pair{Proposed, WhyName, ""}},
		"name and phone":                {contact{Name: "Ana Novak", Phone: "041 222 333"}, contact{Name: "Ana Novak", Phone: "+386 41 222 333"}, nil, Pair{Proposed, WhyName, ""}},
		"a firm's name":                 {contact{Name: "Ana", CompanyName: "Zora d.o.o."}, with(firm, func(c *contact) { c.Name = "Bor" }), nil, Pair{}},
		"a firm's name, and nobody's":   {contact{CompanyName: "ZORA, d. o. o."}, with(firm, func(c *contact) { c.Name = "" }), nil, Pair{Proposed, WhyName, ""}},
		"a name alone":                  {contact{Name: "Ana Novak"}, contact{Name: "Ana Novak"}, nil, Pair{}},
		"two of one name, in one town":  {contact{Name: "Ana Novak", Email: "ana1@zora.si", Address: "Pot 1, Kranj, 4000"}, contact{Name: "Ana Novak", Email: "ana2@zora.si", Address: "Cesta 2, Kranj, 4000"}, nil, Pair{}},
		"two e-mails, one address":      {contact{Name: "Ana Novak", Email: "ana1@zora.si", Address: "Cesta 1, Kranj, 4000"}, contact{Name: "Ana Novak", Email: "ana2@zora.si", Address: "Cesta 1, Kranj, 4000"}, nil, Pair{Proposed, WhyName, ""}},
		"one street in two towns":       {contact{Name: "Ana Novak", Address: "Glavni trg 1, Kranj, 4000"}, contact{Name: "Ana Novak", Address: "Glavni trg 1, Koper, 6000"}, nil, Pair{}},
		"one name in one town":          {contact{Name: "Ana Novak", Email: "ana1@zora.si", Address: "Pot 1, Kranj, 4000"}, contact{Name: "Ana Novak", Address: "Cesta 2, Kranj, 4000"}, nil, Pair{Proposed, WhyName, ""}},
		"two names in one town":         {contact{Name: "Ana Novak", Address: "Pot 1, Kranj, 4000"}, contact{Name: "Bor Kos", Address: "Cesta 2, Kranj, 4000"}, nil, Pair{}},
		"a firm's name, elsewhere":      {contact{CompanyName: "Zora", Address: "Pot 1, Kranj, 4000"}, with(firm, func(c *contact) { c.Name = "" }), nil, Pair{}},
		"a wrong digit, one e-mail":     {contact{Name: "Ana", TaxNumber: "50223055", Email: "ana@zora.si"}, contact{Name: "Bor", TaxNumber: "50223055", Email: "ana@zora.si"}, nil, byTax},
		"two numbers, one address":      {contact{Name: "Ana Novak", TaxNumber: taxAna, Address: "Cesta 1, Kranj, 4000"}, contact{Name: "Ana Novak", TaxNumber: taxBor, Address: "Cesta 1, Kranj, 4000"}, nil, Pair{Proposed, WhyNumbers, ""}},
		"two numbers, one town":         {contact{Name: "Ana Novak", TaxNumber: taxAna, Address: "Cesta 1, Kranj, 4000"}, contact{Name: "Ana Novak", TaxNumber: taxBor, Address: "Pot 2, Kranj, 4000"}, nil, Pair{}},
		"two numbers, one street":       {contact{Name: "Ana Novak", TaxNumber: taxAna, Address: "Glavni trg 1, Kranj, 4000"}, contact{Name: "Ana Novak", TaxNumber: taxBor, Address: "Glavni trg 1, Koper, 6000"}, nil, Pair{}},
		"a mailbox behind an e-mail":    {contact{Name: "Ana", Email: "ana@zora.si; info@zora.si"}, contact{Name: "Bor", Email: "info@zora.si; ana@zora.si"}, nil, byEmail},
		"a mailbox before an e-mail":    {contact{Name: "Ana", Email: "info@zora.si; zoja@zora.si"}, contact{Name: "Bor", Email: "zoja@zora.si; info@zora.si"}, nil, byEmail},
		"two mailboxes":                 {contact{Name: "Ana", Email: "info@zora.si; prodaja@zora.si"}, contact{Name: "Bor", Email: "prodaja@zora.si; info@zora.si"}, nil, doubt(WhyMailbox, mapping.FieldEmail)},
		"nothing":                       {contact{Name: "Ana"}, contact{Name: "Bor"}, nil, Pair{}},
	} {
		require.Equal(t, c.want, Compare(Party{Is: c.one}, Party{Is: c.other, Others: c.others}), name)
		require.Equal(t, c.want, Compare(Party{Is: c.other, Others: c.others}, Party{Is: c.one}), "%s, the other way round", name)
	}
}

// party makes parties that have much in common.
func party(id string) *rapid.Generator[Party] {
	return rapid.Custom(func(t *rapid.T) Party {
		draw := func(what string, from ...string) string { return rapid.SampledFrom(from).Draw(t, what) }
		return Party{ID: id + draw("id", "1", "2", "3", "4"), Is: contact{
			Name:        draw("name", "Ana Novak", "NOVAK ANA", "Bor Kos", "Lan"),
			CompanyName: draw("company", "", "", "Zora d.o.o.", "Sinko s.p."),
			TaxNumber:   draw("tax", "", "", taxAna, "SI"+taxAna, "SI 502 230 54", taxBor, "50223055", "00000000", "/", "v postopku", "DE811234567", "811234567"),
			Email:       draw("email", "", "ana@zora.si", "ANA@zora.si ", "info@zora.si", "bor@zora.si; ana@zora.si", "-", "nima maila"),
			Phone:       draw("phone", "", "041 222 333", "+386 41 222 333", "-", "00000000"),
			Address:     draw("address", "", "Cesta 1, Kranj, 4000", "Cesta 1, 4000 Kranj", "Pot 2, Koper, 6000"),
			Country:     draw("country", "", "SI", "DE"),
		}, Parted: id == "p" && rapid.Bool().Draw(t, "parted")}
	})
}

// TestLawsOfTheFirstMatch: the rule is symmetric, whoever has something in common is
// found by a key, the order says nothing, and only one of whom nothing is doubtful is
// linked.
func TestLawsOfTheFirstMatch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		who := party("c").Draw(t, "who")
		all := rapid.SliceOfNDistinct(party("p"), 0, 4, func(p Party) string { return p.ID }).Draw(t, "candidates")
		for _, p := range all {
			pair := Compare(who, p)
			require.Equal(t, pair, Compare(p, who))
			if pair.Grade > Strangers {
				require.True(t, intersect(Keys(who).All(), Keys(p).All()), "%+v is found by no key", pair)
			}
			if pair.Grade >= Doubtful {
				require.True(t, intersect(Keys(who).Names(), Keys(p).Names()), "%+v is locked by no key", pair)
			}
		}

		choice := Choose(who, all)
		slices.Reverse(all)
		require.Equal(t, choice, Choose(who, all))
		if choice.Link == "" {
			require.Equal(t, len(choice.Candidates) > 0, !choice.Reason().IsZero())
			return
		}
		require.Equal(t, []string{choice.Link}, choice.Candidates)
		for _, p := range all {
			pair := Compare(who, p)
			require.True(t, p.ID == choice.Link || pair.Grade < choice.Pair.Grade)
		}
	})
}

// TestAPlanIsWhatTheRuleSays: of many at once as of one.
func TestAPlanIsWhatTheRuleSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		who := party("c").Draw(t, "who")
		all := rapid.SliceOfNDistinct(party("p"), 0, 4, func(p Party) string { return p.ID }).Draw(t, "candidates")
		partners := make([]Partner, len(all))
		for i, p := range all {
			partners[i] = Partner{Party: p}
		}
		d, _ := NewPlan([]store.MatchContact{{ID: who.ID, Contact: who.Is}}, partners).Contact(who.ID)
		choice := Choose(who, all)
		switch {
		case choice.Link != "":
			require.Equal(t, VerdictLink, d.Verdict)
			require.Equal(t, choice.Link, d.MetaKockaID)
		case len(choice.Candidates) > 0:
			require.Equal(t, VerdictAmbiguous, d.Verdict)
			require.Equal(t, choice.Reason().String(), d.Reason)
		default:
			require.Equal(t, VerdictCreate, d.Verdict)
		}
		require.True(t, d.IsOf(who.Is) && d.Holds(all))

		without, _ := NewPlan([]store.MatchContact{{ID: who.ID, Contact: who.Is, Not: choice.Candidates}}, partners).Contact(who.ID)
		require.NotContains(t, choice.Candidates, without.MetaKockaID, "an answer is not asked for again")
	})
}

// TestAnAnsweredColleagueIsNoTwin: a contact of which a person said that another's partner
// is not its own gets one, although the two share a key.
func TestAnAnsweredColleagueIsNoTwin(t *testing.T) {
	t.Parallel()
	lea := store.MatchContact{ID: "c1", Contact: contact{Name: "Lea", Email: "info@zora.si"}, MetaKockaID: "p1", Status: store.StatusSynced}
	lan := store.MatchContact{ID: "c2", Contact: contact{Name: "Lea", Email: "info@zora.si"}}
	d, _ := NewPlan([]store.MatchContact{lea, lan}, nil).Contact("c2")
	require.Equal(t, VerdictAmbiguous, d.Verdict)
	lan.Not = []string{"p1"}
	d, _ = NewPlan([]store.MatchContact{lea, lan}, nil).Contact("c2")
	require.Equal(t, VerdictCreate, d.Verdict)
}
