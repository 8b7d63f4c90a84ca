package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

func TestHeldDeletionsAreDecidedByCommand(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.MaxDeletes, w.Config.DeletePolicy = 0, syncer.PolicyDeactivate
	s := w.Parts()
	ids := []string{w.Linked(s, "ana@example.si"), w.Linked(s, "bor@example.si")}
	w.Exec("DELETE FROM contacts")
	for _, id := range ids {
		_, err := s.Reconciler.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseContact, Deleted: true})
		require.NoError(t, err)
	}
	s.Close()

	held := mksync(w, "deletions", "list")
	require.Len(t, held.ids(), 2)
	require.Contains(t, held.stdout, "held  deleted in crm  contact "+ids[0])
	mksync(w, "deletions", "approve", "987654", "Ana Novak").refused("there is no deletion 987654", "id: is not an id")
	require.Contains(t, mksync(w, "deletions", "approve", ids[0]).lines()[0], "applied  deleted")
	w.PartnerIs(ids[0], false, world.Buyer)
	kept := w.Partner(ids[1])
	require.Contains(t, mksync(w, "deletions", "reject", kept.MKID).lines()[0], "rejected  deleted")
	require.Equal(t, kept.Hash(), w.Partner(ids[1]).Hash(), "the partner was written")

	var all []operations.Deletion
	mksync(w, "deletions", "list", "--all", "--json").read(&all)
	require.Len(t, all, 2)
	require.Equal(t, operator(), all[1].ClosedBy)
	require.Empty(t, mksync(w, "deletions", "list").ids())
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
