package syncer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

// taxed is a partner's number and whether it is liable for VAT.
func taxed(p metakocka.Partner) any { return []any{p.TaxIDNumber, p.Taxpayer} }

// TestTheLettersOfATaxNumber: they say who is liable for VAT, so they are carried over
// both ways, though the number is the same with and without them.
func TestTheLettersOfATaxNumber(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, world.KeepsAll)
	s := w.Up()
	number := world.TaxNumber(77)
	c := world.Company()
	c.TaxNumber = number
	firm := w.Add(c)
	p := w.Partner(firm)
	require.Equal(t, []any{number, false}, taxed(p))

	// In the CRM: each edit is one write.
	edits := []struct {
		number string
		liable bool
	}{{"SI" + number, true}, {number, false}, {"SI " + number, true}, {"TAX123", false}, {"ATU" + number, true}, {"RSSMRA85T10A562S", false}, {number, false}}
	for _, e := range edits {
		w.Set(firm, mapping.FieldTaxNumber, e.number)
		w.PartnerIs(firm, []any{e.number, e.liable}, taxed)
	}
	require.Equal(t, world.Written{Adds: 1, Updates: len(edits)}, w.Quiet(s))

	// A spreadsheet's number is the one that is there, letters or none.
	w.Set(firm, mapping.FieldTaxNumber, number+".0")
	require.Equal(t, world.Written{Adds: 1, Updates: len(edits)}, w.Quiet(s))
	require.Equal(t, "synced: ", w.Mapping(firm))

	// In the ERP, whose flag is its users' own.
	for i, v := range []string{"SI" + number, number} {
		require.NoError(t, w.ERP.EditPartner(p.MKID, func(p *metakocka.Partner) { p.TaxIDNumber = v }))
		w.ContactIs(firm, mapping.FieldTaxNumber, v)
		require.Equal(t, world.Written{Adds: 1, Updates: len(edits), Contacts: i + 1}, w.Quiet(s))
		w.PartnerIs(firm, []any{v, false}, taxed)
	}

	// Of a person nobody is liable, until it becomes a company.
	lone := w.Add(mapping.Contact{Name: "Lina Lesjak", TaxNumber: "SI" + world.TaxNumber(78), Email: "lina@lesjak.si"})
	w.PartnerIs(lone, []any{"SI" + world.TaxNumber(78), false}, taxed)
	w.Set(lone, mapping.FieldCompanyName, "Lesjak s.p.")
	w.PartnerIs(lone, []any{"SI" + world.TaxNumber(78), true}, taxed)

	// Letters on one side alone, from before the two met, stay as they are; so do a
	// spreadsheet's number beside the same one.
	require.Equal(t, world.Written{Adds: 2, Updates: len(edits) + 1, Contacts: 2}, w.Quiet(s))
	other, err := w.ERP.AddPartner(world.Person("", "Mojca Mlakar", "SI"+world.TaxNumber(79), ""))
	require.NoError(t, err)
	w.Polls(1)
	again := w.Add(mapping.Contact{Name: "Mojca Mlakar", TaxNumber: world.TaxNumber(79) + ".0"})
	require.Equal(t, other.MKID, w.Partner(again).MKID)
	require.Equal(t, world.Written{Adds: 2, Updates: len(edits) + 1, Contacts: 2}, w.Quiet(s))
	w.Set(again, mapping.FieldTaxNumber, world.TaxNumber(79)) // as it was read
	require.Equal(t, world.Written{Adds: 2, Updates: len(edits) + 1, Contacts: 2}, w.Quiet(s))
}
