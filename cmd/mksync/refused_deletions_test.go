package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestDeletionsOutlastRefusedWrites: contacts are deleted while MetaKocka takes searches and
// refuses writes. None counts as deleted before its partner is erased.
func TestDeletionsOutlastRefusedWrites(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{EmptyValue: sim.Cleared})
	w.cfg.DeletePolicy = syncer.PolicyAnonymize
	s := w.up()
	var ids []string
	for i := range 7 {
		ids = append(ids, w.add(mapping.Contact{Name: fmt.Sprint("Oseba ", i), Email: fmt.Sprintf("oseba%d@partner.si", i)}))
	}
	for _, id := range ids {
		w.status(id, "synced")
	}
	w.idle(s)
	require.NoError(t, w.erp.SetFaults(sim.Faults{WrongKey: 1, Endpoints: []string{metakocka.EndpointAdd, metakocka.EndpointUpdate}}))
	w.exec("DELETE FROM contacts WHERE id = ANY($1)", ids[:6])
	w.paused(s, "refuses one write after another")
	require.NotEmpty(t, w.letters(s))
	require.Zero(t, w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'deleted'"))

	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	for _, id := range ids[:6] {
		w.status(id, "deleted")
	}
	w.eventually(func() error {
		if n := len(w.letters(s)); n > 0 {
			return fmt.Errorf("%d dead letters", n)
		}
		return nil
	})
	named := 0
	for _, p := range w.erp.Partners() {
		if p.Contacts[0].Email != "" {
			named++
		}
	}
	require.Equal(t, 1, named)
	require.Equal(t, 6, w.count("SELECT count(*) FROM mksync_deletions WHERE status = 'applied'"), "each is counted once")
}

// TestARefusedErasureIsNotDone: of one contact, of one that was merged into another, and of
// one that is back and whose partner MetaKocka does not take back.
func TestARefusedErasureIsNotDone(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{EmptyValue: sim.Cleared}, func(w *world) { w.cfg.DeletePolicy = syncer.PolicyAnonymize })
	refuse := func() {
		require.NoError(t, h.erp.FailNext(metakocka.EndpointUpdate, sim.FaultRefused, sim.FaultRefused))
	}
	var rejected *syncer.RejectError

	id, p := h.linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "041 111 111"})
	h.exec("DELETE FROM contacts WHERE id = $1", id)
	refuse()
	_, err := h.push(id, true)
	require.ErrorAs(t, err, &rejected)
	require.Contains(t, h.mapping(id), "error: ")
	h.pushed(id, true)
	require.Equal(t, "deleted: ", h.mapping(id))
	now, _ := h.erp.Partner(p.MKID)
	require.Empty(t, now.Contacts[0].Email)

	// Back again: what stands in the erased partner is no edit.
	h.exec("INSERT INTO contacts (id, name, email, phone) VALUES ($1, 'Ana', 'ana@partner.si', '041 111 111')", id)
	refuse()
	_, err = h.push(id, false)
	require.ErrorAs(t, err, &rejected)
	h.pushed(id, false)
	require.Equal(t, "Ana", h.contact(id).Name)
	h.partnerIs(id, "Ana", func(p metakocka.Partner) any { return p.Customer })

	loser, p := h.linked(mapping.Contact{Name: "Bor", Email: "bor@partner.si"})
	winner, _ := h.linked(mapping.Contact{Name: "Bor Zajc", Email: "bor.zajc@partner.si"})
	refuse()
	_, err = h.s.Reconciler.Merge(t.Context(), loser, winner, "")
	require.ErrorContains(t, err, "MetaKocka is not through yet")
	require.Equal(t, "running", h.one("SELECT status FROM mksync_merges"))
	require.Contains(t, h.s.Monitor().Status(t.Context()).Problems, "1 merge of contacts is not finished: mksync merge list")
	_, err = h.s.Reconciler.Merge(t.Context(), loser, winner, "")
	require.NoError(t, err)
	require.Equal(t, "merged", h.one("SELECT status FROM mksync_merges"))
	now, _ = h.erp.Partner(p.MKID)
	require.Empty(t, now.Contacts[0].Email)
}

// TestFlagsOfAPartnerThatComesBack: a supplier that is no buyer stays that.
func TestFlagsOfAPartnerThatComesBack(t *testing.T) {
	t.Parallel()
	no, yes := false, true
	supplier := person("7002", "Ana", "", "ana@partner.si")
	supplier.Buyer, supplier.Supplier = &no, &yes
	for _, policy := range []string{syncer.PolicyDeactivate, syncer.PolicyAnonymize, syncer.PolicyUnlink} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			h := byHand(t, sim.Options{Partners: []metakocka.Partner{supplier}, ShowBuyer: true}, func(w *world) { w.cfg.DeletePolicy = policy })
			id, p := h.linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
			h.exec("DELETE FROM contacts WHERE id = $1", id)
			require.NoError(t, h.erp.FailNext(metakocka.EndpointUpdate, sim.FaultAfter)) // what it was is known all the same
			h.pushed(id, true)
			h.exec("INSERT INTO contacts (id, name, email) VALUES ($1, 'Ana', 'ana@partner.si')", id)
			h.pushed(id, false)
			now, _ := h.erp.Partner(p.MKID)
			require.Equal(t, []bool{false, true}, []bool{*now.Buyer, *now.Supplier})
			require.Empty(t, h.one("SELECT flags::text FROM metakocka_contact_mappings"))
		})
	}
}
