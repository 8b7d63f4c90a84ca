package pgstore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// TestPartnersThatWouldBecomeContacts wait for a person, as long as they are there and no
// contact waits that may be theirs.
func TestPartnersThatWouldBecomeContacts(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1, 2)
	waiting := func(q store.ProposalQuery, numbers ...int) []store.ProposedImport {
		t.Helper()
		got, err := k.ProposedImports(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, each(numbers, partnerID), each(got, func(i store.ProposedImport) string { return i.MetaKockaID }))
		if q.After == "" && q.Of == nil {
			count, err := k.CountProposals(t.Context())
			require.NoError(t, err)
			require.Equal(t, len(numbers), count.Counts[store.ProposeImport])
		}
		return got
	}
	for n := range 4 {
		k.observe(seen(n, "a", mapping.MatchKeys{}))
		require.NoError(t, k.ProposeImport(t.Context(), partnerID(n), "v1"))
	}
	require.NoError(t, k.ProposeImport(t.Context(), "unseen", "v1"))
	before := waiting(store.ProposalQuery{}, 0, 1, 2, 3)
	waiting(store.ProposalQuery{After: partnerID(1)}, 2, 3)
	waiting(store.ProposalQuery{Of: []string{partnerID(1), partnerID(3)}}, 1, 3)
	waiting(store.ProposalQuery{Of: []string{}})

	require.NoError(t, k.ProposeImport(t.Context(), partnerID(0), "v1"))
	require.NoError(t, k.ProposeImport(t.Context(), partnerID(1), "v2"))
	now := waiting(store.ProposalQuery{}, 0, 1, 2, 3)
	require.Equal(t, before[0], now[0], "in the same version it stands as it stood")
	require.Equal(t, "v2", now[1].Version)
	require.NotEqual(t, before[1].XID, now[1].XID)

	held := k.save(numbered(1), store.Change{Link: store.Link{Status: store.StatusHeld, HeldKeys: []string{"email a"}}})
	require.NoError(t, k.ContestImports(t.Context(), held.ID, []string{partnerID(1), partnerID(2)}))
	waiting(store.ProposalQuery{}, 0, 3)
	require.NoError(t, k.ProposeImport(t.Context(), partnerID(1), "v2"))
	waiting(store.ProposalQuery{}, 0, 1, 3) // it was decided anew
	k.link(1, store.StatusSynced)
	waiting(store.ProposalQuery{}, 0, 2, 3) // the contact got partner 1, and waits for none
	k.is(0, "SELECT count(*) FROM mksync_imports WHERE metakocka_id = $1", partnerID(1))

	require.NoError(t, k.MarkMissing(t.Context(), []string{partnerID(3)}))
	require.NoError(t, k.DropImport(t.Context(), partnerID(2)))
	waiting(store.ProposalQuery{}, 0)
	k.link(2, store.StatusSynced)
	waiting(store.ProposalQuery{}, 0)
}
