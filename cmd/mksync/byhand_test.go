package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// hand is a world whose reconciles are called by the test.
type hand struct {
	*world
	s *service.Service
}

func byHand(t *testing.T, opts sim.Options, set func(w *world)) *hand {
	t.Helper()
	w := newAuditedWorld(t, opts)
	w.cfg.MetaKockaTimeout = 500 * time.Millisecond
	if set != nil {
		set(w)
	}
	s, err := service.New(t.Context(), w.cfg, service.Options{Pace: quickPace}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return &hand{w, s}
}

func (h *hand) push(id string, deleted bool) (syncer.Result, error) {
	return h.s.Reconciler.Contact(context.WithoutCancel(h.t.Context()), id, syncer.Trigger{Cause: syncer.CauseContact, CRMChangedAt: time.Now(), Deleted: deleted})
}

// pushed pushes until it is through.
func (h *hand) pushed(id string, deleted bool) {
	h.t.Helper()
	h.eventually(func() error { _, err := h.push(id, deleted); return err })
}

func (h *hand) pull(mkid string) {
	h.t.Helper()
	require.NoError(h.t, h.s.Poller.Poll(h.t.Context()))
	p, _ := h.erp.Partner(mkid)
	_, err := h.s.Reconciler.Partner(h.t.Context(), mkid, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
	require.NoError(h.t, err)
}

func (h *hand) linked(c mapping.Contact) (id string, p metakocka.Partner) {
	h.t.Helper()
	id = h.add(c)
	h.pushed(id, false)
	p = h.partner(id)
	h.pull(p.MKID)
	return id, p
}

// TestAStrangersPartnerIsNotRetired: a creation was never processed, and somebody else makes a partner with the
// same e-mail address.
func TestAStrangersPartnerIsNotRetired(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{EmptyValue: sim.Cleared}, func(w *world) { w.cfg.DeletePolicy = "anonymize" })
	id := h.add(mapping.Contact{Name: "Eva Bukev", Email: "info@firma.si"})
	require.NoError(t, h.erp.FailNext(metakocka.EndpointAdd, sim.FaultBefore))
	_, err := h.push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	_, err = h.erp.AddPartner(metakocka.Partner{
		MKID: "7777", Customer: "Firma d.o.o.", BusinessEntity: true, TaxIDNumber: "SI12345679",
		Contacts: []metakocka.Contact{{Name: "Direktor", Email: "info@firma.si"}},
	})
	require.NoError(t, err)
	h.exec("DELETE FROM contacts WHERE id = $1", id)
	h.pushed(id, true)
	now, _ := h.erp.Partner("7777")
	require.Equal(t, "Firma d.o.o.", now.Customer, h.mapping(id))
}

// TestAPartnerFoundByAKeyIsMatchedNotAssumed: what differs in it is no edit of what was sent.
func TestAPartnerFoundByAKeyIsMatchedNotAssumed(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, nil)
	id := h.add(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si", Phone: "041 111 111", Address: "Cesta 1, Ljubljana, 1000"})
	require.NoError(t, h.erp.FailNext(metakocka.EndpointAdd, sim.FaultBefore))
	_, err := h.push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	_, err = h.erp.AddPartner(metakocka.Partner{
		Customer: "Bukev Eva (nova)", Contacts: []metakocka.Contact{{Name: "Bukev Eva (nova)", Email: "eva@primer.si"}},
		Addresses: []metakocka.Address{{Type: metakocka.AddressBilling}},
	})
	require.NoError(t, err)
	h.pushed(id, false)
	c := h.contact(id)
	require.Equal(t, "041 111 111", c.Phone)
	require.Equal(t, "Cesta 1, Ljubljana, 1000", c.Address)
}

// TestACreationThatWasNotMadeFindsItsPartnerTaken: a creation was never processed, and by
// the time that is known another contact holds the one partner with its e-mail address.
func TestACreationThatWasNotMadeFindsItsPartnerTaken(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, nil)
	other, p := h.linked(mapping.Contact{Name: "Ana Bukev", Email: "ana@primer.si"})
	id := h.add(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si"})
	require.NoError(t, h.erp.FailNext(metakocka.EndpointAdd, sim.FaultBefore))
	_, err := h.push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email = "eva@primer.si" })
	h.pull(p.MKID)
	require.Equal(t, "eva@primer.si", h.contact(other).Email)
	h.pushed(id, false)
	require.Contains(t, h.mapping(id), "held: ")
}

