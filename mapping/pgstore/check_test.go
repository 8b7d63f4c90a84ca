package pgstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
)

// TestPairsArePagedThroughContactsAndLinks: whichever of the two is there, in one order.
func TestPairsArePagedThroughContactsAndLinks(t *testing.T) {
	t.Parallel()
	k := keep(t).with(func(c *pgstore.ContactsConfig) { c.Filter = []pgstore.Condition{{Column: "notes", Null: true}} })
	k.contacts(1, 2, 4, 5, 8)
	for _, n := range []int{2, 3, 6, 7, 8} {
		k.link(n, store.StatusSynced)
	}
	k.exec("UPDATE contacts SET notes = 'left out' WHERE id = $1", numbered(5))
	require.False(t, k.admit(3, mapping.SideCRM, 0, ""))
	require.False(t, k.admit(6, mapping.SideMetaKocka, 0, ""))
	require.NoError(t, k.ApproveDeletion(t.Context(), k.held(6).ID, ""))
	require.False(t, k.admit(8, mapping.SideMetaKocka, 0, ""))
	require.NoError(t, k.RejectDeletion(t.Context(), k.held(8), store.StatusUnlinked, coded.Text{}, ""))
	all := paged(t, 3, func(last *store.Pair) ([]store.Pair, error) {
		if last == nil {
			return k.Pairs(t.Context(), "", 3)
		}
		return k.Pairs(t.Context(), last.ContactID, 3)
	})
	require.Len(t, all, 8)
	for i, want := range []struct {
		contact, inScope, link bool
		deletion               mapping.Side
	}{
		{true, true, false, ""},
		{true, true, true, ""},
		{false, false, true, mapping.SideCRM},
		{true, true, false, ""},
		{true, false, false, ""},
		{false, false, true, mapping.SideMetaKocka},
		{false, false, true, ""},
		{true, true, true, ""},
	} {
		got := all[i]
		require.Equal(t, numbered(i+1), got.ContactID)
		require.Equal(t, want.contact, got.Contact != nil, i+1)
		if want.contact {
			require.Equal(t, want.inScope, got.InScope, i+1)
		}
		require.Equal(t, want.link, got.Link != nil, i+1)
		require.Equal(t, want.deletion, got.Deletion, i+1)
	}
	require.Equal(t, "contact 4", all[3].Contact.Name)
	require.Equal(t, partnerID(7), all[6].Link.MetaKockaID)

	again, err := k.PairsOf(t.Context(), []string{numbered(7), numbered(9), numbered(2)})
	require.NoError(t, err)
	require.Equal(t, []string{numbered(2), numbered(7), numbered(9)}, each(again, func(p store.Pair) string { return p.ContactID }))
	require.Equal(t, all[1], again[0])
	require.Nil(t, again[2].Contact)
	require.Nil(t, again[2].Link)
}

// TestPairsForgetWhatWasAgreedOnInAnotherColumn (invariant 22).
func TestPairsForgetWhatWasAgreedOnInAnotherColumn(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1)
	agreed := &mapping.Base{CRM: mapping.Contact{Notes: "n"}, Partner: mapping.Contact{Notes: "n"}}
	k.save(numbered(1), store.Change{Link: store.Link{Status: store.StatusSynced, Base: agreed}})
	notes := func() string {
		t.Helper()
		pairs, err := k.Pairs(t.Context(), "", 1)
		require.NoError(t, err)
		return pairs[0].Link.Base.CRM.Notes
	}
	require.Equal(t, "n", notes())
	k.exec("ALTER TABLE contacts DROP notes")
	k.exec("ALTER TABLE contacts ADD notes text")
	require.NoError(t, k.Refresh(t.Context()))
	require.Empty(t, notes())
}

// TestWhatIsRememberedOfChecksAndPolls is nothing at first.
func TestWhatIsRememberedOfChecksAndPolls(t *testing.T) {
	t.Parallel()
	k := keep(t)
	check, err := k.CheckState(t.Context())
	require.NoError(t, err)
	require.Zero(t, check)
	poll, err := k.PollState(t.Context())
	require.NoError(t, err)
	require.Zero(t, poll)
	now, err := k.Now(t.Context())
	require.NoError(t, err)
	now = now.UTC()

	require.NoError(t, k.SaveCheckState(t.Context(), store.CheckState{At: now, Links: 1}))
	require.NoError(t, k.SaveCheckState(t.Context(), store.CheckState{At: now, Links: 2}))
	require.NoError(t, k.SavePollState(t.Context(), store.PollState{SweptAt: now, Way: "list"}))
	check, err = k.CheckState(t.Context())
	require.NoError(t, err)
	require.Equal(t, store.CheckState{At: now, Links: 2}, check)
	poll, err = k.PollState(t.Context())
	require.NoError(t, err)
	require.Equal(t, store.PollState{SweptAt: now, Way: "list"}, poll)
	k.within(one, func(_ store.Session, st store.State) {
		require.True(t, now.Equal(st.SweptAt))
		require.WithinDuration(t, now, st.Now, time.Minute)
	})
}

// TestATruncateThatWaitsInTheSlotIsSeen, and is there after that, too; other changes are
// none, and neither is one of a table that is not published.
func TestATruncateThatWaitsInTheSlotIsSeen(t *testing.T) {
	t.Parallel()
	k := keep(t)
	slot := testenv.SlotName(t)
	k.exec("CREATE TABLE others (id int); CREATE PUBLICATION \"P b\" FOR TABLE contacts")
	k.exec("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", slot)
	waits := func() bool {
		t.Helper()
		waits, err := k.TruncateWaits(t.Context(), slot, "P b")
		require.NoError(t, err)
		return waits
	}
	before, err := k.LogPosition(t.Context())
	require.NoError(t, err)
	k.contacts(1)
	k.exec("TRUNCATE others")
	require.False(t, waits())
	k.exec("TRUNCATE contacts")
	require.True(t, waits())
	require.True(t, waits())
	after, err := k.LogPosition(t.Context())
	require.NoError(t, err)
	require.Greater(t, after, before)
}
