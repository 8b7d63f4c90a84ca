package syncer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// fieldEdit is one field's new value and what the partner then has.
type fieldEdit struct {
	field mapping.Field
	value string
	want  any
	look  func(p metakocka.Partner) any
}

func fieldEdits() []fieldEdit {
	return []fieldEdit{
		{mapping.FieldName, "Ana Novak", "Ana Novak", func(p metakocka.Partner) any { return p.Contacts[0].Name }},
		{mapping.FieldCompanyName, "Novak s.p.", "Novak s.p.", func(p metakocka.Partner) any { return p.Customer }},
		{mapping.FieldEmail, "ana@novak.si", "ana@novak.si", func(p metakocka.Partner) any { return p.Contacts[0].Email }},
		{mapping.FieldPhone, "+386 41 999 888", "+386 41 999 888", func(p metakocka.Partner) any { return p.Contacts[0].GSM }},
		{mapping.FieldAddress, "Dunajska 5, Maribor, 2000", [3]string{"Dunajska 5", "Maribor", "2000"}, func(p metakocka.Partner) any {
			return [3]string{p.Addresses[0].Street, p.Addresses[0].City, p.Addresses[0].PostNumber}
		}},
		{mapping.FieldCountry, "AT", []any{"Avstrija", true}, func(p metakocka.Partner) any { return []any{p.Addresses[0].Country, p.ForeignCounty} }},
		{mapping.FieldTaxNumber, "ATU12345679", []any{"ATU12345679", true}, func(p metakocka.Partner) any { return []any{p.TaxIDNumber, p.Taxpayer} }},
		{mapping.FieldNotes, "Pays early", "Pays early", func(p metakocka.Partner) any { return p.Notes }},
		{mapping.FieldWebsite, "https://novak.si", "https://novak.si", func(p metakocka.Partner) any { return p.Website }},
	}
}

func TestEveryFieldReachesMetaKockaOnce(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, world.KeepsAll)
	s := w.Up()
	id := w.Add(world.Company())
	p := w.Partner(id)
	require.Equal(t, "Kovač d.o.o.", p.Customer)
	require.Equal(t, "Žiga Kovač", p.Contacts[0].Name)
	require.True(t, p.BusinessEntity && p.Taxpayer && *p.Buyer && !p.ForeignCounty)
	require.Equal(t, world.Written{Adds: 1}, w.Quiet(s))
	require.Equal(t, "synced: ", w.Mapping(id))

	for _, e := range fieldEdits() {
		w.Set(id, e.field, e.value)
		w.PartnerIs(id, e.want, e.look)
	}
	require.Equal(t, world.Written{Adds: 1, Updates: len(fieldEdits())}, w.Quiet(s))
	require.Equal(t, "synced: ", w.Mapping(id))

	c := world.Company() // all at once, back again
	w.Exec(`UPDATE contacts SET name = $2, company_name = $3, email = $4, phone = $5, address = $6, country = $7,
		tax_number = $8, notes = $9, website = $10 WHERE id = $1`,
		id, c.Name, c.CompanyName, c.Email, c.Phone, c.Address, c.Country, c.TaxNumber, c.Notes, c.Website)
	w.PartnerIs(id, "Pays late", func(p metakocka.Partner) any { return p.Notes })
	require.Equal(t, world.Written{Adds: 1, Updates: len(fieldEdits()) + 1}, w.Quiet(s))
	again := w.Partner(id)
	require.Equal(t, p, again)
	require.Equal(t, c, w.Contact(id))
}

func TestFieldsAreClearedOneByOne(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]sim.Options{
		"an empty value clears": {Notes: sim.Kept, Website: sim.Kept, EmptyValue: sim.Cleared},
		"the marker clears":     world.KeepsAll,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.NewAudited(t, opts)
			s := w.Up()
			id := w.Add(world.Company())
			w.Partner(id)
			cleared := []fieldEdit{
				{mapping.FieldEmail, "", "", func(p metakocka.Partner) any { return p.Contacts[0].Email }},
				{mapping.FieldPhone, "", "", func(p metakocka.Partner) any { return p.Contacts[0].GSM + p.Contacts[0].Phone }},
				{mapping.FieldAddress, "", "", func(p metakocka.Partner) any {
					return p.Addresses[0].Street + p.Addresses[0].City + p.Addresses[0].PostNumber
				}},
				{mapping.FieldCountry, "", "", func(p metakocka.Partner) any { return p.Addresses[0].Country }},
				{mapping.FieldTaxNumber, "", "", func(p metakocka.Partner) any { return p.TaxIDNumber }},
				{mapping.FieldNotes, "", "", func(p metakocka.Partner) any { return p.Notes }},
				{mapping.FieldWebsite, "", "", func(p metakocka.Partner) any { return p.Website }},
				{mapping.FieldCompanyName, "", []any{"Žiga Kovač", false}, func(p metakocka.Partner) any { return []any{p.Customer, p.BusinessEntity} }},
			}
			for _, e := range cleared {
				w.Set(id, e.field, "")
				w.PartnerIs(id, e.want, e.look)
			}
			n := w.Quiet(s)
			require.Equal(t, world.Written{Adds: 1, Updates: n.Updates}, n)
			require.LessOrEqual(t, n.Updates, 2*len(cleared))
			require.Equal(t, "synced: ", w.Mapping(id))
			require.Equal(t, mapping.Contact{Name: "Žiga Kovač"}, w.Contact(id))
			p := w.Partner(id)
			require.Len(t, p.Contacts, 1)
			require.Len(t, p.Addresses, 1)
		})
	}
}

