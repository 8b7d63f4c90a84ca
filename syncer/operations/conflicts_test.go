package operations_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestConflictEndsWhenTheSidesAgree: by themselves, with nothing for a person to take back.
func TestConflictEndsWhenTheSidesAgree(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule = mapping.RuleManual
	a := asks(w)
	id := a.disputed()
	open := func() int {
		t.Helper()
		l, err := operations.OpConflicts.Ask(a.ctx(), a.api, operations.JournalRequest{})
		require.NoError(t, err)
		return len(l.Items)
	}
	syncs := func() store.Status {
		t.Helper()
		o, err := a.sync(id)
		require.NoError(t, err)
		return o.SyncStatus
	}
	require.Equal(t, 2, open())
	w.Exec("UPDATE contacts SET email = 'erp@novak.si' WHERE id = $1", id)
	require.Equal(t, store.StatusConflict, syncs())
	require.Equal(t, 1, open())
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].GSM = "+38640222222" })
	require.Equal(t, store.StatusSynced, syncs())
	require.Zero(t, open())
	all, err := operations.OpConflicts.Ask(a.ctx(), a.api, operations.JournalRequest{All: true})
	require.NoError(t, err)
	_, err = operations.OpUndoConflict.Ask(a.ctx(), a.api, operations.EntryRequest{ID: all.Items[0].ID})
	refused(t, err, "ended by itself")
}
