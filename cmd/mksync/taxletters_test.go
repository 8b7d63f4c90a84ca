package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

// taxed is a partner's number and whether it is liable for VAT.
func taxed(p metakocka.Partner) any { return []any{p.TaxIDNumber, p.Taxpayer} }

// TestTheLettersOfATaxNumber: they say who is liable for VAT, so they are carried over
// both ways, though the number is the same with and without them.
func TestTheLettersOfATaxNumber(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, keepsAll)
	s := w.up()
	number := taxNumber(77)
	c := company()
	c.TaxNumber = number
	firm, p := w.synced(c)
	require.Equal(t, []any{number, false}, taxed(p))

	// In the CRM: each edit is one write.
	edits := []struct {
		number string
		liable bool
	}{{"SI" + number, true}, {number, false}, {"SI " + number, true}, {"TAX123", false}, {"ATU" + number, true}, {"RSSMRA85T10A562S", false}, {number, false}}
	for _, e := range edits {
		w.set(firm, mapping.FieldTaxNumber, e.number)
		w.partnerIs(firm, []any{e.number, e.liable}, taxed)
	}
	require.Equal(t, written{Adds: 1, Updates: len(edits)}, w.quiet(s))

	// A spreadsheet's number is the one that is there, letters or none.
	w.set(firm, mapping.FieldTaxNumber, number+".0")
	require.Equal(t, written{Adds: 1, Updates: len(edits)}, w.quiet(s))
	require.Equal(t, "synced: ", w.mapping(firm))

	// In the ERP, whose flag is its users' own.
	for i, v := range []string{"SI" + number, number} {
		require.NoError(t, w.erp.EditPartner(p.MKID, func(p *metakocka.Partner) { p.TaxIDNumber = v }))
		w.contactIs(firm, mapping.FieldTaxNumber, v)
		require.Equal(t, written{Adds: 1, Updates: len(edits), Contacts: i + 1}, w.quiet(s))
		w.partnerIs(firm, []any{v, false}, taxed)
	}

	// Of a person nobody is liable, until it becomes a company.
	lone := w.add(mapping.Contact{Name: "Lina Lesjak", TaxNumber: "SI" + taxNumber(78), Email: "lina@lesjak.si"})
	w.partnerIs(lone, []any{"SI" + taxNumber(78), false}, taxed)
	w.set(lone, mapping.FieldCompanyName, "Lesjak s.p.")
	w.partnerIs(lone, []any{"SI" + taxNumber(78), true}, taxed)

	// Letters on one side alone, from before the two met, stay as they are; so do a
	// spreadsheet's number beside the same one.
	require.Equal(t, written{Adds: 2, Updates: len(edits) + 1, Contacts: 2}, w.quiet(s))
	other, err := w.erp.AddPartner(person("", "Mojca Mlakar", "SI"+taxNumber(79), ""))
	require.NoError(t, err)
	w.polls(1)
	again := w.add(mapping.Contact{Name: "Mojca Mlakar", TaxNumber: taxNumber(79) + ".0"})
	require.Equal(t, other.MKID, w.partner(again).MKID)
	require.Equal(t, written{Adds: 2, Updates: len(edits) + 1, Contacts: 2}, w.quiet(s))
	w.set(again, mapping.FieldTaxNumber, taxNumber(79)) // as it was read
	require.Equal(t, written{Adds: 2, Updates: len(edits) + 1, Contacts: 2}, w.quiet(s))
}
