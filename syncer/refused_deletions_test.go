package syncer_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestDeletionsOutlastRefusedWrites: contacts are deleted while MetaKocka takes searches and
// refuses writes. None counts as deleted before its partner is erased.
func TestDeletionsOutlastRefusedWrites(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{EmptyValue: sim.Cleared})
	w.Config.DeletePolicy = syncer.PolicyAnonymize
	s := w.Up()
	var ids []string
	for i := range 7 {
		ids = append(ids, w.Add(mapping.Contact{Name: fmt.Sprint("Oseba ", i), Email: fmt.Sprintf("oseba%d@partner.si", i)}))
	}
	for _, id := range ids {
		w.Status(id, "synced")
	}
	w.Idle(s)
	require.NoError(t, w.ERP.SetFaults(sim.Faults{WrongKey: 1, Endpoints: []string{metakocka.EndpointAdd, metakocka.EndpointUpdate}}))
	w.Exec("DELETE FROM contacts WHERE id = ANY($1)", ids[:6])
	paused(w, s, "refuses one write after another")
	require.NotEmpty(t, w.Letters(s))
	require.Zero(t, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'deleted'"))

	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	for _, id := range ids[:6] {
		w.Status(id, "deleted")
	}
	w.Eventually(func() error {
		if n := len(w.Letters(s)); n > 0 {
			return fmt.Errorf("%d dead letters", n)
		}
		return nil
	})
	named := 0
	for _, p := range w.ERP.Partners() {
		if p.Contacts[0].Email != "" {
			named++
		}
	}
	require.Equal(t, 1, named)
	require.Equal(t, 6, w.Count("SELECT count(*) FROM mksync_deletions WHERE status = 'applied'"), "each is counted once")
}

// TestARefusedErasureIsNotDone: of one contact, of one that was merged into another, and of
// one that is back and whose partner MetaKocka does not take back.
func TestARefusedErasureIsNotDone(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{EmptyValue: sim.Cleared}, func(w *world.World) { w.Config.DeletePolicy = syncer.PolicyAnonymize })
	refuse := func() {
		require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultRefused, sim.FaultRefused))
	}
	var rejected *syncer.RejectError

	id, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "041 111 111"})
	h.Exec("DELETE FROM contacts WHERE id = $1", id)
	refuse()
	_, err := h.Push(id, true)
	require.ErrorAs(t, err, &rejected)
	require.Contains(t, h.Mapping(id), "error: ")
	h.Pushed(id, true)
	require.Equal(t, "deleted: ", h.Mapping(id))
	now, _ := h.ERP.Partner(p.MKID)
	require.Empty(t, now.Contacts[0].Email)

	// Back again: what stands in the erased partner is no edit.
	h.Exec("INSERT INTO contacts (id, name, email, phone) VALUES ($1, 'Ana', 'ana@partner.si', '041 111 111')", id)
	refuse()
	_, err = h.Push(id, false)
	require.ErrorAs(t, err, &rejected)
	h.Pushed(id, false)
	require.Equal(t, "Ana", h.Contact(id).Name)
	h.PartnerIs(id, "Ana", func(p metakocka.Partner) any { return p.Customer })

	loser, p := h.Linked(mapping.Contact{Name: "Bor", Email: "bor@partner.si"})
	winner, _ := h.Linked(mapping.Contact{Name: "Bor Zajc", Email: "bor.zajc@partner.si"})
	refuse()
	_, err = h.Service.Reconciler.Merge(t.Context(), loser, winner, "")
	require.ErrorContains(t, err, "MetaKocka is not through yet")
	require.Equal(t, "running", h.One("SELECT status FROM mksync_merges"))
	require.Contains(t, h.Service.Monitor().Status(t.Context()).Problems, "1 merge of contacts is not finished: mksync merge list")
	_, err = h.Service.Reconciler.Merge(t.Context(), loser, winner, "")
	require.NoError(t, err)
	require.Equal(t, "merged", h.One("SELECT status FROM mksync_merges"))
	now, _ = h.ERP.Partner(p.MKID)
	require.Empty(t, now.Contacts[0].Email)
}

// TestFlagsOfAPartnerThatComesBack: a supplier that is no buyer stays that.
func TestFlagsOfAPartnerThatComesBack(t *testing.T) {
	t.Parallel()
	no, yes := false, true
	supplier := world.Person("7002", "Ana", "", "ana@partner.si")
	supplier.Buyer, supplier.Supplier = &no, &yes
	for _, policy := range []string{syncer.PolicyDeactivate, syncer.PolicyAnonymize, syncer.PolicyUnlink} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			h := world.ByHand(t, sim.Options{Partners: []metakocka.Partner{supplier}, ShowBuyer: true}, func(w *world.World) { w.Config.DeletePolicy = policy })
			id, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
			h.Exec("DELETE FROM contacts WHERE id = $1", id)
			require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultAfter)) // what it was is known all the same
			h.Pushed(id, true)
			h.Exec("INSERT INTO contacts (id, name, email) VALUES ($1, 'Ana', 'ana@partner.si')", id)
			h.Pushed(id, false)
			now, _ := h.ERP.Partner(p.MKID)
			require.Equal(t, []bool{false, true}, []bool{*now.Buyer, *now.Supplier})
			require.Empty(t, h.One("SELECT flags::text FROM metakocka_contact_mappings"))
		})
	}
}
