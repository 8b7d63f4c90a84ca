package cdc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/long"
)

// What touches the whole server needs one of its own; the parts take turns on it.
func TestOnAServerOfItsOwn(t *testing.T) {
	long.Only(t)
	t.Parallel()
	srv, err := pgserver.Start(context.Background(), pgserver.Options{Own: true, Kept: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Stop()) })
	t.Run("reconnects after a restart", func(t *testing.T) { testRestart(t, srv) })
	t.Run("repairs an invalidated slot", func(t *testing.T) { testInvalidated(t, srv) })
	t.Run("is no standby that commits wait for", func(t *testing.T) { testSynchronous(t, srv) })
	t.Run("says for whom it waits", func(t *testing.T) { testWaits(t, srv) })
	t.Run("says that all slots are in use", func(t *testing.T) { testAllSlots(t, srv) })
}

func newRigOn(t *testing.T, srv *pgserver.Server) *rig {
	t.Helper()
	return newRigAt(t, srv.URL(), "DROP TABLE IF EXISTS items", itemsTable)
}

func testRestart(t *testing.T, srv *pgserver.Server) {
	t.Helper()
	r := newRigOn(t, srv)
	r.cfg.PositionInterval = time.Hour // as it shuts down, Postgres waits for what it is not told
	run := r.startStreaming()
	r.exec("INSERT INTO items VALUES (1)")
	r.events(1)
	r.exec("CREATE TABLE IF NOT EXISTS filler (t text)") // beyond what is confirmed
	err := srv.Restart(context.Background())
	if errors.Is(err, pgserver.ErrNotRestartable) {
		t.Skip(err)
	}
	require.NoError(t, err)
	r.db = r.open()
	r.exec("INSERT INTO items VALUES (2)")
	r.events(2)
	run.await(StateStreaming)
	require.True(t, run.Status().Problem.IsZero())
	run.stop()
}

func testSynchronous(t *testing.T, srv *pgserver.Server) {
	t.Helper()
	r := newRigOn(t, srv)
	run := r.startStreaming()
	standbys := func(names string) {
		r.exec("ALTER SYSTEM SET synchronous_standby_names = '" + names + "'")
		r.exec("SELECT pg_reload_conf()")
	}
	standbys("*")
	t.Cleanup(func() { standbys("") })
	testenv.Eventually(t, patience, func() error {
		if p := run.Status().Problem.String(); !strings.Contains(p, "would wait for mksync") {
			return fmt.Errorf("the listener's problem is %q", p)
		}
		return nil
	})
	standbys("")
	run.await(StateStreaming)
	r.exec("INSERT INTO items VALUES (1)")
	r.events(1)
	run.stop()
}

func testInvalidated(t *testing.T, srv *pgserver.Server) {
	t.Helper()
	r := newRigOn(t, srv)
	r.startStreaming().stop()
	r.exec("INSERT INTO items VALUES (1)")
	r.exec("CREATE TABLE IF NOT EXISTS filler (t text)")
	r.exec("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
	r.exec("SELECT pg_reload_conf()")
	testenv.Eventually(t, patience, func() error {
		r.exec("SELECT pg_switch_wal()")
		r.exec("INSERT INTO filler VALUES ('x')")
		r.exec("CHECKPOINT")
		var status string
		r.query(&status, "SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1", r.cfg.Slot)
		if status != "lost" {
			return fmt.Errorf("slot is %s", status)
		}
		return nil
	})
	r.repaired("invalidated")
}

// A slot is made when every open transaction has ended, whatever it is about. On a
// server that others share they would wait, too.
func testWaits(t *testing.T, srv *pgserver.Server) {
	t.Helper()
	r := newRigOn(t, srv)
	r.exec("CREATE TABLE IF NOT EXISTS far_from_ours (i int)")
	other := r.open()
	var pid int
	require.NoError(t, other.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid))
	for open, tc := range map[string]struct{ end, who, do string }{
		"SELECT 1":                         {"ROLLBACK", fmt.Sprintf("the transaction of process %d (idle in transaction, ", pid), fmt.Sprintf("SELECT pg_terminate_backend(%d)", pid)},
		"PREPARE TRANSACTION 'it''s open'": {"ROLLBACK PREPARED 'it''s open'", "the prepared transaction 'it''s open' of role", "ROLLBACK PREPARED 'it''s open'"},
	} {
		_, err := other.Exec(t.Context(), "BEGIN; INSERT INTO far_from_ours VALUES (1); "+open)
		require.NoError(t, err)
		r.store = &memoryStore{}
		run := r.start()
		testenv.Eventually(t, patience, func() error {
			s := run.Status()
			if s.State != StateSnapshot || !strings.Contains(s.Problem.String(), "it waits for "+tc.who) || !strings.Contains(s.Problem.String(), tc.do) {
				return fmt.Errorf("the listener's state is %+v", s)
			}
			return nil
		})
		require.Contains(t, run.Status().Problem.String(), "since 2")
		requireFinding(t, r.cfg, "is being made and waits for "+tc.who, tc.do)
		_, err = other.Exec(t.Context(), tc.end)
		require.NoError(t, err)
		run.await(StateStreaming)
		require.True(t, run.Status().Problem.IsZero())
		run.stop()
		testenv.Eventually(t, patience, func() error { // its walsender ends a moment after the listener
			_, err := r.db.Exec(t.Context(), "SELECT pg_drop_replication_slot($1)", r.cfg.Slot)
			return err
		})
	}
}

func testAllSlots(t *testing.T, srv *pgserver.Server) {
	t.Helper()
	r := newRigOn(t, srv)
	r.exec(`SELECT pg_create_physical_replication_slot('taken_' || g) FROM generate_series(1,
		current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots)::int) g`)
	requireSetupError(t, r.start().failure(), "all replication slots", "max_replication_slots")
	requireFinding(t, r.cfg, "all replication slots", "max_replication_slots")
}