// TestTwinsWithoutAnswersGetNoSecondPartners: contacts alike, all of whose creations have no answer.
func TestTwinsWithoutAnswersGetNoSecondPartners(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, nil)
	const twins = 4
	var ids []string
	for range twins {
		ids = append(ids, h.add(mapping.Contact{Name: "Janez Novak"}))
		require.NoError(t, h.erp.FailNext(metakocka.EndpointAdd, sim.FaultAfter))
	}
	for _, id := range ids {
		_, err := h.push(id, false)
		require.True(t, metakocka.Uncertain(err), "%v", err)
	}
	require.Len(t, h.erp.Partners(), twins)
	var both sync.WaitGroup
	for _, id := range ids {
		both.Go(func() { _, _ = h.push(id, false) }) // how they end does not matter
	}
	both.Wait()
	for _, id := range ids {
		h.set(id, mapping.FieldPhone, "041 111 111")
		h.pushed(id, false)
	}
	require.Len(t, h.erp.Partners(), twins, "a contact got a second partner")
}

// TestALateClearingDoesNotWipeANewerEdit: one of an intent's updates took effect, another one is on its way.
func TestALateClearingDoesNotWipeANewerEdit(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, nil)
	id, p := h.linked(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si", Phone: "041 111 111"})
	require.NoError(t, h.erp.SetFaults(sim.Faults{LateBy: 400 * time.Millisecond}))
	require.NoError(t, h.erp.FailNext(metakocka.EndpointUpdate, sim.NoFault, sim.FaultLate))
	h.exec("UPDATE contacts SET email = NULL, phone = '041 222 222' WHERE id = $1", id)
	_, err := h.push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.exec("UPDATE contacts SET email = 'nova@primer.si' WHERE id = $1", id)
	h.pushed(id, false)
	h.eventually(func() error {
		if c := h.erp.Calls(); c.Processed[metakocka.EndpointUpdate] < c.Received[metakocka.EndpointUpdate] {
			return errors.New("late")
		}
		return nil
	})
	h.pull(p.MKID)
	h.pushed(id, false)
	now, _ := h.erp.Partner(p.MKID)
	require.Equal(t, "nova@primer.si", h.contact(id).Email, "the user's edit is lost; partner: %+v", now.Contacts)
}

// TestALateEntryIsNotAddedTwice: as before, of entries.
func TestALateEntryIsNotAddedTwice(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{Partners: []metakocka.Partner{{MKID: "7001", Customer: "Ana", TaxIDNumber: "SI12345679"}}}, nil)
	if p, _ := h.erp.Partner("7001"); len(p.Addresses)+len(p.Contacts) > 0 {
		t.Skip("has entries")
	}
	require.NoError(t, h.erp.SetFaults(sim.Faults{LateBy: 400 * time.Millisecond}))
	require.NoError(t, h.erp.FailNext(metakocka.EndpointUpdate, sim.NoFault, sim.FaultLate))
	id := h.add(mapping.Contact{Name: "Ana", TaxNumber: "SI12345679", Email: "ana@partner.si", Address: "Cesta 1, Ljubljana, 1000"})
	_, err := h.push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.pushed(id, false)
	time.Sleep(time.Second)
	p, _ := h.erp.Partner("7001")
	data, _ := json.Marshal(p)
	require.Len(t, p.Contacts, 1, string(data))
}

// TestAContactComesBackWhileItsPartnerIsAnonymized: the retiring has no answer when the contact is there again.
func TestAContactComesBackWhileItsPartnerIsAnonymized(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{EmptyValue: sim.Cleared}, func(w *world) { w.cfg.DeletePolicy = "anonymize" })
	id, p := h.linked(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si", Phone: "041 111 111"})
	require.NoError(t, h.erp.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	h.exec("DELETE FROM contacts WHERE id = $1", id)
	_, err := h.push(id, true)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.exec("INSERT INTO contacts (id, name, email, phone) VALUES ($1, 'Eva Bukev', 'eva@primer.si', '041 111 111')", id)
	h.pushed(id, true)
	h.pull(p.MKID)
	c := h.contact(id)
	require.Equal(t, mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si", Phone: "041 111 111"}, mapping.Contact{Name: c.Name, Email: c.Email, Phone: c.Phone})
}

// TestAContactComesBackWhileItsPartnerIsDeactivated: its partner is a buyer again.
func TestAContactComesBackWhileItsPartnerIsDeactivated(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{EmptyValue: sim.Cleared}, func(w *world) { w.cfg.DeletePolicy = "deactivate" })
	id, p := h.linked(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si", Phone: "041 111 111"})
	require.NoError(t, h.erp.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	h.exec("DELETE FROM contacts WHERE id = $1", id)
	_, err := h.push(id, true)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.exec("INSERT INTO contacts (id, name, email, phone) VALUES ($1, 'Eva Bukev', 'eva@primer.si', '041 111 111')", id)
	h.pushed(id, true)
	h.pull(p.MKID)
	now, _ := h.erp.Partner(p.MKID)
	require.True(t, *now.Buyer, h.mapping(id))
}
