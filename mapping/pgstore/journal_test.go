package pgstore_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// parked is a conflict that waits for a person.
func parked(f mapping.Field, crm, partner string) store.ConflictRecord {
	return store.ConflictRecord{
		Conflict: mapping.Conflict{Field: f, BaseCRM: "was", BasePartner: "was, too", CRM: crm, Partner: partner, Rule: mapping.RuleManual},
		Status:   store.ConflictParked,
	}
}

// decided is a conflict that its rule decided.
func decided(f mapping.Field, winner mapping.Side) store.ConflictRecord {
	c := parked(f, "a", "b")
	c.Rule, c.Winner, c.Status = mapping.RuleNewest, winner, store.ConflictDecided
	return c
}

// idsOf are all the names of a journal's entry.
func idsOf(number int64, others ...string) []string {
	return append(others, strconv.FormatInt(number, 10))
}

// conflicts stores conflicts of contact 1, in the fields that differ.
func (k *keeping) conflicts(conflicts ...store.ConflictRecord) {
	k.t.Helper()
	l := store.Link{MetaKockaID: partnerID(1), Status: store.StatusConflict}
	for _, c := range conflicts {
		l.Differing = append(l.Differing, c.Field)
	}
	k.save(numbered(1), store.Change{Link: l, Conflicts: conflicts})
}

// journal is the whole conflict journal.
func (k *keeping) journal() []store.ConflictRecord {
	k.t.Helper()
	all, err := k.Conflicts(k.t.Context(), store.RecordQuery{})
	require.NoError(k.t, err)
	return all
}

