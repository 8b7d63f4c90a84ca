package pgstore_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// admit asks the guard for the deletion of contact n's link.
func (k *keeping) admit(n int, side mapping.Side, limit int, reason string) (admitted bool) {
	k.t.Helper()
	k.within(numbered(n), func(s store.Session, st store.State) {
		var err error
		admitted, err = s.AdmitDeletion(k.t.Context(), *st.Link, side, limit, coded.Words(reason))
		require.NoError(k.t, err)
	})
	return admitted
}

// deletionsOf lists the journal of contact n.
func (k *keeping) deletionsOf(n int) []store.DeletionRecord {
	k.t.Helper()
	found, err := k.Deletions(k.t.Context(), store.RecordQuery{Of: numbered(n)})
	require.NoError(k.t, err)
	return found
}

// held is the one deletion of contact n that waits for a person.
func (k *keeping) held(n int) store.DeletionRecord {
	k.t.Helper()
	found := k.deletionsOf(n)
	require.Len(k.t, found, 1)
	require.Equal(k.t, store.DeletionHeld, found[0].Status)
	return found[0]
}

// TestTheGuardCountsDeletionsOfTenMinutes: on both sides together, and those alone that
// were applied by themselves and lately.
func TestTheGuardCountsDeletionsOfTenMinutes(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n := 1; n <= 6; n++ {
		k.link(n, store.StatusSynced)
	}
	require.True(t, k.admit(1, mapping.SideCRM, 2, ""))
	require.True(t, k.admit(2, mapping.SideMetaKocka, 2, ""))
	require.False(t, k.admit(3, mapping.SideCRM, 2, ""), "two are within ten minutes")
	require.Equal(t, "more than 2 deletions in ten minutes", k.held(3).Reason.String())
	require.True(t, k.admit(4, mapping.SideCRM, 3, ""), "what is held does not count")

	k.exec("UPDATE mksync_deletions SET created_at = now() - interval '9 minutes' WHERE status = 'applied'")
	require.False(t, k.admit(5, mapping.SideMetaKocka, 3, ""))
	k.exec("UPDATE mksync_deletions SET created_at = now() - interval '10 minutes 1 second' WHERE status = 'applied'")
	require.True(t, k.admit(6, mapping.SideCRM, 1, ""), "the others are older")
	require.False(t, k.admit(5, mapping.SideMetaKocka, 100, ""), "held once, only a person lets it go")
	require.Len(t, k.deletionsOf(5), 1)
}

// TestTheGuardDoesNotCountWhatAPersonDecided: an approved deletion, or one that mksync
// itself noted with a reason.
func TestTheGuardDoesNotCountWhatAPersonDecided(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n := 1; n <= 3; n++ {
		k.link(n, store.StatusSynced)
	}
	require.False(t, k.admit(1, mapping.SideCRM, 0, ""))
	require.NoError(t, k.ApproveDeletion(t.Context(), k.held(1).ID, "ana"))
	require.True(t, k.admit(1, mapping.SideCRM, 0, ""), "whatever the limit")
	require.Equal(t, store.DeletionApproved, k.deletionsOf(1)[0].Status, "until its tombstone is stored")
	k.save(numbered(1), store.Change{Link: store.Link{MetaKockaID: partnerID(1), Status: store.StatusDeleted}})
	done := k.deletionsOf(1)[0]
	require.Equal(t, store.DeletionApplied, done.Status)
	require.Equal(t, "ana", done.ClosedBy)
	require.NotZero(t, done.ClosedAt)
	require.True(t, k.admit(2, mapping.SideCRM, 1, ""))
	require.False(t, k.admit(3, mapping.SideCRM, 1, ""))
}

