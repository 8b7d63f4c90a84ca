package pgstore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// orphans are links that have lost a side, each another way; the contacts 1, 5 and 8 and
// the partners of all but 4, 5 and 6 are there.
func orphans(t *testing.T) *keeping {
	t.Helper()
	k := keep(t)
	k.contacts(1, 5, 8)
	for n := 1; n <= 9; n++ {
		k.observe(seen(n, "Ana", mapping.MatchKeys{}))
	}
	require.NoError(t, k.MarkMissing(t.Context(), []string{partnerID(4), partnerID(5), partnerID(6)}))
	for n, status := range map[int]store.Status{
		1: store.StatusSynced, 2: store.StatusSynced, 3: store.StatusDeleted, 4: store.StatusDeleted, 5: store.StatusSynced, 6: store.StatusUnlinked, 8: store.StatusUnlinked, 9: store.StatusSynced,
	} {
		k.link(n, status)
	}
	k.save(numbered(7), store.Change{Link: store.Link{Status: store.StatusUnlinked}})
	k.exec("UPDATE metakocka_contact_mappings SET updated_at = now() - interval '11 minutes' WHERE contact_id <> $1", numbered(6))
	require.False(t, k.admit(9, mapping.SideCRM, 0, ""))
	return k
}

// TestOrphansAreToldByWhatTheyLost; what waits for a person is none, and neither is a
// tombstone that keeps a side from coming back, or whose deletion the guard may count.
func TestOrphansAreToldByWhatTheyLost(t *testing.T) {
	t.Parallel()
	k := orphans(t)
	all := paged(t, 2, func(last *store.Orphan) ([]store.Orphan, error) {
		if last == nil {
			return k.Orphans(t.Context(), "", 2)
		}
		return k.Orphans(t.Context(), last.ContactID, 2)
	})
	type lost struct {
		contact string
		kind    store.OrphanKind
	}
	require.Equal(t, []lost{
		{numbered(2), store.OrphanContactGone}, {numbered(4), store.OrphanBothGone}, {numbered(5), store.OrphanPartnerGone}, {numbered(7), store.OrphanBothGone},
	}, each(all, func(o store.Orphan) lost { return lost{o.ContactID, o.Kind} }))
	require.Equal(t, partnerID(5), all[2].MetaKockaID)
	require.Equal(t, store.StatusSynced, all[2].Status)
	require.Equal(t, k.linkOf(numbered(5)).ID, all[2].LinkID)
}

// TestTombstonesThatGuardNothingAreRemoved with their journals, and no others.
func TestTombstonesThatGuardNothingAreRemoved(t *testing.T) {
	t.Parallel()
	k := orphans(t)
	k.exec("INSERT INTO mksync_deletions (link_id, side, status) SELECT id, 'crm', 'applied' FROM metakocka_contact_mappings WHERE contact_id = ANY($1)",
		[]string{numbered(3), numbered(4)})
	n, err := k.RemoveTombstones(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	for n, there := range map[int]bool{3: true, 4: false, 6: true, 7: false, 8: true} {
		require.Equal(t, there, k.linkOf(numbered(n)) != nil, n)
	}
	k.is(int64(1), "SELECT count(*) FROM mksync_deletions WHERE status = 'applied'")
}
