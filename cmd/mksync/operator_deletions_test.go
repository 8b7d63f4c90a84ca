package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// people adds contacts that differ in everything and syncs them by command.
func (w *world) people(names ...string) []string {
	w.t.Helper()
	var ids []string
	for _, name := range names {
		id, _ := w.synced(mapping.Contact{Name: name, Email: strings.ToLower(name) + "@example.si"})
		ids = append(ids, id)
	}
	return ids
}

// idsOf are the ids of the contacts with the names, in their order.
func (w *world) idsOf(names ...string) []string {
	w.t.Helper()
	ids := make([]string, len(names))
	for i, name := range names {
		ids[i] = w.one("SELECT contact_id::text FROM metakocka_contact_mappings WHERE base->'crm'->>'name' = $1", name)
	}
	return ids
}

// listening starts the service and waits until it sees every change.
func (w *world) listening() (stop func()) {
	w.t.Helper()
	s, stop := w.start()
	w.eventually(func() error {
		if state := s.Listener.Status().State; state != cdc.StateStreaming {
			return errors.New("the listener is " + state)
		}
		return nil
	})
	return stop
}

func buyer(p metakocka.Partner) any { return p.Buyer != nil && *p.Buyer }

func TestHeldDeletionsAreDecidedByCommand(t *testing.T) {
	t.Parallel()
	bothWays(t, func(w *world) string {
		w.cfg.MaxDeletes, w.cfg.DeletePolicy = 0, syncer.PolicyDeactivate
		ids := w.people("Ana", "Bor", "Cene")
		stop := w.listening()
		w.exec("DELETE FROM contacts")
		for _, id := range ids {
			w.status(id, "held")
		}
		stop()
		return ""
	}, func(w *world, _ string) {
		t, ids := w.t, w.idsOf("Ana", "Bor", "Cene")
		held := w.mksync("deletions", "list")
		require.Len(t, held.ids(), 3)
		require.Contains(t, held.stdout, "held  deleted in crm  contact "+ids[0])
		w.mksync("deletions", "approve", "987654", "Ana Novak").refused("there is no deletion 987654", "id: is not an id")

		require.Contains(t, w.mksync("deletions", "approve", ids[0]).lines()[0], "applied  deleted")
		w.partnerIs(ids[0], false, buyer)

		kept := w.partner(ids[1])
		require.Contains(t, w.mksync("deletions", "reject", kept.MKID).lines()[0], "rejected  deleted")
		require.Equal(t, kept.Hash(), w.partner(ids[1]).Hash(), "the partner was written")
		w.mksync("deletions", "approve", ids[1]).refused("no deletion of " + ids[1] + " is open any more")

		require.NoError(t, w.erp.SetFaults(sim.Faults{Down: true}))
		w.mksync("deletions", "approve", ids[2]).refused("approved, but not applied yet")
		require.Len(t, w.mksync("deletions", "list").ids(), 1)
		require.NoError(t, w.erp.SetFaults(sim.Faults{}))
		w.eventually(func() error { return w.mksync("deletions", "approve", ids[2]).err })
		w.partnerIs(ids[2], false, buyer)

		var all []operations.Deletion
		w.mksync("deletions", "list", "--all", "--json").read(&all)
		require.Len(t, all, 3)
		require.Equal(t, operator(), all[1].ClosedBy)
		require.Empty(t, w.mksync("deletions", "list").ids())
	})
}

func TestContactThatIsBackIsNotDeletedByApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.MaxDeletes, w.cfg.DeletePolicy = 0, syncer.PolicyDeactivate
	id := w.people("Ana")[0]
	stop := w.listening()
	w.exec("DELETE FROM contacts")
	w.status(id, "held")
	stop()
	w.exec("INSERT INTO contacts (id, name, email) VALUES ($1, 'Ana', 'ana@example.si')", id)
	require.Contains(t, w.mksync("deletions", "approve", id).lines()[0], "void  synced")
	w.partnerIs(id, true, buyer)
}

func TestHeldDeletionsOfContactsAreDecidedByCommand(t *testing.T) {
	t.Parallel()
	bothWays(t, func(w *world) string {
		w.cfg.MaxDeletes, w.cfg.RemoteDeletePolicy = 0, syncer.PolicyDelete
		ids := w.people("Ana", "Bor", "Cene")
		for _, id := range ids {
			require.NoError(w.t, w.erp.DeletePartner(w.partner(id).MKID))
			w.mksync("sync", id).refused("waits for a person")
		}
		return ""
	}, func(w *world, _ string) {
		t, ids := w.t, w.idsOf("Ana", "Bor", "Cene")
		require.Contains(t, w.mksync("deletions", "list").lines()[0], "deleted in metakocka")
		require.Contains(t, w.mksync("deletions", "approve", ids[0]).lines()[0], "applied  unlinked")
		require.Equal(t, "2", w.one("SELECT count(*)::text FROM contacts"))
		require.Contains(t, w.mksync("deletions", "reject", ids[1]).lines()[0], "rejected  unlinked")
		require.Equal(t, "2", w.one("SELECT count(*)::text FROM contacts"))

		require.Contains(t, w.mksync("sync", ids[1]).lines()[0], "synced") // a person's request makes the partner anew
		require.Len(t, w.erp.Partners(), 1)
		require.Len(t, w.mksync("deletions", "list").ids(), 1)
	})
}

func TestDeadLettersAreRetriedByCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	s, stop := w.start()
	id := w.add(mapping.Contact{Name: " ", Email: "ana@primer.si"})
	w.eventually(func() error {
		if len(w.letters(s)) == 0 {
			return errors.New("no dead letter yet")
		}
		return nil
	})
	first := w.mksync("deadletters", "list")
	require.Len(t, first.ids(), 1)
	require.Contains(t, first.stdout, "contact "+id)
	w.mksync("deadletters", "retry", "987654").refused("there is no dead letter 987654")
	w.mksync("deadletters", "retry").refused("--all")
	mappingID := w.one("SELECT id::text FROM metakocka_contact_mappings WHERE contact_id = $1", id)

	again := func() { // it fails again, under a new id
		w.eventually(func() error {
			now := w.mksync("deadletters", "list").ids()
			if len(now) != 1 || now[0] == first.ids()[0] {
				return errors.New("not put aside again yet")
			}
			return nil
		})
		first = w.mksync("deadletters", "list")
	}
	require.Contains(t, w.mksync("deadletters", "retry", mappingID).lines()[0], "given back to the pusher")
	again()
	require.Contains(t, w.mksync("deadletters", "retry", id).lines()[0], "given back to the pusher")
	again()
	stop()

	var done []result
	w.mksync("deadletters", "retry", "--all", "--json").read(&done)
	require.Len(t, done, 1)
	gone := w.mksync("deadletters", "list")
	require.Empty(t, gone.ids())
	require.Contains(t, gone.stderr, "no service is running")
	w.start()
	again()
}

func TestDeletionThatIsTriedAgainCountsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.MaxDeletes, w.cfg.DeletePolicy = 1, syncer.PolicyDeactivate
	id := w.people("Ana")[0]
	w.listening()
	require.NoError(t, w.erp.SetFaults(sim.Faults{Down: true}))
	before := w.erp.Calls().Received[metakocka.EndpointGet]
	w.exec("DELETE FROM contacts")
	w.eventually(func() error {
		if w.erp.Calls().Received[metakocka.EndpointGet] < before+4 {
			return errors.New("not tried often enough yet")
		}
		return nil
	})
	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	w.status(id, "deleted")
	require.Equal(t, "1", w.one("SELECT count(*)::text FROM mksync_deletions"))
}