// TestADeletionThatWasCutOffIsCountedOnce: admitted and not carried out, it is admitted
// again; one of the other side, or of an hour ago, is another deletion.
func TestADeletionThatWasCutOffIsCountedOnce(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.link(1, store.StatusSynced)
	require.True(t, k.admit(1, mapping.SideCRM, 1, ""))
	require.True(t, k.admit(1, mapping.SideCRM, 1, ""))
	require.Len(t, k.deletionsOf(1), 1)
	require.False(t, k.admit(1, mapping.SideMetaKocka, 1, ""))

	k.exec("DELETE FROM mksync_deletions WHERE status = 'held'")
	k.exec("UPDATE mksync_deletions SET created_at = now() - interval '1 hour'")
	require.True(t, k.admit(1, mapping.SideCRM, 1, ""))
	require.Len(t, k.deletionsOf(1), 2)
}

// TestADeletionWithAReasonWaits for a person, however few there were; it is then held on
// the side that was asked for last.
func TestADeletionWithAReasonWaits(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.link(1, store.StatusSynced)
	require.False(t, k.admit(1, mapping.SideMetaKocka, 100, "the table was truncated"))
	held := k.held(1)
	require.Equal(t, "the table was truncated", held.Reason.String())
	require.Equal(t, mapping.SideMetaKocka, held.Side)
	require.Equal(t, numbered(1), held.ContactID)
	require.Equal(t, partnerID(1), held.MetaKockaID)

	require.False(t, k.admit(1, mapping.SideCRM, 100, ""))
	require.Equal(t, mapping.SideCRM, k.held(1).Side)
	k.within(numbered(1), func(s store.Session, st store.State) {
		for side, want := range map[mapping.Side]bool{mapping.SideCRM: true, mapping.SideMetaKocka: false} {
			got, err := s.DeletionHeld(t.Context(), *st.Link, side)
			require.NoError(t, err)
			require.Equal(t, want, got, side)
		}
		require.NoError(t, s.VoidDeletion(t.Context(), *st.Link, mapping.SideMetaKocka))
		require.Equal(t, store.DeletionHeld, k.held(1).Status, "that side did not come back")
		require.NoError(t, s.VoidDeletion(t.Context(), *st.Link, mapping.SideCRM))
	})
	require.Equal(t, store.DeletionVoid, k.deletionsOf(1)[0].Status)
	require.True(t, k.admit(1, mapping.SideCRM, 100, ""), "deleted anew, it is asked for anew")
}

// TestTheGuardAdmitsNoMoreThanTheLimitOfManyAtOnce: the count is taken under one lock.
func TestTheGuardAdmitsNoMoreThanTheLimitOfManyAtOnce(t *testing.T) {
	t.Parallel()
	k := keep(t)
	links := make([]store.Link, 12)
	for n := range links {
		links[n] = k.link(n, store.StatusSynced)
	}
	var admitted atomic.Int64
	var all sync.WaitGroup
	for n := range links {
		all.Go(func() {
			err := k.WithContact(t.Context(), numbered(n), func(s store.Session) error {
				ok, err := s.AdmitDeletion(t.Context(), links[n], mapping.SideCRM, 3, coded.Text{})
				if ok {
					admitted.Add(1)
				}
				return err
			})
			require.NoError(t, err)
		})
	}
	all.Wait()
	require.EqualValues(t, 3, admitted.Load())
	k.is(9, "SELECT count(*) FROM mksync_deletions WHERE status = 'held'")
}

