package pgstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
)

// holding stores contacts that are held for keys.
func (k *keeping) holding(keys string, numbers ...int) {
	k.t.Helper()
	for _, n := range numbers {
		k.save(numbered(n), store.Change{Link: store.Link{Status: store.StatusHeld, HeldKeys: []string{keys, "tax of " + numbered(n)}}})
	}
}

// awake are those of some contacts that are to be looked at again.
func (k *keeping) awake(numbers ...int) (awake []int) {
	k.t.Helper()
	for _, n := range numbers {
		if k.linkOf(numbered(n)).Status == store.StatusPending {
			awake = append(awake, n)
		}
	}
	return awake
}

// TestHeldContactsAreWokenByTheirKeys, but not the one that freed them, and none that has a
// partner: it waits with its deletion.
func TestHeldContactsAreWokenByTheirKeys(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.holding("email ana@primer.si", 1, 2)
	k.holding("email eva@primer.si", 3)
	k.save(numbered(4), store.Change{Link: store.Link{MetaKockaID: "7", Status: store.StatusHeld, HeldKeys: []string{"email ana@primer.si"}}})
	k.save(numbered(5), store.Change{Link: store.Link{Status: store.StatusError, HeldKeys: []string{"email ana@primer.si"}}})
	require.NoError(t, k.Wake(t.Context(), nil, ""))
	require.NoError(t, k.Wake(t.Context(), []string{"tax 1", "email ana@primer.si"}, numbered(2)))
	require.Equal(t, []int{1}, k.awake(1, 2, 3, 4, 5))
}

// TestASavedChangeWakesWhoWaitsForWhatItFreed.
func TestASavedChangeWakesWhoWaitsForWhatItFreed(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.holding("email ana@primer.si", 1, 2)
	k.save(numbered(2), store.Change{Link: store.Link{Status: store.StatusHeld, HeldKeys: []string{"email ana@primer.si"}}, Freed: []string{"email ana@primer.si"}})
	require.Equal(t, []int{1}, k.awake(1, 2))
}

// TestASavedChangeWakesWhoWaitsForWhatItsPartnerHad, and nobody who waits for what it has still.
func TestASavedChangeWakesWhoWaitsForWhatItsPartnerHad(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.holding("email ana@primer.si", 1)
	k.holding("email eva@primer.si", 2)
	k.observe(seen(7, "a", mapping.MatchKeys{Emails: []string{"ana@primer.si", "eva@primer.si"}}))
	now := seen(7, "b", mapping.MatchKeys{Emails: []string{"eva@primer.si"}})
	k.save(numbered(3), store.Change{Link: store.Link{MetaKockaID: partnerID(7), Status: store.StatusSynced}, Observed: &now})
	require.Equal(t, []int{1}, k.awake(1, 2))
}

// TestAPartnersKeysWakeWhoWaitsForIt: when it is seen with others, and when it is gone; the
// keys are those that it had.
func TestAPartnersKeysWakeWhoWaitsForIt(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.holding("email ana@primer.si", 1)
	k.holding("email eva@primer.si", 2)
	k.observe(seen(7, "a", mapping.MatchKeys{Emails: []string{"ana@primer.si"}}))
	require.Empty(t, k.awake(1, 2), "it had no keys before")
	k.observe(seen(7, "b", mapping.MatchKeys{Emails: []string{"eva@primer.si"}}))
	require.Equal(t, []int{1}, k.awake(1, 2))
	require.NoError(t, k.MarkMissing(t.Context(), []string{partnerID(7)}))
	require.Equal(t, []int{1, 2}, k.awake(1, 2))
}

// TestWokenContactsAreListed: the longest awake first, so many, and those that the filter
// takes.
func TestWokenContactsAreListed(t *testing.T) {
	t.Parallel()
	k := keep(t).with(func(c *pgstore.ContactsConfig) { c.Filter = []pgstore.Condition{{Column: "notes", Null: true}} })
	k.contacts(1, 2, 3, 4)
	k.holding("email ana@primer.si", 1, 2, 3, 4, 5)
	k.save(numbered(6), store.Change{Link: store.Link{Status: store.StatusPending}})
	k.exec("UPDATE contacts SET notes = 'left out' WHERE id = $1", numbered(4))
	woken := func(limit int) []string {
		t.Helper()
		ids, err := k.Woken(t.Context(), limit)
		require.NoError(t, err)
		return ids
	}
	require.Empty(t, woken(10))
	require.NoError(t, k.Wake(t.Context(), []string{"email ana@primer.si"}, ""))
	k.exec("UPDATE metakocka_contact_mappings SET updated_at = now() - interval '1 hour' WHERE contact_id = $1", numbered(3))
	require.Equal(t, numbered(3), woken(1)[0])
	require.ElementsMatch(t, []string{numbered(1), numbered(2), numbered(3)}, woken(10))
}

