package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestTruncateIsHeld: a TRUNCATE deletes nothing in MetaKocka by itself.
func TestTruncateIsHeld(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy = syncer.PolicyAnonymize
	ids := syncedPeople(w, "Ana", "Bor")
	before := w.ERP.Partners()
	listening(w)
	w.Exec("TRUNCATE contacts")
	for _, id := range ids {
		w.Status(id, "held")
	}
	require.Equal(t, before, w.ERP.Partners())
	held := mksync(w, "deletions", "list")
	require.Len(t, held.ids(), len(ids))
	require.Contains(t, held.stdout, "the contacts table was truncated")
}