// TestARejectedDeletionLeavesATombstone: nothing waits for a person after that, nothing is
// under way, and the other side keeps what it has.
func TestARejectedDeletionLeavesATombstone(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.save(numbered(1), store.Change{
		Link: store.Link{
			MetaKockaID: partnerID(1), Status: store.StatusConflict, Differing: []mapping.Field{mapping.FieldPhone}, Intent: &store.Intent{Kind: store.IntentUpdate},
			Overrides: map[mapping.Field]store.Decision{mapping.FieldPhone: {Take: mapping.SideCRM}},
		},
		Conflicts: []store.ConflictRecord{parked(mapping.FieldPhone, "1", "2")},
	})
	require.False(t, k.admit(1, mapping.SideCRM, 0, ""))
	held := k.held(1)
	require.NoError(t, k.RejectDeletion(t.Context(), held, store.StatusUnlinked, coded.Words("ana kept it"), "ana"))

	l := k.linkOf(numbered(1))
	require.Equal(t, store.StatusUnlinked, l.Status)
	require.Equal(t, "ana kept it", l.LastError.String())
	require.Equal(t, "ana", l.UpdatedBy)
	require.Nil(t, l.Intent)
	require.Empty(t, l.Overrides)
	closed := k.deletionsOf(1)[0]
	require.Equal(t, store.DeletionRejected, closed.Status)
	require.Equal(t, "ana", closed.ClosedBy)
	open, err := k.Conflicts(t.Context(), store.RecordQuery{Open: true})
	require.NoError(t, err)
	require.Empty(t, open)

	require.ErrorIs(t, k.RejectDeletion(t.Context(), held, store.StatusDeleted, coded.Text{}, "eva"), store.ErrNotOpen)
	require.ErrorIs(t, k.ApproveDeletion(t.Context(), held.ID, "eva"), store.ErrNotOpen)
	require.Equal(t, store.StatusUnlinked, k.linkOf(numbered(1)).Status)
}

// TestHoldAllHoldsThoseWhoseContactsAreGone, each once, and no tombstone.
func TestHoldAllHoldsThoseWhoseContactsAreGone(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1)
	for n, status := range map[int]store.Status{1: store.StatusSynced, 2: store.StatusSynced, 3: store.StatusError, 4: store.StatusDeleted, 5: store.StatusUnlinked} {
		k.link(n, status)
	}
	require.False(t, k.admit(3, mapping.SideMetaKocka, 0, "before"))

	n, err := k.HoldAll(t.Context(), coded.Words("the table was truncated"), store.Why{Cause: store.BecausePerson, By: "ana"})
	k.is("person ana", "SELECT string_agg(DISTINCT cause || ' ' || by, ', ') FROM mksync_history WHERE act = 'hold'")
	require.NoError(t, err)
	require.EqualValues(t, 1, n, "one is held already")
	require.Equal(t, "the table was truncated", k.held(2).Reason.String())
	require.Equal(t, mapping.SideCRM, k.held(2).Side)
	require.Equal(t, "before", k.held(3).Reason.String())
	for n, want := range map[int]store.Status{1: store.StatusSynced, 2: store.StatusHeld, 3: store.StatusHeld, 4: store.StatusDeleted, 5: store.StatusUnlinked} {
		require.Equal(t, want, k.linkOf(numbered(n)).Status, n)
	}
	require.Equal(t, "the table was truncated", k.linkOf(numbered(2)).LastError.String())
	n, err = k.HoldAll(t.Context(), coded.Words("again"), store.Why{Cause: store.BecauseCheck})
	require.NoError(t, err)
	require.Zero(t, n)
}

// TestPartnersThatAreMissingAreHeldUntilTheyAreBack: the links stay as they are.
func TestPartnersThatAreMissingAreHeldUntilTheyAreBack(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n, status := range map[int]store.Status{1: store.StatusSynced, 2: store.StatusSynced, 3: store.StatusUnlinked, 4: store.StatusSynced} {
		k.link(n, status)
	}
	require.False(t, k.admit(4, mapping.SideCRM, 0, "deleted in the CRM"))
	all := []string{partnerID(1), partnerID(2), partnerID(3), partnerID(4), "9999"}
	require.NoError(t, k.HoldMissing(t.Context(), all, coded.Words("half of them are gone")))
	require.NoError(t, k.HoldMissing(t.Context(), all, coded.Words("again")))
	require.Equal(t, "half of them are gone", k.held(1).Reason.String())
	require.Equal(t, mapping.SideMetaKocka, k.held(2).Side)
	require.Empty(t, k.deletionsOf(3))
	require.Equal(t, mapping.SideCRM, k.held(4).Side)
	require.Equal(t, store.StatusSynced, k.linkOf(numbered(1)).Status)

	require.NoError(t, k.ReleaseMissing(t.Context(), nil))
	require.NoError(t, k.ReleaseMissing(t.Context(), []string{partnerID(1), partnerID(4)}))
	require.Equal(t, store.DeletionVoid, k.deletionsOf(1)[0].Status)
	require.Equal(t, store.DeletionHeld, k.held(2).Status)
	require.Equal(t, store.DeletionHeld, k.held(4).Status, "the contact is gone, not the partner")
}

