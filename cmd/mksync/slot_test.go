package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/metakocka/sim"
)

// newNarrowWorld is a world on a server of its own that keeps 64 MiB of log for a slot.
func newNarrowWorld(t *testing.T) *world {
	t.Helper()
	_, url := ownServer(t)
	testenv.Exec(t, url, "ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'")
	testenv.Exec(t, url, "ALTER SYSTEM SET max_wal_size = '64MB'")
	testenv.Exec(t, url, "SELECT pg_reload_conf()")
	return newWorldIn(t, url, sim.Options{})
}

// logMuch writes 8 MiB that nobody wants to Postgres's log.
func (w *world) logMuch() {
	w.t.Helper()
	w.exec("SELECT pg_logical_emit_message(false, 'churn', repeat('x', 1024 * 1024)) FROM generate_series(1, 8)")
}

// holdLog opens a transaction behind which Postgres keeps its log.
func (w *world) holdLog() pgx.Tx {
	w.t.Helper()
	tx, err := w.db.Begin(w.t.Context())
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(w.t.Context())) })
	_, err = tx.Exec(w.t.Context(), "SELECT pg_current_xact_id()")
	require.NoError(w.t, err)
	return tx
}

// givenUp writes log until Postgres keeps it for the slot no longer.
func (w *world) givenUp() {
	w.t.Helper()
	w.eventually(func() error {
		w.logMuch()
		w.exec("CHECKPOINT")
		got := w.one("SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1", w.cfg.Slot)
		if got != "lost" && got != "" { // the listener may have dropped it already
			return fmt.Errorf("the slot is %s", got)
		}
		return nil
	})
}

// snapshot is where the listener's last snapshot was made, and why.
func (w *world) snapshot() string {
	w.t.Helper()
	return w.one("SELECT value->>'SnapshotReason' || ' ' || (value->>'SnapshotPos') FROM mksync_state WHERE key = 'listener'")
}

// TestLogThatIsKeptForASlotIsAProblem: a transaction that stays open keeps it, though the
// listener has confirmed everything, until Postgres gives the slot up. Then a new one is
// made, and everything is read and checked, whether or not anybody streamed.
func TestLogThatIsKeptForASlotIsAProblem(t *testing.T) {
	t.Parallel()
	w := newNarrowWorld(t)
	s, stop := w.start()
	id := w.insert("Ana Zajc", "ana@primer.si")
	w.status(id, "synced")
	w.noProblem(s)

	held := w.holdLog()
	words := fmt.Sprintf("the slot %s keeps ", w.cfg.Slot)
	w.eventually(func() error {
		w.logMuch()
		l := s.Monitor().Status(t.Context()).Listener
		if l.SafeBytes == nil || *l.SafeBytes >= int64(l.RetainedBytes/4) || l.LagBytes > l.RetainedBytes/4 {
			return fmt.Errorf("%d bytes are not confirmed, of %d that are kept; %v more are safe", l.LagBytes, l.RetainedBytes, l.SafeBytes)
		}
		return nil
	})
	w.problem(s, words)
	w.problem(s, "and Postgres gives it up after ")

	// It is given up while the listener streams: its new slot waits for that transaction.
	first := w.snapshot()
	w.givenUp()
	w.problem(s, "it waits for ")
	w.exec("UPDATE contacts SET phone = '041 111 222' WHERE id = $1", id)
	require.NoError(t, held.Rollback(t.Context()))
	w.agree(id, "041 111 222")
	second := w.snapshot()
	require.NotEqual(t, first, second)
	require.Contains(t, second, "slot lost")
	w.recovered("slot lost")
	w.noProblem(s)

	// Nobody streams: whoever looks is told, and the listener finds it out by itself.
	stop()
	w.exec("UPDATE contacts SET phone = '041 333 444' WHERE id = $1", id)
	w.givenUp()
	s, stop = w.start("api")
	w.problem(s, fmt.Sprintf("Postgres has given the slot %s up", w.cfg.Slot))
	stop()
	s, _ = w.start()
	w.agree(id, "041 333 444")
	require.NotEqual(t, second, w.snapshot())
	w.noProblem(s)
}

// TestASlotThatIsLeftBehindIsNamed: with another name in MKSYNC_SLOT nobody reads the old
// one, for which Postgres keeps its log.
func TestASlotThatIsLeftBehindIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	_, stop := w.start()
	id := w.insert("Ana Zajc", "ana@primer.si")
	w.status(id, "synced")
	stop()

	old := w.cfg.Slot
	w.cfg.Slot = testenv.SlotName(t)
	w.exec("UPDATE contacts SET phone = '041 111 222' WHERE id = $1", id)
	s, _ := w.start()
	w.agree(id, "041 111 222")
	advice := fmt.Sprintf("SELECT pg_drop_replication_slot('%s')", old)
	w.problem(s, fmt.Sprintf("the slot %s, which mksync had before it was given %s, keeps ", old, w.cfg.Slot))
	w.problem(s, advice)
	w.exec(advice)
	w.noProblem(s)
}
