package syncer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// place is what a partner's billing address says of where it is.
func place(p metakocka.Partner) any {
	a, _ := p.Billing()
	code, _ := mapping.ParseCountry(a.Country)
	return [4]string{a.Street, a.City, a.PostNumber, code}
}

// A country that stands only at the end of a contact's address reaches the partner, and
// goes with it; the contact keeps what its person typed in.
func TestACountryAtTheEndOfAnAddress(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	s := w.Up()
	const written = "Lindenweg 8, 50667 Köln, Deutschland"
	id := w.Add(mapping.Contact{Name: "Ute Vogt", Email: "ute@located-test.de", Address: written})
	gone := w.Add(mapping.Contact{Name: "Jan Kos", Email: "jan@located-test.de", Address: written})
	for _, c := range []string{id, gone} {
		w.Status(c, "synced")
		w.PartnerIs(c, [4]string{"Lindenweg 8", "Köln", "50667", "DE"}, place)
	}
	after := w.Quiet(s)
	require.Equal(t, written, w.Contact(id).Address)
	require.Empty(t, w.Contact(id).Country)
	require.Equal(t, 2, after.Adds+after.Updates+after.Contacts)

	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Addresses[0].Street = "Lindenweg 9" })
	w.ContactIs(id, mapping.FieldAddress, "Lindenweg 9, Köln, 50667, Deutschland")
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Addresses[0].Country = "Austria" })
	w.ContactIs(id, mapping.FieldCountry, "AT")
	w.ContactIs(id, mapping.FieldAddress, "Lindenweg 9, Köln, 50667")

	// An address that is emptied in the ERP leaves the country that is there.
	w.Edit(w.Partner(gone), func(p *metakocka.Partner) { a := &p.Addresses[0]; a.Street, a.City, a.PostNumber = "", "", "" })
	w.ContactIs(gone, mapping.FieldCountry, "DE")
	require.Empty(t, w.Contact(gone).Address)

	w.Set(gone, mapping.FieldCountry, "")
	w.Set(gone, mapping.FieldAddress, "Ilica 5, 10000 Zagreb, Hrvatska")
	w.PartnerIs(gone, [4]string{"Ilica 5", "Zagreb", "10000", "HR"}, place)
	w.Set(gone, mapping.FieldAddress, "Ilica 5, 10000 Zagreb")
	w.PartnerIs(gone, [4]string{"Ilica 5", "Zagreb", "10000", ""}, place)
	w.Quiet(s)
	require.Equal(t, "synced: ", w.Mapping(id))
	require.Equal(t, "synced: ", w.Mapping(gone))
}

// TestADirectionIsKeptWhereACountryStandsBehindAnAddress: what loses it with an address
// gets none written where its field goes the other way only, and that is nobody's edit.
func TestADirectionIsKeptWhereACountryStandsBehindAnAddress(t *testing.T) {
	t.Parallel()
	empty := func(p *metakocka.Partner) { a := &p.Addresses[0]; a.Street, a.City, a.PostNumber = "", "", "" }
	for _, d := range []mapping.Direction{mapping.DirectionToMetaKocka, mapping.DirectionBoth} {
		t.Run("country "+string(d), func(t *testing.T) {
			t.Parallel()
			w := world.NewAudited(t, sim.Options{})
			oneWay(w, mapping.FieldCountry, d)
			s := w.Parts()
			id := w.Add(mapping.Contact{Name: "Ute Vogt", Email: "ute@located-test.de", Address: "Lindenweg 8, 50667 Köln, Deutschland"})
			w.Reconciled(s, id)
			w.Edit(w.Partner(id), empty)
			p, err := s.Reconciler.Preview(t.Context(), id, syncer.Trigger{Cause: syncer.CauseCheck})
			require.NoError(t, err)
			want := []syncer.FieldChange{{Field: mapping.FieldAddress, From: "Lindenweg 8, 50667 Köln, Deutschland"}}
			country := ""
			if d == mapping.DirectionBoth {
				country = "DE"
				want = append(want, syncer.FieldChange{Field: mapping.FieldCountry, To: country})
			}
			require.Equal(t, want, p.ToCRM)
			for range 2 {
				w.Reconciled(s, id)
				require.Equal(t, "synced: ", w.Mapping(id))
				require.Equal(t, country, w.Contact(id).Country)
				require.Equal(t, [4]string{"", "", "", "DE"}, place(w.Partner(id)))
			}
		})
	}
	t.Run("country to_crm", func(t *testing.T) {
		t.Parallel()
		w := world.NewAudited(t, sim.Options{})
		oneWay(w, mapping.FieldCountry, mapping.DirectionToCRM)
		s := w.Parts()
		id := w.Add(mapping.Contact{Name: "Jan Kos", Email: "jan@located-test.de"})
		w.Reconciled(s, id)
		w.Edit(w.Partner(id), func(p *metakocka.Partner) {
			p.Addresses = []metakocka.Address{{Type: metakocka.AddressBilling, Street: "Ilica 5, 10000 Zagreb, Hrvatska"}}
		})
		w.Reconciled(s, id)
		require.Equal(t, "HR", w.Contact(id).Country)
		w.Set(id, mapping.FieldAddress, "Ilica 7, 10000 Zagreb")
		for range 2 {
			w.Reconciled(s, id)
			require.Equal(t, "synced: ", w.Mapping(id))
			require.Equal(t, "HR", w.Contact(id).Country)
			require.Equal(t, [4]string{"Ilica 7", "Zagreb", "10000", ""}, place(w.Partner(id)))
		}
	})
}

// In a first sync a partner without a country gets the one that the contact's address
// ends in, and one that another system wrote into its street is imported as one.
func TestACountryAtTheEndOfAnAddressInAFirstSync(t *testing.T) {
	t.Parallel()
	known := world.Person("7101", "Ute Vogt", "", "ute@located-test.de")
	known.Addresses = []metakocka.Address{{MKID: "71012", Type: metakocka.AddressBilling, Street: "Lindenweg 8", City: "Köln", PostNumber: "50667"}}
	other := world.Person("7102", "Jan Kos", "", "jan@located-test.de")
	other.Addresses = []metakocka.Address{{MKID: "71022", Type: metakocka.AddressBilling, Street: "Ilica 5, 10000 Zagreb, Hrvatska"}}
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{known, other}})
	w.Config.AutoImport = true
	id := w.Add(mapping.Contact{Name: "Ute Vogt", Email: "ute@located-test.de", Address: "Lindenweg 8, 50667 Köln, Deutschland"})
	s := w.Up()
	w.PartnerIs(id, [4]string{"Lindenweg 8", "Köln", "50667", "DE"}, place)
	imported := w.ContactOf("7102")
	w.Quiet(s)
	require.Equal(t, "7101", w.Partner(id).MKID)
	require.Equal(t, "HR", w.Contact(imported).Country)
	require.Equal(t, "Ilica 5, Zagreb, 10000", w.Contact(imported).Address)
	require.Equal(t, [4]string{"Ilica 5, 10000 Zagreb, Hrvatska", "", "", ""}, place(w.Partner(imported)), "nobody edited it")

	// The contact's next edit keeps the country.
	w.Set(imported, mapping.FieldAddress, "Ilica 7, Zagreb, 10000")
	w.PartnerIs(imported, [4]string{"Ilica 7", "Zagreb", "10000", "HR"}, place)
	w.Quiet(s)
	require.Equal(t, "HR", w.Contact(imported).Country)
	require.Equal(t, "synced: ", w.Mapping(imported))
}