// TestASavedLinkClosesItsDeletion: it is void where the link lives, or where another
// tombstone came before a person decided.
func TestASavedLinkClosesItsDeletion(t *testing.T) {
	t.Parallel()
	for status, want := range map[store.Status]store.DeletionStatus{
		store.StatusSynced: store.DeletionVoid, store.StatusPartial: store.DeletionVoid, store.StatusDeleted: store.DeletionVoid,
		store.StatusPending: store.DeletionHeld, store.StatusError: store.DeletionHeld, store.StatusHeld: store.DeletionHeld,
	} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			k := keep(t)
			k.link(1, store.StatusSynced)
			require.False(t, k.admit(1, mapping.SideCRM, 0, ""))
			k.link(1, status)
			require.Equal(t, want, k.deletionsOf(1)[0].Status)
		})
	}
}

// TestDeletionsArePaged by their numbers, and found by any of their ids.
func TestDeletionsArePaged(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n := range 7 {
		k.link(n, store.StatusSynced)
		k.admit(n, mapping.SideCRM, 3, "")
	}
	page := func(open bool) func(*store.DeletionRecord) ([]store.DeletionRecord, error) {
		return func(last *store.DeletionRecord) ([]store.DeletionRecord, error) {
			q := store.RecordQuery{Open: open, Limit: 3}
			if last != nil {
				q.After = last.ID
			}
			return k.Deletions(t.Context(), q)
		}
	}
	contact := func(d store.DeletionRecord) string { return d.ContactID }
	all := paged(t, 3, page(false))
	require.Equal(t, []string{numbered(0), numbered(1), numbered(2), numbered(3), numbered(4), numbered(5), numbered(6)}, each(all, contact))
	require.Equal(t, []string{numbered(3), numbered(4), numbered(5), numbered(6)}, each(paged(t, 3, page(true)), contact))
	for _, id := range idsOf(all[4].ID, all[4].LinkID, all[4].ContactID, all[4].MetaKockaID) {
		found, err := k.Deletions(t.Context(), store.RecordQuery{Of: id})
		require.NoError(t, err)
		require.Equal(t, all[4:5], found, id)
	}
}

// TestADeletionThatWasAdmittedLongAgoIsCountedOnce: it is tried again until it is carried
// out, each time as one, and counts no more where it turns out to be refused.
func TestADeletionThatWasAdmittedLongAgoIsCountedOnce(t *testing.T) {
	t.Parallel()
	k := keep(t)
	l := k.link(1, store.StatusSynced)
	open := func() (applied int) {
		for _, d := range k.deletionsOf(1) {
			if d.Status == store.DeletionApplied {
				applied++
			}
		}
		return applied
	}
	for range 2 {
		require.True(t, k.admit(1, mapping.SideMetaKocka, 5, ""))
		k.exec("UPDATE mksync_deletions SET created_at = created_at - interval '11 minutes'")
	}
	require.Equal(t, 1, open())
	k.within(numbered(1), func(s store.Session, _ store.State) {
		require.NoError(t, s.RefuseDeletion(t.Context(), l, mapping.SideMetaKocka))
	})
	require.Zero(t, open())
}