// TestAContactThatIsLeftOutGivesItsPartnerUp: its link is a tombstone, and why is in the
// journal, which the guard does not count. One that the filter takes, or with a write under
// way, keeps its partner.
func TestAContactThatIsLeftOutGivesItsPartnerUp(t *testing.T) {
	t.Parallel()
	k := keep(t).with(func(c *pgstore.ContactsConfig) { c.Filter = []pgstore.Condition{{Column: "notes", Null: true}} })
	k.contacts(1, 2, 3)
	k.exec("UPDATE contacts SET notes = 'left out' WHERE id <> $1", numbered(2))
	k.conflicts(parked(mapping.FieldPhone, "1", "2"))
	k.link(2, store.StatusSynced)
	k.save(numbered(3), store.Change{Link: store.Link{MetaKockaID: partnerID(3), Status: store.StatusSynced, Intent: &store.Intent{Kind: store.IntentUpdate}}})
	for n, want := range map[int]bool{1: true, 2: false, 3: false, 9: false} {
		given, unsettled, err := k.GiveUp(t.Context(), partnerID(n), numbered(8))
		require.NoError(t, err)
		require.Equal(t, want, given, n)
		require.Equal(t, n == 3, unsettled == numbered(3), n)
	}
	l := k.linkOf(numbered(1))
	require.Equal(t, store.StatusDeleted, l.Status)
	require.Empty(t, l.Differing)
	require.Contains(t, l.LastError.String(), numbered(8))
	require.Equal(t, store.ConflictResolved, k.journal()[0].Status)
	noted := k.deletionsOf(1)[0]
	require.Equal(t, store.DeletionApplied, noted.Status)
	require.Equal(t, l.LastError, noted.Reason)
	require.True(t, k.admit(2, mapping.SideCRM, 1, ""))
	given, _, err := k.GiveUp(t.Context(), partnerID(1), numbered(8))
	require.NoError(t, err)
	require.False(t, given, "a tombstone has none to give")
}

// TestAHoldThatCameTooLateIsLookedAtAgain: a link with the partner, or the partner, became
// another since; also in a transaction that is about to end.
func TestAHoldThatCameTooLateIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	k := keep(t)
	now := func() store.Snapshot {
		t.Helper()
		since, err := k.Snapshot(t.Context())
		require.NoError(t, err)
		return since
	}
	overtaken := func(since store.Snapshot, n int) bool {
		t.Helper()
		k.holding("email ana@primer.si", 1)
		require.NoError(t, k.WakeOvertaken(t.Context(), numbered(1), []string{partnerID(n)}, since))
		return len(k.awake(1)) > 0
	}

	before := now()
	require.False(t, overtaken(before, 7), "nobody knows the partner")
	k.link(7, store.StatusSynced)
	require.True(t, overtaken(before, 7))
	require.False(t, overtaken(now(), 7))
	k.observe(seen(8, "a", mapping.MatchKeys{}))
	require.True(t, overtaken(before, 8))
	before = now()
	require.False(t, overtaken(before, 8))
	require.NoError(t, k.MarkMissing(t.Context(), []string{partnerID(8)}))
	require.True(t, overtaken(before, 8))

	tx, err := k.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "UPDATE metakocka_contact_mappings SET updated_at = now() WHERE metakocka_id = $1", partnerID(7))
	require.NoError(t, err)
	awake, before := make(chan bool), now()
	go func() { awake <- overtaken(before, 7) }()
	waits.Eventually(t, time.Minute, func() error {
		var n int
		err := k.pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n)
		if err == nil && n == 0 {
			err = errors.New("nobody waits for the transaction")
		}
		return err
	})
	require.NoError(t, tx.Commit(t.Context()))
	require.True(t, <-awake)
}

// TestKeysAreInTheirIndexAtOnce: while many are approved or made, each looks for its keys
// several times, and would read all that came lately from end to end.
func TestKeysAreInTheirIndexAtOnce(t *testing.T) {
	t.Parallel()
	_, pool := openStore(t, prepared.DB(t))
	var all, later int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE NOT coalesce(c.reloptions, '{}') @> '{fastupdate=off}')
		FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'gin'`).Scan(&all, &later))
	require.Equal(t, 2, all)
	require.Zero(t, later)
}
