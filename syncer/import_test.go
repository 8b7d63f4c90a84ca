package syncer_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

func TestPartnersAreImportedOnce(t *testing.T) {
	t.Parallel()
	opts := world.KeepsAll
	opts.Partners = []metakocka.Partner{
		world.Rich(), world.Person("7002", "Ana", "", "ana@partner.si"),
		{MKID: "7003", Customer: "Brez d.o.o.", BusinessEntity: true},
		{MKID: "7004", Customer: "Odd", Addresses: []metakocka.Address{{Country: "Atlantida"}}},
	}
	w := world.NewAudited(t, opts)
	w.Config.AutoImport = true
	ana := w.Add(mapping.Contact{Name: "Ana", Email: "ANA@partner.si"}) // is there already
	s := w.Up()
	id := w.ContactOf("7001")
	require.Equal(t, mapping.Contact{
		Name: "Žiga Kovač", CompanyName: "Kovač d.o.o.", Email: "ziga@kovac.si", Phone: "01 234 56 78", Country: "SI",
		Address: "Slovenska cesta 1, Ljubljana, 1000", TaxNumber: "SI12345679", Notes: "Old notes",
	}, w.Contact(id))
	require.Equal(t, mapping.Contact{Name: "Brez d.o.o.", CompanyName: "Brez d.o.o."}, w.Contact(w.ContactOf("7003")))
	require.Equal(t, mapping.Contact{Name: "Odd"}, w.Contact(w.ContactOf("7004")))
	require.Equal(t, ana, w.ContactOf("7002"))
	require.Equal(t, world.Written{Contacts: 3}, w.Quiet(s))
	require.Equal(t, `partial: country: "Atlantida" is no known country`, w.Mapping(w.ContactOf("7004")))

	w.Set(w.ContactOf("7003"), mapping.FieldPhone, "041 222 333")
	w.PartnerIs(w.ContactOf("7003"), "041 222 333", func(p metakocka.Partner) any {
		if len(p.Contacts) == 0 {
			return ""
		}
		return p.Contacts[0].GSM
	})
	w.Quiet(s)
	require.Equal(t, "041 222 333", w.Contact(w.ContactOf("7003")).Phone)
	require.Equal(t, 4, w.Count("SELECT count(*) FROM contacts"))
}

// TestNoSecondContactWhileACreationIsInFlight: the poller sees the new partner
// before its maker knows that it is made.
func TestNoSecondContactWhileACreationIsInFlight(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Config.AutoImport = true
	s := w.Up()
	w.Polls(1)
	require.NoError(t, w.ERP.FailNext(metakocka.EndpointAdd, sim.FaultAfter, sim.NoFault, sim.FaultHalf))
	long := strings.Repeat("Zelo dolgo ime ", 10) + "d.o.o." // is cut to 100 characters
	ids := []string{
		w.Add(mapping.Contact{Name: "Ana", CompanyName: long}),
		w.Add(mapping.Contact{Name: "Bor", Email: "bor@partner.si"}),
		w.Add(mapping.Contact{Name: "Cene"}),
	}
	for _, id := range ids {
		w.Partner(id)
	}
	require.Equal(t, world.Written{Adds: 3}, w.Quiet(s))
	require.Len(t, w.ERP.Partners(), 3)
	require.Equal(t, 3, w.Count("SELECT count(*) FROM contacts"))
	require.Equal(t, "partial: company_name: cut to 100 characters by MetaKocka", w.Mapping(ids[0]))
	require.Equal(t, long, w.Contact(ids[0]).CompanyName)
}

// TestAPollSeesNewNames: a poll in between asks for few letters only, and the
// new names hold none of those that brought the others.
func TestAPollSeesNewNames(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Xyz", "", "xyz@partner.si")}})
	w.Config.AutoImport = true
	s := w.Up()
	w.ContactOf("7001")
	w.Polls(2)
	id := w.Add(mapping.Contact{Name: "Krk", Email: "krk@partner.si"})
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].Email = "other@partner.si" })
	w.ContactIs(id, mapping.FieldEmail, "other@partner.si")
	_, err := w.ERP.AddPartner(world.Person("7003", "Ana", "", "ana@partner.si"))
	require.NoError(t, err)
	require.Equal(t, "Ana", w.Contact(w.ContactOf("7003")).Name)
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Customer = "Qwq" })
	w.ContactIs(id, mapping.FieldName, "Qwq")
	w.Quiet(s)
}
