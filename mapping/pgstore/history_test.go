package pgstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// phoneWritten is the entry of a write of the phone.
func phoneWritten(side mapping.Side, was, now string) store.Entry {
	return store.Entry{
		Side: side, Act: store.ActWrite, Why: store.Why{Cause: store.BecauseEvent, EventID: "1/2/3", ChangedAt: time.Unix(100, 0).UTC()},
		Fields: map[mapping.Field]store.EntryField{mapping.FieldPhone: {
			Base: was, CRM: was, MetaKocka: was, Written: &now, Reason: store.FieldConflict, Rule: mapping.RuleNewest, Winner: side.Other(),
		}},
	}
}

// TestTheHistoryIsKeptWithTheLink: as it was given, found by all that it may be asked for,
// newest first. It goes with the link to a contact's other id.
func TestTheHistoryIsKeptWithTheLink(t *testing.T) {
	t.Parallel()
	k := keep(t)
	job := store.Entry{Act: store.ActHold, Why: store.Why{Cause: store.BecauseJob, By: "ana", Job: "j1"}}
	linked := store.Link{MetaKockaID: partnerID(1), Status: store.StatusSynced}
	k.save(numbered(1), store.Change{Link: linked, History: []store.Entry{phoneWritten(mapping.SideMetaKocka, "1", "2"), job}})
	k.save(numbered(2), store.Change{Link: store.Link{Status: store.StatusPending}, History: []store.Entry{phoneWritten("", "1", "2")}})

	all := k.history(store.HistoryQuery{})
	require.Len(t, all, 3)
	require.Equal(t, []string{numbered(2), numbered(1), numbered(1)}, each(all, func(e store.Entry) string { return e.ContactID }))
	got, want := all[2], phoneWritten(mapping.SideMetaKocka, "1", "2")
	require.Equal(t, partnerID(1), got.MetaKockaID)
	require.WithinDuration(t, time.Now(), got.At, time.Hour)
	got.ID, got.At, got.ContactID, got.MetaKockaID, got.ChangedAt = 0, time.Time{}, "", "", got.ChangedAt.UTC()
	require.Equal(t, want, got)
	k.is("newest", "SELECT rule FROM mksync_history WHERE id = $1", all[2].ID)

	for name, q := range map[string]store.HistoryQuery{
		"id": {IDs: []int64{all[1].ID}}, "who": {By: "ana"}, "job": {Job: "j1"}, "page": {Before: all[0].ID, Limit: 1},
		"time": {Since: all[1].At, Until: all[0].At},
	} {
		require.Equal(t, []store.Entry{all[1]}, k.history(q), name)
	}
	require.Equal(t, all[1:], k.history(store.HistoryQuery{ContactID: numbered(1)}))
	require.Equal(t, all[1:], k.history(store.HistoryQuery{MetaKockaID: partnerID(1)}))
	require.Equal(t, all[2:], k.history(store.HistoryQuery{Side: mapping.SideMetaKocka}))

	require.NoError(t, k.MoveLink(t.Context(), numbered(1), numbered(3)))
	require.Len(t, k.history(store.HistoryQuery{ContactID: numbered(3)}), 2)
}

func (k *keeping) history(q store.HistoryQuery) []store.Entry {
	k.t.Helper()
	all, err := k.History(k.t.Context(), q)
	require.NoError(k.t, err)
	return all
}

// TestAPersonsHistoryIsScrubbed: with the contact's deletion the values go, those of the
// deletion's own entry too. What was done, and to which fields, stays.
func TestAPersonsHistoryIsScrubbed(t *testing.T) {
	t.Parallel()
	k := keep(t)
	link := k.save(numbered(1), store.Change{
		Link: store.Link{MetaKockaID: partnerID(1), Status: store.StatusSynced}, History: []store.Entry{phoneWritten(mapping.SideMetaKocka, "1", "2")},
	})
	link.Status = store.StatusDeleted
	k.save(numbered(1), store.Change{Link: link, History: []store.Entry{phoneWritten(mapping.SideMetaKocka, "2", "3")}})
	all := k.history(store.HistoryQuery{})
	require.Len(t, all, 2)
	for _, e := range all {
		require.Equal(t, map[mapping.Field]store.EntryField{mapping.FieldPhone: {Scrubbed: true}}, e.Fields)
		require.Equal(t, store.ActWrite, e.Act)
	}
}

// TestARejectedDeletionScrubsTheHistory and the tombstone of a contact that is gone, and not of one that is
// kept where its partner is.
func TestARejectedDeletionScrubsTheHistory(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n, status := range map[int]store.Status{1: store.StatusDeleted, 2: store.StatusUnlinked} {
		k.save(numbered(n), store.Change{
			Link: holding(n, "2"), History: []store.Entry{phoneWritten(mapping.SideMetaKocka, "1", "2")},
		})
		require.False(t, k.admit(n, mapping.SideCRM, 0, ""))
		require.NoError(t, k.RejectDeletion(t.Context(), k.held(n), status, coded.Text{}, "ana"))
		all := k.history(store.HistoryQuery{ContactID: numbered(n)})
		require.Len(t, all, 2)
		require.Equal(t, store.ActReject, all[0].Act)
		require.Equal(t, status == store.StatusDeleted, all[1].Fields[mapping.FieldPhone].Scrubbed)
		require.Equal(t, status == store.StatusDeleted, k.linkOf(numbered(n)).Base == nil)
	}
}

// TestTheHistoryIsForgottenByAge, and kept for ever where no age is given.
func TestTheHistoryIsForgottenByAge(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for range 2 {
		k.save(numbered(1), store.Change{Link: store.Link{Status: store.StatusPending}, History: []store.Entry{phoneWritten("", "1", "2")}})
	}
	k.exec("UPDATE mksync_history SET at = now() - interval '401 days' WHERE id = (SELECT min(id) FROM mksync_history)")
	require.NoError(t, k.ForgetOld(t.Context(), 0))
	require.Len(t, k.history(store.HistoryQuery{}), 2)
	require.NoError(t, k.ForgetOld(t.Context(), 400*24*time.Hour))
	require.Len(t, k.history(store.HistoryQuery{}), 1)
}
