package pgstore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// TestWhoIsSaidToBeTwo: a pair is one whatever its order, contacts and partners are told
// apart, and the history tells of each saying once.
func TestWhoIsSaidToBeTwo(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1, 2, 3)
	k.observe(seen(1, "a", mapping.MatchKeys{}), seen(2, "b", mapping.MatchKeys{}))
	contacts := store.Two{ID: numbered(1), OtherID: numbered(2)}
	turned := store.Two{ID: numbered(2), OtherID: numbered(1)}
	partners := store.Two{Partners: true, ID: partnerID(1), OtherID: partnerID(2)}
	said := func(want ...store.Two) {
		t.Helper()
		got, err := k.SaidTwo(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, want, got)
	}
	history := func(act string, want int) {
		t.Helper()
		k.is(want, "SELECT count(*) FROM mksync_history WHERE act = $1 AND cause = 'person' AND by = 'Jana'", act)
	}

	for _, two := range []store.Two{contacts, contacts, turned, partners, partners} {
		require.NoError(t, k.SayTwo(t.Context(), two, "Jana"))
	}
	said(contacts, partners)
	history("not_same", 2)
	k.is(numbered(2), "SELECT note FROM mksync_history WHERE act = 'not_same' AND contact_id = $1", numbered(1))
	k.is(partnerID(2), "SELECT note FROM mksync_history WHERE act = 'not_same' AND metakocka_id = $1", partnerID(1))

	was, err := k.ForgetTwo(t.Context(), store.Two{ID: numbered(1), OtherID: numbered(3)}, "Jana")
	require.NoError(t, err)
	require.False(t, was)
	for _, want := range []bool{true, false} {
		was, err = k.ForgetTwo(t.Context(), turned, "Jana")
		require.NoError(t, err)
		require.Equal(t, want, was)
	}
	said(partners)
	history("maybe_same", 1)

	other := store.Two{ID: numbered(2), OtherID: numbered(3)}
	require.NoError(t, k.SayTwo(t.Context(), contacts, "Jana"))
	require.NoError(t, k.SayTwo(t.Context(), other, ""))
	k.link(1, store.StatusSynced)
	said(contacts, other, partners)
	k.save(numbered(1), store.Change{Link: store.Link{MetaKockaID: partnerID(1), Status: store.StatusDeleted}, ContactGone: true})
	said(other, partners)
}