func TestEveryEditInMetaKockaReachesTheContactOnce(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, world.KeepsAll)
	s := w.Up()
	id := w.Add(world.Company())
	p := w.Partner(id)
	w.Idle(s)
	edits := []struct {
		field mapping.Field
		want  string
		edit  func(p *metakocka.Partner)
	}{
		{mapping.FieldName, "Ana Novak", func(p *metakocka.Partner) { p.Contacts[0].Name = "Ana Novak" }},
		{mapping.FieldCompanyName, "Novak s.p.", func(p *metakocka.Partner) { p.Customer = "Novak s.p." }},
		{mapping.FieldEmail, "ana@novak.si", func(p *metakocka.Partner) { p.Contacts[0].Email = "ana@novak.si" }},
		{mapping.FieldPhone, "041 999 888", func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 999 888" }},
		{mapping.FieldAddress, "Dunajska 5, Maribor, 2000", func(p *metakocka.Partner) {
			p.Addresses[0].Street, p.Addresses[0].City, p.Addresses[0].PostNumber = "Dunajska 5", "Maribor", "2000"
		}},
		{mapping.FieldCountry, "AT", func(p *metakocka.Partner) { p.Addresses[0].Country = "Avstrija" }},
		{mapping.FieldTaxNumber, "ATU12345679", func(p *metakocka.Partner) { p.TaxIDNumber = "ATU12345679" }},
		{mapping.FieldNotes, "Pays early", func(p *metakocka.Partner) { p.Notes = "Pays early" }},
		{mapping.FieldWebsite, "https://novak.si", func(p *metakocka.Partner) { p.Website = "https://novak.si" }},
		{mapping.FieldWebsite, "", func(p *metakocka.Partner) { p.Website = "" }},
		{mapping.FieldNotes, "", func(p *metakocka.Partner) { p.Notes = "" }},
		{mapping.FieldTaxNumber, "", func(p *metakocka.Partner) { p.TaxIDNumber = "" }},
		{mapping.FieldCountry, "", func(p *metakocka.Partner) { p.Addresses[0].Country = "" }},
		{mapping.FieldAddress, "", func(p *metakocka.Partner) {
			p.Addresses[0].Street, p.Addresses[0].City, p.Addresses[0].PostNumber = "", "", ""
		}},
		{mapping.FieldPhone, "", func(p *metakocka.Partner) { p.Contacts[0].GSM = "" }},
		{mapping.FieldEmail, "", func(p *metakocka.Partner) { p.Contacts[0].Email = "" }},
	}
	for _, e := range edits {
		w.Edit(p, e.edit)
		w.ContactIs(id, e.field, e.want)
	}
	require.Equal(t, world.Written{Adds: 1, Contacts: len(edits)}, w.Quiet(s))
	require.Equal(t, "synced: ", w.Mapping(id))
	require.Equal(t, mapping.Contact{Name: "Ana Novak", CompanyName: "Novak s.p."}, w.Contact(id))
}

func TestPersonBecomesCompanyAndBack(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	s := w.Up()
	id := w.Add(mapping.Contact{Name: "Žiga Kovač", TaxNumber: "SI12345679"})
	look := func(p metakocka.Partner) any {
		return []any{p.Customer, p.Contacts[0].Name, p.BusinessEntity, p.Taxpayer}
	}
	w.PartnerIs(id, []any{"Žiga Kovač", "Žiga Kovač", false, false}, look)
	w.Set(id, mapping.FieldCompanyName, "Kovač d.o.o.")
	w.PartnerIs(id, []any{"Kovač d.o.o.", "Žiga Kovač", true, true}, look)
	w.Set(id, mapping.FieldCompanyName, "")
	w.PartnerIs(id, []any{"Žiga Kovač", "Žiga Kovač", false, false}, look)
	require.Equal(t, world.Written{Adds: 1, Updates: 2}, w.Quiet(s))

	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Customer, p.BusinessEntity = "Kovač d.d.", true })
	w.ContactIs(id, mapping.FieldCompanyName, "Kovač d.d.")
	require.Equal(t, world.Written{Adds: 1, Updates: 2, Contacts: 1}, w.Quiet(s))
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Customer, p.BusinessEntity = "Ž. Kovač", false })
	w.ContactIs(id, mapping.FieldName, "Ž. Kovač")
	require.Equal(t, world.Written{Adds: 1, Updates: 2, Contacts: 2}, w.Quiet(s))
	require.Equal(t, mapping.Contact{Name: "Ž. Kovač", TaxNumber: "SI12345679"}, w.Contact(id))
	require.Equal(t, "synced: ", w.Mapping(id))
}
