package syncer_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestAStrangersPartnerIsNotRetired: a creation was never processed, and somebody else makes a partner with the
// same e-mail address.
func TestAStrangersPartnerIsNotRetired(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{EmptyValue: sim.Cleared}, func(w *world.World) { w.Config.DeletePolicy = "anonymize" })
	id := h.Add(mapping.Contact{Name: "Eva Bukev", Email: "info@firma.si"})
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointAdd, sim.FaultBefore))
	_, err := h.Push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	_, err = h.ERP.AddPartner(metakocka.Partner{
		MKID: "7777", Customer: "Firma d.o.o.", BusinessEntity: true, TaxIDNumber: "SI12345679",
		Contacts: []metakocka.Contact{{Name: "Direktor", Email: "info@firma.si"}},
	})
	require.NoError(t, err)
	h.Exec("DELETE FROM contacts WHERE id = $1", id)
	h.Pushed(id, true)
	now, _ := h.ERP.Partner("7777")
	require.Equal(t, "Firma d.o.o.", now.Customer, h.Mapping(id))
}

// TestAPartnerFoundByAKeyIsMatchedNotAssumed: what differs in it is no edit of what was sent.
func TestAPartnerFoundByAKeyIsMatchedNotAssumed(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	id := h.Add(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si", Phone: "041 111 111", Address: "Cesta 1, Ljubljana, 1000"})
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointAdd, sim.FaultBefore))
	_, err := h.Push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	_, err = h.ERP.AddPartner(metakocka.Partner{
		Customer: "Bukev Eva (nova)", Contacts: []metakocka.Contact{{Name: "Bukev Eva (nova)", Email: "eva@primer.si"}},
		Addresses: []metakocka.Address{{Type: metakocka.AddressBilling}},
	})
	require.NoError(t, err)
	h.Pushed(id, false)
	c := h.Contact(id)
	require.Equal(t, "041 111 111", c.Phone)
	require.Equal(t, "Cesta 1, Ljubljana, 1000", c.Address)
}

// TestACreationThatWasNotMadeFindsItsPartnerTaken: a creation was never processed, and by
// the time that is known another contact holds the one partner with its e-mail address.
func TestACreationThatWasNotMadeFindsItsPartnerTaken(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	other, p := h.Linked(mapping.Contact{Name: "Ana Bukev", Email: "ana@primer.si"})
	id := h.Add(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si"})
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointAdd, sim.FaultBefore))
	_, err := h.Push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email = "eva@primer.si" })
	h.Pull(p.MKID)
	require.Equal(t, "eva@primer.si", h.Contact(other).Email)
	h.Pushed(id, false)
	require.Contains(t, h.Mapping(id), "held: ")
}

// TestTwinsWithoutAnswersGetNoSecondPartners: contacts alike, all of whose creations have no answer.
func TestTwinsWithoutAnswersGetNoSecondPartners(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	const twins = 4
	var ids []string
	for range twins {
		ids = append(ids, h.Add(mapping.Contact{Name: "Janez Novak"}))
		require.NoError(t, h.ERP.FailNext(metakocka.EndpointAdd, sim.FaultAfter))
	}
	for _, id := range ids {
		_, err := h.Push(id, false)
		require.True(t, metakocka.Uncertain(err), "%v", err)
	}
	require.Len(t, h.ERP.Partners(), twins)
	var both sync.WaitGroup
	for _, id := range ids {
		both.Go(func() { _, _ = h.Push(id, false) }) // how they end does not matter
	}
	both.Wait()
	for _, id := range ids {
		h.Set(id, mapping.FieldPhone, "041 111 111")
		h.Pushed(id, false)
	}
	require.Len(t, h.ERP.Partners(), twins, "a contact got a second partner")
}