// TestAConflictIsReadAsItWasStored.
func TestAConflictIsReadAsItWasStored(t *testing.T) {
	t.Parallel()
	k := keep(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := decided(mapping.FieldPhone, mapping.SideMetaKocka)
	c.Undecidable = true
	c.Times = mapping.Times{CRM: at, PartnerAfter: at.Add(time.Minute), PartnerBefore: at.Add(time.Hour)}
	k.conflicts(c)

	got := k.journal()[0]
	require.Equal(t, c.Conflict, got.Conflict)
	require.True(t, c.Times.CRM.Equal(got.Times.CRM))
	require.True(t, c.Times.PartnerAfter.Equal(got.Times.PartnerAfter))
	require.True(t, c.Times.PartnerBefore.Equal(got.Times.PartnerBefore))
	require.Equal(t, store.ConflictDecided, got.Status)
	require.Equal(t, numbered(1), got.ContactID)
	require.Equal(t, partnerID(1), got.MetaKockaID)
	require.NotZero(t, got.CreatedAt)
	require.Zero(t, got.ClosedAt)
}

// TestAFieldIsParkedOnce: seen again with the same values its entry takes the new times;
// with others it is closed, because a decision is about the values that were shown.
func TestAFieldIsParkedOnce(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.conflicts(parked(mapping.FieldPhone, "1", "2"))
	again := parked(mapping.FieldPhone, "1", "2")
	again.Times.CRM = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	k.conflicts(again)
	all := k.journal()
	require.Len(t, all, 1)
	require.True(t, all[0].Times.CRM.Equal(again.Times.CRM))

	k.conflicts(parked(mapping.FieldPhone, "1", "3"), parked(mapping.FieldEmail, "1", "2"))
	all = k.journal()
	require.Len(t, all, 3)
	require.Equal(t, store.ConflictResolved, all[0].Status)
	require.Equal(t, store.ConflictParked, all[1].Status)
	require.Equal(t, "3", all[1].Partner)
}

// TestASavedLinkClosesWhatItSettled: of what is parked, what no longer differs; a
// tombstone closes all of it; a link with an error none.
func TestASavedLinkClosesWhatItSettled(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.conflicts(parked(mapping.FieldPhone, "1", "2"), parked(mapping.FieldEmail, "1", "2"), decided(mapping.FieldName, mapping.SideCRM))
	status := func(want ...store.ConflictStatus) {
		t.Helper()
		require.Equal(t, want, each(k.journal(), func(c store.ConflictRecord) store.ConflictStatus { return c.Status }))
	}
	k.link(1, store.StatusError)
	status(store.ConflictParked, store.ConflictParked, store.ConflictDecided)
	k.save(numbered(1), store.Change{Link: store.Link{MetaKockaID: partnerID(1), Status: store.StatusConflict, Differing: []mapping.Field{mapping.FieldEmail}}})
	status(store.ConflictResolved, store.ConflictParked, store.ConflictDecided)
	require.NotZero(t, k.journal()[0].ClosedAt)
	k.link(1, store.StatusUnlinked)
	status(store.ConflictResolved, store.ConflictResolved, store.ConflictDecided)
}

// TestADecisionIsLeftOnTheLink with the values it is about, beside those of other fields,
// once; who is late is told.
func TestADecisionIsLeftOnTheLink(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.conflicts(parked(mapping.FieldPhone, "1", "2"), parked(mapping.FieldEmail, "3", "4"))
	all := k.journal()
	require.NoError(t, k.DecideConflict(t.Context(), all[0], mapping.SideCRM, "ana"))
	require.NoError(t, k.DecideConflict(t.Context(), all[1], mapping.SideMetaKocka, "eva"))
	require.ErrorIs(t, k.DecideConflict(t.Context(), all[0], mapping.SideMetaKocka, "eva"), store.ErrNotOpen)

	l := k.linkOf(numbered(1))
	text := func(s string) *string { return &s }
	require.Equal(t, map[mapping.Field]store.Decision{
		mapping.FieldPhone: {Take: mapping.SideCRM, CRM: text("1"), Partner: text("2")},
		mapping.FieldEmail: {Take: mapping.SideMetaKocka, CRM: text("3"), Partner: text("4")},
	}, l.Overrides)
	require.Equal(t, "eva", l.UpdatedBy)
	all = k.journal()
	require.Equal(t, mapping.SideCRM, all[0].Winner)
	require.Equal(t, "ana", all[0].ClosedBy)
	require.Equal(t, store.ConflictResolved, all[0].Status)
}

// TestADecisionOnOtherValuesLapses: its newest entry names no winner any more; older ones
// and those of other fields do.
func TestADecisionOnOtherValuesLapses(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for _, f := range []mapping.Field{mapping.FieldPhone, mapping.FieldPhone, mapping.FieldEmail} {
		k.conflicts(parked(f, "1", "2"))
		all := k.journal()
		require.NoError(t, k.DecideConflict(t.Context(), all[len(all)-1], mapping.SideCRM, "ana"))
	}
	k.save(numbered(1), store.Change{
		Link: store.Link{MetaKockaID: partnerID(1), Status: store.StatusConflict}, Lapsed: []mapping.Field{mapping.FieldPhone},
	})
	require.Equal(t, []mapping.Side{mapping.SideCRM, "", mapping.SideCRM}, each(k.journal(), func(c store.ConflictRecord) mapping.Side { return c.Winner }))
}

// TestAConflictIsUndone: its entry says so, and who did it.
func TestAConflictIsUndone(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.conflicts(decided(mapping.FieldPhone, mapping.SideCRM), decided(mapping.FieldEmail, mapping.SideCRM))
	require.NoError(t, k.CloseUndone(t.Context(), k.journal()[1].ID, "ana"))
	all := k.journal()
	require.Equal(t, store.ConflictDecided, all[0].Status)
	require.Equal(t, store.ConflictUndone, all[1].Status)
	require.Equal(t, "ana", all[1].ClosedBy)
	require.NotZero(t, all[1].ClosedAt)
}

// TestConflictsArePaged by their numbers, and found by any of their ids.
func TestConflictsArePaged(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n := range 7 {
		c := parked(mapping.FieldPhone, "1", "2")
		if n%2 == 1 {
			c = decided(mapping.FieldPhone, mapping.SideCRM)
		}
		k.save(numbered(n), store.Change{
			Link:      store.Link{MetaKockaID: partnerID(n), Status: store.StatusConflict, Differing: []mapping.Field{mapping.FieldPhone}},
			Conflicts: []store.ConflictRecord{c},
		})
	}
	page := func(open bool) func(*store.ConflictRecord) ([]store.ConflictRecord, error) {
		return func(last *store.ConflictRecord) ([]store.ConflictRecord, error) {
			q := store.RecordQuery{Open: open, Limit: 3}
			if last != nil {
				q.After = last.ID
			}
			return k.Conflicts(t.Context(), q)
		}
	}
	contact := func(c store.ConflictRecord) string { return c.ContactID }
	all := paged(t, 3, page(false))
	require.Equal(t, []string{numbered(0), numbered(1), numbered(2), numbered(3), numbered(4), numbered(5), numbered(6)}, each(all, contact))
	require.Equal(t, []string{numbered(0), numbered(2), numbered(4), numbered(6)}, each(paged(t, 3, page(true)), contact))
	for _, id := range idsOf(all[5].ID, all[5].LinkID, all[5].ContactID, all[5].MetaKockaID) {
		found, err := k.Conflicts(t.Context(), store.RecordQuery{Of: id})
		require.NoError(t, err)
		require.Equal(t, all[5:6], found, id)
	}
}

// TestASlotIsLookedUpInItsOwnDatabase: what the log has grown by is its lag.
func TestASlotIsLookedUpInItsOwnDatabase(t *testing.T) {
	t.Parallel()
	k := keep(t)
	name := testenv.SlotName(t)
	none, err := k.Slot(t.Context(), name)
	require.NoError(t, err)
	require.Zero(t, none)

	k.exec("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", name)
	slot, err := k.Slot(t.Context(), name)
	require.NoError(t, err)
	require.True(t, slot.Found)
	require.False(t, slot.Active)
	require.NotEmpty(t, slot.ConfirmedLSN)
	require.Equal(t, "reserved", slot.WALStatus)

	k.exec("SELECT pg_logical_emit_message(true, 'test', repeat('x', 100000))")
	testenv.Eventually(t, 15*time.Second, func() error { // the log is written a moment later
		grown, err := k.Slot(t.Context(), name)
		require.NoError(t, err)
		if grown.LagBytes < slot.LagBytes+100000 || grown.RetainedBytes < grown.LagBytes {
			return fmt.Errorf("it was %+v and is %+v", slot, grown)
		}
		return nil
	})

	elsewhere := keep(t)
	foreign, err := elsewhere.Slot(t.Context(), name)
	require.NoError(t, err)
	require.False(t, foreign.Found)
}
