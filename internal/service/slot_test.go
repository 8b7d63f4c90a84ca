package service_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
)

// newNarrowWorld is a world on a server of its own that keeps 64 MiB of log for a slot.
func newNarrowWorld(t *testing.T) *world.World {
	t.Helper()
	_, url := world.OwnServer(t)
	testenv.Exec(t, url, "ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'")
	testenv.Exec(t, url, "ALTER SYSTEM SET max_wal_size = '64MB'")
	testenv.Exec(t, url, "SELECT pg_reload_conf()")
	return world.NewIn(t, url, sim.Options{})
}

// logMuch writes 8 MiB that nobody wants to Postgres's log.
func logMuch(w *world.World) {
	w.T.Helper()
	w.Exec("SELECT pg_logical_emit_message(false, 'churn', repeat('x', 1024 * 1024)) FROM generate_series(1, 8)")
}

// holdLog opens a transaction behind which Postgres keeps its log.
func holdLog(w *world.World) pgx.Tx {
	w.T.Helper()
	tx, err := w.DB.Begin(w.T.Context())
	require.NoError(w.T, err)
	w.T.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(w.T.Context())) })
	_, err = tx.Exec(w.T.Context(), "SELECT pg_current_xact_id()")
	require.NoError(w.T, err)
	return tx
}

// givenUp writes log until Postgres keeps it for the slot no longer.
func givenUp(w *world.World) {
	w.T.Helper()
	w.Eventually(func() error {
		logMuch(w)
		w.Exec("CHECKPOINT")
		got := w.One("SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1", w.Config.Slot)
		if got != "lost" && got != "" { // the listener may have dropped it already
			return fmt.Errorf("the slot is %s", got)
		}
		return nil
	})
}

// snapshot is where the listener's last snapshot was made, and why.
func snapshot(w *world.World) string {
	w.T.Helper()
	return w.One("SELECT value->>'SnapshotReason' || ' ' || (value->>'SnapshotPos') FROM mksync_state WHERE key = 'listener'")
}

// TestLogThatIsKeptForASlotIsAProblem: a transaction that stays open keeps it, though the
// listener has confirmed everything, until Postgres gives the slot up. Then a new one is
// made, and everything is read and checked, whether or not anybody streamed.
func TestLogThatIsKeptForASlotIsAProblem(t *testing.T) {
	long.Only(t)
	t.Parallel()
	w := newNarrowWorld(t)
	s, stop := w.Start()
	id := w.Insert("Ana Zajc", "ana@primer.si")
	w.Status(id, "synced")
	w.NoProblem(s)

	held := holdLog(w)
	words := fmt.Sprintf("the slot %s keeps ", w.Config.Slot)
	w.Eventually(func() error {
		logMuch(w)
		l := s.Monitor().Status(t.Context()).Listener
		if l.SafeBytes == nil || *l.SafeBytes >= int64(l.RetainedBytes/4) || l.LagBytes > l.RetainedBytes/4 {
			return fmt.Errorf("%d bytes are not confirmed, of %d that are kept; %v more are safe", l.LagBytes, l.RetainedBytes, l.SafeBytes)
		}
		return nil
	})
	w.Problem(s, words)
	w.Problem(s, "and Postgres gives it up after ")

	// It is given up while the listener streams: its new slot waits for that transaction.
	first := snapshot(w)
	givenUp(w)
	w.Problem(s, "it waits for ")
	w.Exec("UPDATE contacts SET phone = '041 111 222' WHERE id = $1", id)
	require.NoError(t, held.Rollback(t.Context()))
	w.Agree(id, "041 111 222")
	second := snapshot(w)
	require.NotEqual(t, first, second)
	require.Contains(t, second, "slot lost")
	w.Recovered("slot lost")
	w.NoProblem(s)

	// Nobody streams: whoever looks is told, and the listener finds it out by itself.
	stop()
	w.Exec("UPDATE contacts SET phone = '041 333 444' WHERE id = $1", id)
	givenUp(w)
	s, stop = w.Start("api")
	w.Problem(s, fmt.Sprintf("Postgres has given the slot %s up", w.Config.Slot))
	stop()
	s, _ = w.Start()
	w.Agree(id, "041 333 444")
	require.NotEqual(t, second, snapshot(w))
	w.NoProblem(s)
}

// TestASlotThatIsLeftBehindIsNamed: with another name in MKSYNC_SLOT nobody reads the old
// one, for which Postgres keeps its log.
func TestASlotThatIsLeftBehindIsNamed(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	_, stop := w.Start()
	id := w.Insert("Ana Zajc", "ana@primer.si")
	w.Status(id, "synced")
	stop()

	old := w.Config.Slot
	w.Config.Slot = testenv.SlotName(t)
	w.Exec("UPDATE contacts SET phone = '041 111 222' WHERE id = $1", id)
	s, _ := w.Start()
	w.Agree(id, "041 111 222")
	advice := fmt.Sprintf("SELECT pg_drop_replication_slot('%s')", old)
	w.Problem(s, fmt.Sprintf("the slot %s, which mksync had before it was given %s, keeps ", old, w.Config.Slot))
	w.Problem(s, advice)
	w.Exec(advice)
	w.NoProblem(s)
}
