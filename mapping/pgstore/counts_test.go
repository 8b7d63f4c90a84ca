package pgstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// countsAreRows compares what is counted with the lists behind it: how many there are, and
// since when the oldest waits.
func (k *keeping) countsAreRows() store.Counts {
	k.t.Helper()
	got, err := k.Counts(k.t.Context())
	require.NoError(k.t, err)
	ctx, open := k.t.Context(), store.RecordQuery{Open: true}

	conflicts, err := k.Conflicts(ctx, open)
	require.NoError(k.t, err)
	sameWaits(k.t, "conflicts", got.Conflicts, conflicts, func(c store.ConflictRecord) time.Time { return c.CreatedAt })

	deletions, err := k.Deletions(ctx, open)
	require.NoError(k.t, err)
	sameWaits(k.t, "deletions", got.Deletions, deletions, func(d store.DeletionRecord) time.Time { return d.CreatedAt })

	refused, err := k.Links(ctx, store.LinkQuery{Status: store.StatusError})
	require.NoError(k.t, err)
	sameWaits(k.t, "errors", got.Errors, refused, func(l store.Link) time.Time {
		waited := []time.Duration{0, 5 * time.Second, 20 * time.Second, 65 * time.Second} // before so many tries
		return l.UpdatedAt.Add(-waited[l.Retries])
	})

	held, err := k.Links(ctx, store.LinkQuery{Status: store.StatusHeld})
	require.NoError(k.t, err)
	var unclear []store.Link
	for _, l := range held {
		if l.MetaKockaID == "" {
			unclear = append(unclear, l)
		}
	}
	sameWaits(k.t, "matches", got.Matches, unclear, func(l store.Link) time.Time { return l.UpdatedAt })
	return got
}

// sameWaits compares one figure with the rows of its list.
func sameWaits[R any](t testing.TB, kind string, got store.Waits, rows []R, since func(R) time.Time) {
	t.Helper()
	require.Equal(t, len(rows), got.Count, kind)
	if len(rows) == 0 {
		require.Nil(t, got.Since, kind)
		return
	}
	oldest := since(rows[0])
	for _, r := range rows[1:] {
		if since(r).Before(oldest) {
			oldest = since(r)
		}
	}
	require.WithinDuration(t, oldest, *got.Since, 0, kind)
}

// TestCounts: each figure counts its own, and no tombstone.
func TestCounts(t *testing.T) {
	t.Parallel()
	k := keep(t)
	none := k.countsAreRows()
	require.Equal(t, store.Counts{Links: map[store.Status]int{}}, none)

	k.conflicts(parked(mapping.FieldPhone, "1", "2"), parked(mapping.FieldEmail, "1", "2"), decided(mapping.FieldName, mapping.SideCRM))
	k.save(numbered(2), store.Change{Link: store.Link{MetaKockaID: partnerID(2), Status: store.StatusDeleted, Differing: []mapping.Field{mapping.FieldPhone}}})
	k.save(numbered(3), store.Change{Link: store.Link{Status: store.StatusPending, Intent: &store.Intent{Kind: store.IntentCreate}}})
	k.save(numbered(4), store.Change{Link: store.Link{Status: store.StatusHeld}})
	k.link(5, store.StatusSynced)
	require.False(t, k.admit(5, mapping.SideCRM, 0, ""))
	k.exec("UPDATE metakocka_contact_mappings SET sync_status = 'held' WHERE contact_id = $1", numbered(5))
	k.link(6, store.StatusSynced)
	require.False(t, k.admit(6, mapping.SideCRM, 0, ""))
	k.exec("UPDATE mksync_deletions SET status = 'approved' WHERE link_id = $1", k.linkOf(numbered(6)).ID) // and refused since
	k.exec("UPDATE metakocka_contact_mappings SET sync_status = 'error' WHERE contact_id = $1", numbered(6))
	k.link(7, store.StatusError)
	k.exec("UPDATE metakocka_contact_mappings SET retries = 3 WHERE contact_id = $1", numbered(7))
	k.exec(`INSERT INTO mksync_merges (loser_id, winner_id, winner_before, winner_after, status, note)
		VALUES ($1, $1, '{}', '{}', 'running', ''), ($1, $1, '{}', '{}', 'undoing', 'MetaKocka is away'), ($1, $1, '{}', '{}', 'merged', 'kept')`, numbered(1))
	got := k.countsAreRows()
	require.Equal(t, map[store.Status]int{store.StatusConflict: 1, store.StatusDeleted: 1, store.StatusPending: 1, store.StatusHeld: 2, store.StatusError: 2}, got.Links)
	require.Equal(t, []int{1, 1, 1}, []int{got.OpenMerges, got.Differing, got.Unresolved})
	require.Equal(t, []int{2, 2, 1, 2}, []int{got.Conflicts.Count, got.Deletions.Count, got.Matches.Count, got.Errors.Count})

	// One that is decided waits no more, and nobody waits longer than it.
	k.exec("UPDATE mksync_conflicts SET status = 'resolved' WHERE field = 'phone'")
	k.exec("UPDATE metakocka_contact_mappings SET sync_status = 'pending' WHERE contact_id IN ($1, $2)", numbered(4), numbered(7))
	k.exec("UPDATE mksync_deletions SET status = 'rejected'")
	got = k.countsAreRows()
	require.Equal(t, []store.Waits{{}, {}}, []store.Waits{got.Deletions, got.Matches})
}

// TestAnUnclearMatchKeepsItsAge as long as it is the same one, however often it is looked at.
func TestAnUnclearMatchKeepsItsAge(t *testing.T) {
	t.Parallel()
	k := keep(t)
	held := store.Link{Status: store.StatusHeld, HeldKeys: []string{"email ana@primer.si", "tax 12345678"}}
	since := func() time.Time {
		got, err := k.Counts(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, got.Matches.Count)
		return *got.Matches.Since
	}
	k.save(one, store.Change{Link: held})
	first := since()

	// As a snapshot has it: woken, and held again, for a key less.
	k.exec("UPDATE metakocka_contact_mappings SET sync_status = 'pending', updated_at = now()")
	held.HeldKeys = held.HeldKeys[:1]
	k.save(one, store.Change{Link: held})
	require.Equal(t, first, since())

	// Of an earlier version, which did not write it down.
	k.exec("UPDATE metakocka_contact_mappings SET unclear_since = NULL, updated_at = $1", first.Add(-time.Hour))
	require.Equal(t, first.Add(-time.Hour), since())
	k.save(one, store.Change{Link: held})
	require.Equal(t, first.Add(-time.Hour), since())

	// What waited for approval, has other keys, or was decided meanwhile, is another one.
	proposed := held
	proposed.Proposal = &store.Proposal{Does: store.ProposeCreate, Version: "1"}
	decided := store.Link{Status: store.StatusSynced, MetaKockaID: partnerID(1)}
	other := held
	other.HeldKeys = []string{"email bor@primer.si"}
	for name, then := range map[string]store.Link{"proposed": proposed, "other keys": other, "decided": decided} {
		k.save(one, store.Change{Link: held})
		k.exec("UPDATE metakocka_contact_mappings SET unclear_since = $1", first.Add(-time.Hour))
		k.save(one, store.Change{Link: then})
		k.save(one, store.Change{Link: held})
		require.True(t, since().After(first), name)
	}
}
