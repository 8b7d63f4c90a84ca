package cdc

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

// beatingRig is a rig with heartbeats.
func beatingRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	var version int
	r.query(&version, "SELECT current_setting('server_version_num')::int")
	if version < heartbeatVersion {
		t.Skipf("Postgres %d passes no messages on", version/10000)
	}
	r.cfg.Heartbeat, r.cfg.WatchInterval = 10*time.Millisecond, 20*time.Millisecond
	return r
}

// beats waits for a heartbeat that was sent after now.
func (run *running) beats() {
	run.t.Helper()
	for range 2 { // the first may be one that was on its way
		before := run.Status().HeartbeatAt
		testenv.Eventually(run.t, patience, func() error {
			if s := run.Status(); !s.HeartbeatAt.After(before) {
				return errors.New("no heartbeat came through")
			}
			return nil
		})
	}
}

func TestHeartbeatsComeThroughAndAreNoEvents(t *testing.T) {
	t.Parallel()
	r := beatingRig(t)
	run := r.startStreaming()
	run.beats()
	r.exec("SELECT pg_logical_emit_message(true, 'mksync', 'another''s'), pg_logical_emit_message(false, 'other', 'x')")
	r.exec("BEGIN; SELECT pg_logical_emit_message(true, 'mksync', 'with a change'); INSERT INTO items VALUES (1); COMMIT")
	r.awaitConfirmed(r.events(1)[0].Pos.LSN)
	require.EqualValues(t, 1, r.events(1)[0].Pos.Ordinal, "messages are not counted")
	run.beats()
	end := r.walEnd()
	run.beats()
	r.awaitConfirmed(end)
	require.Len(t, r.sink.all(), 1)
	last := r.store.get().LastEvent
	run.beats()
	require.Equal(t, last, r.store.get().LastEvent, "a heartbeat is no event that is remembered")
	run.stop()
	require.Zero(t, run.Status().HeartbeatSince)
}

// What is not durable holds back the heartbeat behind it.
func TestHeartbeatWaitsForWhatIsBeforeIt(t *testing.T) {
	t.Parallel()
	r := beatingRig(t)
	r.cfg.StallAfter = time.Hour
	run := r.startStreaming()
	run.beats()
	r.sink.set(func(s *memorySink) { s.hold = 0 })
	r.exec("INSERT INTO items VALUES (1)")
	r.events(1)
	var since time.Time
	testenv.Eventually(t, patience, func() error {
		s := run.Status()
		if s.HeartbeatSince.IsZero() || s.HeartbeatSince.Before(s.HeartbeatAt) || time.Since(s.HeartbeatSince) < 300*time.Millisecond {
			return errors.New("no heartbeat is held back")
		}
		since = s.HeartbeatSince
		return nil
	})
	require.Equal(t, since, run.Status().HeartbeatSince)
	r.sink.set(func(s *memorySink) { s.hold = -1 })
	run.beats()
}

// Other listeners' heartbeats come through every slot of the database, no faster
// than a busy machine can decode them.
func TestHeartbeatsOfOthersPushNoneAside(t *testing.T) {
	t.Parallel()
	r := beatingRig(t)
	run := r.startStreaming()
	ctx, cancel := context.WithCancel(t.Context())
	others := make(chan error, 1)
	conn := r.open()
	go func() {
		for ctx.Err() == nil {
			if _, err := conn.Exec(t.Context(), "SELECT pg_logical_emit_message(true, 'mksync', n::text), n = 50 AND pg_sleep(0.005) IS NULL FROM generate_series(1, 50) n"); err != nil {
				others <- err
				return
			}
		}
		others <- nil
	}()
	for range 10 {
		run.beats()
	}
	cancel()
	require.NoError(t, <-others)
}

// A heartbeat that may not be sent is not on its way: it is no standstill.
func TestHeartbeatsThatMayNotBeSent(t *testing.T) {
	t.Parallel()
	r := beatingRig(t)
	name, login := r.role("REPLICATION")
	r.exec("ALTER TABLE items OWNER TO " + quoteIdent(name))
	r.exec("DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO " + name + "', current_database()); END $$")
	grant := func(verb string) {
		r.exec("DO $$ DECLARE f text; BEGIN FOR f IN SELECT oid::regprocedure FROM pg_proc WHERE proname = 'pg_logical_emit_message' LOOP EXECUTE '" +
			verb + "'; END LOOP; END $$")
	}
	grant("REVOKE EXECUTE ON FUNCTION ' || f || ' FROM PUBLIC")
	r.cfg.DatabaseURL = login
	run := r.startStreaming()
	testenv.Eventually(t, patience, func() error {
		if s := run.Status(); s.HeartbeatRefused == "" || !s.HeartbeatSince.IsZero() {
			return fmt.Errorf("refused: %q, on its way since %s", s.HeartbeatRefused, s.HeartbeatSince)
		}
		return nil
	})
	require.Equal(t, "permission denied for function pg_logical_emit_message", run.Status().HeartbeatRefused, "Postgres's words alone")
	r.exec("INSERT INTO items VALUES (1)")
	r.events(1)
	grant("GRANT EXECUTE ON FUNCTION ' || f || ' TO PUBLIC")
	run.beats()
	require.Empty(t, run.Status().HeartbeatRefused)
}
