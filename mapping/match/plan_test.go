package match

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// said is a decision in a line: the verdict, the other side, the code of the reason and the
// rival.
func said(d Decision, other string) string {
	words := []string{string(d.Verdict), other, d.Said.Code}
	if d.rival != "" {
		words = append(words, "behind "+d.rival)
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// planned are all decisions of a plan, from both sides.
func planned(p *Plan) map[string]string {
	all := map[string]string{}
	for _, d := range p.Decisions() {
		all[d.ContactID] = said(d, d.MetaKockaID)
	}
	for _, of := range p.Partners() {
		d := p.Partner(of)
		all[of.ID] = said(d, d.ContactID)
	}
	return all
}

// plan is one case of a first match: both sides, and what is decided on each.
type plan struct {
	contacts []store.MatchContact
	partners []Partner
	want     map[string]string
}

// Whom plans are made of.
var (
	ana    = contact{Name: "Ana", TaxNumber: taxAna}
	byMail = contact{Name: "Bor", Email: "ana@zora.si"}
	both   = contact{Name: "Ana", TaxNumber: taxAna, Email: "ana@zora.si"}
)

// of is a contact as the change makes it.
func of(id string, c contact, change ...func(*store.MatchContact)) store.MatchContact {
	m := store.MatchContact{ID: id, Contact: c}
	for _, f := range change {
		f(&m)
	}
	return m
}

func linked(c *store.MatchContact)     { c.MetaKockaID, c.Status = "p1", store.StatusSynced }
func gone(c *store.MatchContact)       { c.Status = store.StatusUnlinked }
func leftOut(c *store.MatchContact)    { c.LeftOut = true }
func unresolved(c *store.MatchContact) { c.Unresolved = true }

func partner(id string, c contact) Partner { return Partner{Party: Party{ID: id, Is: c}, Name: c.Name} }

func held(p Partner, by string) Partner {
	p.Holder = by
	return p
}

// plans are what becomes of contacts and partners that have keys in common.
var plans = map[string]plan{
	"the only two": {
		[]store.MatchContact{of("c1", ana)},
		[]Partner{partner("p1", both)},
		map[string]string{"c1": "link p1", "p1": "link c1"},
	},
	"nobody": {
		[]store.MatchContact{of("c1", byMail)},
		[]Partner{partner("p1", ana)},
		map[string]string{"c1": "create", "p1": "create"},
	},
	"two that are linked": {
		[]store.MatchContact{of("c1", ana, linked)},
		[]Partner{held(partner("p1", both), "c1")},
		map[string]string{"c1": "linked p1", "p1": "linked c1"},
	},
	"the number before the e-mail": {
		[]store.MatchContact{of("c1", byMail), of("c2", ana)},
		[]Partner{partner("p1", both)},
		map[string]string{"c1": "ambiguous note.match.taken behind c2", "c2": "link p1", "p1": "link c2"},
	},
	"the number before the e-mail, the other way round": {
		[]store.MatchContact{of("c1", ana), of("c2", byMail)},
		[]Partner{partner("p1", both)},
		map[string]string{"c1": "link p1", "c2": "ambiguous note.match.taken behind c1", "p1": "link c1"},
	},
	"two of one number, and one of its e-mail": {
		[]store.MatchContact{of("c1", ana), of("c2", byMail), of("c3", ana)},
		[]Partner{partner("p1", both)},
		map[string]string{
			"c1": "ambiguous note.match.claimed behind c3", "c2": "ambiguous note.match.claimed behind c1",
			"c3": "ambiguous note.match.claimed behind c1", "p1": "ambiguous note.match.of_contact",
		},
	},
	"two of one e-mail": {
		[]store.MatchContact{of("c1", byMail), of("c2", byMail)},
		[]Partner{partner("p1", both)},
		map[string]string{
			"c1": "ambiguous note.match.claimed behind c2", "c2": "ambiguous note.match.claimed behind c1",
			"p1": "ambiguous note.match.of_contact",
		},
	},
	"the partner of another contact": {
		[]store.MatchContact{of("c1", byMail, linked), of("c2", ana)},
		[]Partner{held(partner("p1", both), "c1")},
		map[string]string{"c1": "linked p1", "c2": "ambiguous note.match.taken", "p1": "linked c1"},
	},
	"several partners": {
		[]store.MatchContact{of("c1", byMail)},
		[]Partner{partner("p1", both), partner("p2", byMail)},
		map[string]string{"c1": "ambiguous note.match.several_email", "p1": "ambiguous note.match.of_contact", "p2": "ambiguous note.match.of_contact"},
	},
	"one of several partners is another's": {
		[]store.MatchContact{of("c1", byMail), of("c2", ana)},
		[]Partner{partner("p1", both), partner("p2", byMail)},
		map[string]string{"c1": "ambiguous note.match.several_email", "c2": "link p1", "p1": "link c2", "p2": "ambiguous note.match.of_contact"},
	},
	"left out": {
		[]store.MatchContact{of("c1", ana, leftOut)},
		[]Partner{partner("p1", both), partner("p2", contact{Name: "Nyx"})},
		map[string]string{"p1": "ambiguous note.match.left_out", "p2": "create"},
	},
	"left out, and one that takes part": {
		[]store.MatchContact{of("c1", ana, leftOut), of("c2", ana)},
		[]Partner{partner("p1", both)},
		map[string]string{"c2": "link p1", "p1": "link c2"},
	},
	"a contact whose partner is gone": {
		[]store.MatchContact{of("c1", ana, gone)},
		[]Partner{partner("p1", both)},
		map[string]string{"c1": "unlinked note.match.former_contact", "p1": "link c1"},
	},
	"a contact whose partner is gone, perhaps": {
		[]store.MatchContact{of("c1", contact{Name: "Lan", Email: "info@zora.si"}, gone)},
		[]Partner{partner("p1", contact{Name: "Bor", Email: "info@zora.si"})},
		map[string]string{"c1": "unlinked note.match.former_contact", "p1": "ambiguous note.match.of_contact"},
	},
	"two contacts whose partner is gone": {
		[]store.MatchContact{of("c1", ana, gone), of("c2", ana, gone)},
		[]Partner{partner("p1", both)},
		map[string]string{"c1": "unlinked note.match.former_contact", "c2": "unlinked note.match.former_contact", "p1": "ambiguous note.match.several_contacts"},
	},
	"two contacts whose partner is gone, by one key each": {
		[]store.MatchContact{of("c1", ana, gone), of("c2", byMail, gone)},
		[]Partner{partner("p1", both)},
		map[string]string{"c1": "unlinked note.match.former_contact", "c2": "unlinked note.match.former_contact", "p1": "ambiguous note.match.several_contacts"},
	},
	"a contact whose partner is just being made": {
		[]store.MatchContact{of("c1", ana, unresolved)},
		[]Partner{partner("p1", both)},
		map[string]string{"c1": "linked", "p1": "link c1"},
	},
	"a contact that was deleted, and is there again": {
		[]store.MatchContact{of("c1", ana, func(c *store.MatchContact) { c.MetaKockaID, c.Status = "p9", store.StatusDeleted })},
		[]Partner{partner("p1", both)},
		map[string]string{"c1": "linked p9", "p1": "link c1"},
	},
	"a contact whose partner is gone, behind two of its number": {
		[]store.MatchContact{of("c1", ana), of("c2", ana), of("c3", ana, gone)},
		[]Partner{partner("p1", both)},
		map[string]string{
			"c1": "ambiguous note.match.claimed behind c2", "c2": "ambiguous note.match.claimed behind c1",
			"c3": "unlinked note.match.former_contact", "p1": "ambiguous note.match.of_contact",
		},
	},
	"a second partner of one that is linked": {
		[]store.MatchContact{of("c1", ana, linked)},
		[]Partner{held(partner("p1", ana), "c1"), partner("p2", ana)},
		map[string]string{"c1": "linked p1", "p1": "linked c1", "p2": "create"},
	},
	"a partner whose contact is gone": {
		nil,
		[]Partner{{Party: Party{ID: "p1", Is: both}, Former: true}},
		map[string]string{"p1": "unlinked note.match.former_partner"},
	},
	"a contact without a name": {
		[]store.MatchContact{of("c1", contact{TaxNumber: taxAna}), of("c2", contact{Email: "bor@zora.si"})},
		[]Partner{partner("p1", both)},
		map[string]string{"c1": "invalid p1 note.field", "c2": "invalid note.field", "p1": "ambiguous note.match.of_contact"},
	},
	"a contact without a name, and one of its number": {
		[]store.MatchContact{of("c1", contact{TaxNumber: taxAna}), of("c2", ana)},
		[]Partner{partner("p1", both)},
		map[string]string{"c1": "invalid p1 note.field", "c2": "ambiguous note.match.claimed behind c1", "p1": "ambiguous note.match.of_contact"},
	},
	"colleagues, perhaps": {
		[]store.MatchContact{of("c1", contact{Name: "Lan", Email: "info@zora.si"}), of("c2", contact{Name: "Bor", Email: "info@zora.si"})},
		nil,
		map[string]string{"c1": "create", "c2": "ambiguous note.match.same_email behind c1"},
	},
	"twins": {
		[]store.MatchContact{of("c1", ana), of("c2", both), of("c3", byMail), of("c4", ana)},
		nil,
		map[string]string{"c1": "create", "c2": "ambiguous note.match.same_tax behind c1", "c3": "create", "c4": "ambiguous note.match.same_tax behind c1"},
	},
	"twins by e-mail": {
		[]store.MatchContact{of("c1", byMail), of("c2", byMail)},
		nil,
		map[string]string{"c1": "create", "c2": "ambiguous note.match.same_email behind c1"},
	},
	"the twin of one that is linked": {
		[]store.MatchContact{of("c1", ana), of("c2", ana, linked)},
		nil,
		map[string]string{"c1": "ambiguous note.match.same_tax", "c2": "linked p1"},
	},
	"the twin of one that is just being made": {
		[]store.MatchContact{of("c1", ana), of("c2", ana, unresolved)},
		nil,
		map[string]string{"c1": "ambiguous note.match.same_tax behind c2", "c2": "linked"},
	},
	"the twin of one that is just being linked": {
		[]store.MatchContact{of("c1", contact{Name: "Ana", Email: "a@zora.si"}), of("c2", contact{Name: "Ana", Email: "a@zora.si", TaxNumber: taxAna})},
		[]Partner{partner("p1", ana)},
		map[string]string{"c1": "ambiguous note.match.same_email behind c2", "c2": "link p1", "p1": "link c2"},
	},
	"one key, and two of them": {
		[]store.MatchContact{of("c1", both), of("c2", contact{Name: "Nyx", Email: "ana@zora.si", TaxNumber: taxBor})},
		nil,
		map[string]string{"c1": "create", "c2": "create"},
	},
}

// TestAPlanOfBothSides: whom a plan links, holds, leaves alone and makes, of contacts and of
// partners (invariant 4).
func TestAPlanOfBothSides(t *testing.T) {
	t.Parallel()
	for name, c := range plans {
		require.Equal(t, c.want, planned(NewPlan(c.contacts, c.partners)), name)
	}
}

// TestWhatAPlanTells: names, reasons and candidates of both sides.
func TestWhatAPlanTells(t *testing.T) {
	t.Parallel()
	partners := []Partner{
		{Party: Party{ID: "p1", Is: contact{Name: "Lan", Email: "lan@zora.si"}}, Name: "Lan"},
		{Party: Party{ID: "p2", Is: ana}, Name: "Ana s.p."},
	}
	p := NewPlan([]store.MatchContact{
		{ID: "c1", Contact: contact{Name: "Bor", TaxNumber: taxAna, Email: "lan@zora.si"}},
		{ID: "c2", Contact: ana, LeftOut: true},
	}, partners)

	d, found := p.Contact("c1")
	require.True(t, found)
	require.Equal(t, "Ana s.p.", d.Partner)
	require.Equal(t, []string{"p1", "p2"}, d.Candidates())
	_, found = p.Contact("c2")
	require.False(t, found, "nothing is decided on a contact that is left out")
	require.Equal(t, "Bor", p.Partner(partners[1]).Name)

	// What the decision was made of is looked at again before it is carried out.
	require.True(t, d.IsOf(contact{Name: "Bor", TaxNumber: "SI" + taxAna, Email: "LAN@zora.si"}))
	require.False(t, d.IsOf(ana))
	require.True(t, d.Holds([]Party{partners[0].Party, partners[1].Party}))
	require.False(t, d.Holds([]Party{partners[0].Party}), "one is gone")
	require.False(t, d.Holds([]Party{partners[0].Party, partners[1].Party, {ID: "p3", Is: ana}}), "another one came")

	taken, _ := NewPlan([]store.MatchContact{{ID: "c1", Contact: ana}}, []Partner{{Party: Party{ID: "p1", Is: ana}, Name: "Ana", Holder: "c0"}}).Contact("c1")
	require.Empty(t, taken.Partner, "who waits for a person is to get no partner yet")
	require.Equal(t, Taken("p1", "c0").String(), taken.Reason)
	several, _ := NewPlan([]store.MatchContact{of("c1", ana), of("c2", ana)}, []Partner{partner("p1", ana)}).Contact("c1")
	require.Contains(t, several.Reason, "(c1, c2)")
}

// TestANameThatManyBearProposesNobody: up to twenty partners of one name are proposed.
func TestANameThatManyBearProposesNobody(t *testing.T) {
	t.Parallel()
	one := contact{Name: "Ana Novak", Address: "Cesta 1, Kranj, 4000"}
	for n, want := range map[int]Verdict{crowd: VerdictAmbiguous, crowd + 1: VerdictCreate} {
		var partners []Partner
		for i := range n {
			partners = append(partners, Partner{Party: Party{ID: fmt.Sprint("p", i), Is: one}})
		}
		d, _ := NewPlan([]store.MatchContact{{ID: "c1", Contact: one}}, partners).Contact("c1")
		require.Equal(t, want, d.Verdict, "%d", n)
	}
}

// TestKeysOfFurtherPersons: a partner is found by the e-mails of all its people, each once.
func TestKeysOfFurtherPersons(t *testing.T) {
	t.Parallel()
	k := Keys(Party{Is: mapping.Contact{Email: "lan@zora.si"}, Others: []string{"bor@zora.si; ana@zora.si", "LAN@zora.si", "ni"}})
	require.Equal(t, []string{"ana@zora.si", "bor@zora.si", "lan@zora.si"}, k.Emails)
}
