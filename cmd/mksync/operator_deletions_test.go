package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// syncedPeople adds contacts that differ in everything and syncs them by command.
func syncedPeople(w *world.World, names ...string) []string {
	w.T.Helper()
	var ids []string
	for _, name := range names {
		id, _ := synced(w, mapping.Contact{Name: name, Email: strings.ToLower(name) + "@example.si"})
		ids = append(ids, id)
	}
	return ids
}

// contactIDs are the ids of the contacts with the names, in their order.
func contactIDs(w *world.World, names ...string) []string {
	w.T.Helper()
	ids := make([]string, len(names))
	for i, name := range names {
		ids[i] = w.One("SELECT contact_id::text FROM metakocka_contact_mappings WHERE base->'crm'->>'name' = $1", name)
	}
	return ids
}

// listening starts the service and waits until it sees every change.
func listening(w *world.World) (stop func()) {
	w.T.Helper()
	s, stop := w.Start()
	w.Eventually(func() error {
		if state := s.Listener.Status().State; state != cdc.StateStreaming {
			return errors.New("the listener is " + state)
		}
		return nil
	})
	return stop
}

func TestHeldDeletionsAreDecidedByCommand(t *testing.T) {
	t.Parallel()
	bothWays(t, func(w *world.World) string {
		w.Config.MaxDeletes, w.Config.DeletePolicy = 0, syncer.PolicyDeactivate
		ids := syncedPeople(w, "Ana", "Bor", "Cene")
		stop := listening(w)
		w.Exec("DELETE FROM contacts")
		for _, id := range ids {
			w.Status(id, "held")
		}
		stop()
		return ""
	}, func(w *world.World, _ string) {
		t, ids := w.T, contactIDs(w, "Ana", "Bor", "Cene")
		held := mksync(w, "deletions", "list")
		require.Len(t, held.ids(), 3)
		require.Contains(t, held.stdout, "held  deleted in crm  contact "+ids[0])
		mksync(w, "deletions", "approve", "987654", "Ana Novak").refused("there is no deletion 987654", "id: is not an id")

		require.Contains(t, mksync(w, "deletions", "approve", ids[0]).lines()[0], "applied  deleted")
		w.PartnerIs(ids[0], false, world.Buyer)

		kept := w.Partner(ids[1])
		require.Contains(t, mksync(w, "deletions", "reject", kept.MKID).lines()[0], "rejected  deleted")
		require.Equal(t, kept.Hash(), w.Partner(ids[1]).Hash(), "the partner was written")
		mksync(w, "deletions", "approve", ids[1]).refused("no deletion of " + ids[1] + " is open any more")

		require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
		mksync(w, "deletions", "approve", ids[2]).refused("approved, but not applied yet")
		require.Len(t, mksync(w, "deletions", "list").ids(), 1)
		require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
		w.Eventually(func() error { return mksync(w, "deletions", "approve", ids[2]).err })
		w.PartnerIs(ids[2], false, world.Buyer)

		var all []operations.Deletion
		mksync(w, "deletions", "list", "--all", "--json").read(&all)
		require.Len(t, all, 3)
		require.Equal(t, operator(), all[1].ClosedBy)
		require.Empty(t, mksync(w, "deletions", "list").ids())
	})
}

func TestHeldDeletionsOfContactsAreDecidedByCommand(t *testing.T) {
	t.Parallel()
	bothWays(t, func(w *world.World) string {
		w.Config.MaxDeletes, w.Config.RemoteDeletePolicy = 0, syncer.PolicyDelete
		ids := syncedPeople(w, "Ana", "Bor", "Cene")
		for _, id := range ids {
			require.NoError(w.T, w.ERP.DeletePartner(w.Partner(id).MKID))
			mksync(w, "sync", id).refused("waits for a person")
		}
		return ""
	}, func(w *world.World, _ string) {
		t, ids := w.T, contactIDs(w, "Ana", "Bor", "Cene")
		require.Contains(t, mksync(w, "deletions", "list").lines()[0], "deleted in metakocka")
		require.Contains(t, mksync(w, "deletions", "approve", ids[0]).lines()[0], "applied  unlinked")
		require.Equal(t, "2", w.One("SELECT count(*)::text FROM contacts"))
		require.Contains(t, mksync(w, "deletions", "reject", ids[1]).lines()[0], "rejected  unlinked")
		require.Equal(t, "2", w.One("SELECT count(*)::text FROM contacts"))

		require.Contains(t, mksync(w, "sync", ids[1]).lines()[0], "synced") // a person's request makes the partner anew
		require.Len(t, w.ERP.Partners(), 1)
		require.Len(t, mksync(w, "deletions", "list").ids(), 1)
	})
}

func TestDeadLettersAreRetriedByCommand(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	s, stop := w.Start()
	id := w.Add(mapping.Contact{Name: " ", Email: "ana@primer.si"})
	w.Eventually(func() error {
		if len(w.Letters(s)) == 0 {
			return errors.New("no dead letter yet")
		}
		return nil
	})
	first := mksync(w, "deadletters", "list")
	require.Len(t, first.ids(), 1)
	require.Contains(t, first.stdout, "contact "+id)
	mksync(w, "deadletters", "retry", "987654").refused("there is no dead letter 987654")
	mksync(w, "deadletters", "retry").refused("--all")
	mappingID := w.One("SELECT id::text FROM metakocka_contact_mappings WHERE contact_id = $1", id)

	again := func() { // it fails again, under a new id
		w.Eventually(func() error {
			now := mksync(w, "deadletters", "list").ids()
			if len(now) != 1 || now[0] == first.ids()[0] {
				return errors.New("not put aside again yet")
			}
			return nil
		})
		first = mksync(w, "deadletters", "list")
	}
	require.Contains(t, mksync(w, "deadletters", "retry", mappingID).lines()[0], "given back to the pusher")
	again()
	require.Contains(t, mksync(w, "deadletters", "retry", id).lines()[0], "given back to the pusher")
	again()
	stop()

	var done []result
	mksync(w, "deadletters", "retry", "--all", "--json").read(&done)
	require.Len(t, done, 1)
	gone := mksync(w, "deadletters", "list")
	require.Empty(t, gone.ids())
	require.Contains(t, gone.stderr, "no service is running")
	w.Start()
	again()
}
