package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// rich is a partner with much that is not ours.
func rich() metakocka.Partner {
	yes := true
	extra := func(days string) map[string]json.RawMessage {
		return map[string]json.RawMessage{
			"payment_due_days": json.RawMessage(`"` + days + `"`), "language": json.RawMessage(`"Nemški"`), "currency": json.RawMessage(`"USD"`),
		}
	}
	return metakocka.Partner{
		MKID: "7001", Customer: "Kovač d.o.o.", BusinessEntity: true, Taxpayer: true, TaxIDNumber: "SI12345679",
		RegistrationNumber: "1234567000", Buyer: &yes, Supplier: &yes, Notes: "Old notes",
		Contacts: []metakocka.Contact{
			{MKID: "7101", AddressID: "7201", Name: "Žiga Kovač", GSM: "040 123 456", Phone: "01 234 56 78", Email: "ziga@kovac.si", Fax: "01 999 99 99"},
			{MKID: "7102", AddressID: "7202", Name: "Skladišče", Phone: "02 222 22 22", Email: "skladisce@kovac.si", Fax: "02 999 99 99"},
		},
		Addresses: []metakocka.Address{
			{MKID: "7202", Type: "Dobava", Street: "Skladiščna 9", PostNumber: "3000", City: "Celje", Country: "Slovenija", Extra: extra("8")},
			{
				MKID: "7201", Type: metakocka.AddressBilling, Street: "Slovenska cesta 1", PostNumber: "1000", City: "Ljubljana",
				Country: "Slovenija", Province: "Osrednja", Extra: extra("30"),
			},
		},
	}
}

func TestAnUpdateLeavesWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]sim.Options{
		"left out is kept":        {},
		"left out is cleared":     {LeftOut: sim.Cleared, EmptyValue: sim.Cleared, ShowBuyer: true, ShowRegistration: true},
		"left out, marker is bad": {LeftOut: sim.Cleared, RemoveMarker: sim.Kept},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts.Notes, opts.Website, opts.Partners = sim.Kept, sim.Kept, []metakocka.Partner{rich()}
			w := newAuditedWorld(t, opts)
			s := w.up()
			id := w.add(mapping.Contact{Name: "Žiga Kovač", CompanyName: "Kovač d.o.o.", TaxNumber: "12345679"})
			w.contactIs(id, mapping.FieldEmail, "ziga@kovac.si")
			require.Equal(t, written{Contacts: 1}, w.quiet(s))
			require.Equal(t, rich().Contacts, w.partner(id).Contacts)

			c := mapping.Contact{
				Name: "Ana Novak", CompanyName: "Novak s.p.", Email: "ana@novak.si", Phone: "02 333 44 55", Address: "Dunajska 5, Maribor, 2000",
				Country: "AT", TaxNumber: "ATU12345679", Notes: "New notes", Website: "https://novak.si",
			}
			for _, f := range mapping.Fields() {
				w.set(id, f, c.Get(f))
			}
			w.partnerIs(id, c.Website, func(p metakocka.Partner) any { return p.Website })
			w.quiet(s)
			want := rich()
			want.Customer, want.TaxIDNumber, want.ForeignCounty, want.Notes, want.Website = c.CompanyName, c.TaxNumber, true, c.Notes, c.Website
			want.Contacts[0].Name, want.Contacts[0].Email, want.Contacts[0].Phone = c.Name, c.Email, c.Phone
			a := &want.Addresses[1]
			a.Street, a.City, a.PostNumber, a.Country = "Dunajska 5", "Maribor", "2000", "Avstrija"
			got := w.partner(id)
			want.CountCode = got.CountCode
			require.Equal(t, want, got)

			w.set(id, mapping.FieldEmail, "") // an entry is sent with an empty value, and perhaps again with the marker
			w.set(id, mapping.FieldAddress, "")
			w.quiet(s)
			got = w.partner(id)
			require.Len(t, got.Contacts, 2)
			require.Len(t, got.Addresses, 2)
			require.Equal(t, want.Contacts[1], got.Contacts[1])
			require.Equal(t, want.Addresses[0], got.Addresses[0])
			require.Equal(t, want.Contacts[0].Fax, got.Contacts[0].Fax)
			require.Equal(t, a.Province, got.Addresses[1].Province)
			require.Equal(t, a.Extra, got.Addresses[1].Extra)
		})
	}
}

func TestAPartnerWithoutEntriesGetsOneOfEach(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{Partners: []metakocka.Partner{{MKID: "7001", Customer: "Kovač d.o.o.", BusinessEntity: true, TaxIDNumber: "SI12345679"}}})
	s := w.up()
	id := w.add(mapping.Contact{Name: "Žiga Kovač", CompanyName: "Kovač d.o.o.", TaxNumber: "12345679", Email: "ziga@kovac.si", Phone: "01 234 56 78"})
	w.partnerIs(id, 1, func(p metakocka.Partner) any { return len(p.Contacts) })
	w.quiet(s)
	w.set(id, mapping.FieldAddress, "Slovenska cesta 1, Ljubljana, 1000")
	w.set(id, mapping.FieldPhone, "01 234 56 79")
	w.partnerIs(id, "01 234 56 79", func(p metakocka.Partner) any { return p.Contacts[0].Phone })
	w.quiet(s)
	require.Equal(t, "synced: ", w.mapping(id))
	p := w.partner(id)
	require.Len(t, p.Contacts, 1)
	require.Len(t, p.Addresses, 1)
	require.Equal(t, "Ljubljana", p.Addresses[0].City)
	require.Equal(t, p.Addresses[0].MKID, p.Contacts[0].AddressID)
}
