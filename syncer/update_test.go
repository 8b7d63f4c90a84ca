package syncer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

func TestAnUpdateLeavesWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]sim.Options{
		"left out is kept":        {},
		"left out is cleared":     {LeftOut: sim.Cleared, EmptyValue: sim.Cleared, ShowBuyer: true, ShowRegistration: true},
		"left out, marker is bad": {LeftOut: sim.Cleared, RemoveMarker: sim.Kept},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts.Notes, opts.Website, opts.Partners = sim.Kept, sim.Kept, []metakocka.Partner{world.Rich()}
			w := world.NewAudited(t, opts)
			s := w.Up()
			id := w.Add(mapping.Contact{Name: "Žiga Kovač", CompanyName: "Kovač d.o.o.", TaxNumber: "12345679"})
			w.ContactIs(id, mapping.FieldEmail, "ziga@kovac.si")
			require.Equal(t, world.Written{Contacts: 1}, w.Quiet(s))
			require.Equal(t, world.Rich().Contacts, w.Partner(id).Contacts)

			c := mapping.Contact{
				Name: "Ana Novak", CompanyName: "Novak s.p.", Email: "ana@novak.si", Phone: "02 333 44 55", Address: "Dunajska 5, Maribor, 2000",
				Country: "AT", TaxNumber: "ATU12345679", Notes: "New notes", Website: "https://novak.si",
			}
			for _, f := range mapping.Fields() {
				w.Set(id, f, c.Get(f))
			}
			w.PartnerIs(id, c.Website, func(p metakocka.Partner) any { return p.Website })
			w.Quiet(s)
			want := world.Rich()
			want.Customer, want.TaxIDNumber, want.ForeignCounty, want.Notes, want.Website = c.CompanyName, c.TaxNumber, true, c.Notes, c.Website
			want.Contacts[0].Name, want.Contacts[0].Email, want.Contacts[0].Phone = c.Name, c.Email, c.Phone
			a := &want.Addresses[1]
			a.Street, a.City, a.PostNumber, a.Country = "Dunajska 5", "Maribor", "2000", "Avstrija"
			got := w.Partner(id)
			want.CountCode = got.CountCode
			require.Equal(t, want, got)

			w.Set(id, mapping.FieldEmail, "") // an entry is sent with an empty value, and perhaps again with the marker
			w.Set(id, mapping.FieldAddress, "")
			w.Quiet(s)
			got = w.Partner(id)
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
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{{MKID: "7001", Customer: "Kovač d.o.o.", BusinessEntity: true, TaxIDNumber: "SI12345679"}}})
	s := w.Up()
	id := w.Add(mapping.Contact{Name: "Žiga Kovač", CompanyName: "Kovač d.o.o.", TaxNumber: "12345679", Email: "ziga@kovac.si", Phone: "01 234 56 78"})
	w.PartnerIs(id, 1, func(p metakocka.Partner) any { return len(p.Contacts) })
	w.Quiet(s)
	w.Set(id, mapping.FieldAddress, "Slovenska cesta 1, Ljubljana, 1000")
	w.Set(id, mapping.FieldPhone, "01 234 56 79")
	w.PartnerIs(id, "01 234 56 79", func(p metakocka.Partner) any { return p.Contacts[0].Phone })
	w.Quiet(s)
	require.Equal(t, "synced: ", w.Mapping(id))
	p := w.Partner(id)
	require.Len(t, p.Contacts, 1)
	require.Len(t, p.Addresses, 1)
	require.Equal(t, "Ljubljana", p.Addresses[0].City)
	require.Equal(t, p.Addresses[0].MKID, p.Contacts[0].AddressID)
}
