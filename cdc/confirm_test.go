package cdc

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

func TestConfirmedNeverPassesWhatIsDurable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sink.hold = 0
	run := r.startStreaming()
	for i := range 8 {
		r.exec("INSERT INTO items VALUES ($1)", i)
	}
	got := r.events(8)
	for n := range 8 {
		r.sink.set(func(s *memorySink) { s.hold = n })
		if n > 0 {
			r.awaitConfirmed(got[n-1].Pos.LSN + 1)
		}
		// A keep-alive answered now must not carry it any further.
		before := run.received()
		testenv.Eventually(t, patience, func() error {
			if run.received() <= before {
				r.exec("SELECT pg_logical_emit_message(false, 'x', 'x')")
				return errors.New("nothing received")
			}
			return nil
		})
		require.LessOrEqual(t, r.confirmed(), got[n].Pos.LSN, "after %d durable events", n)
		if n > 0 {
			require.Equal(t, got[n-1].Pos, r.store.get().LastEvent)
		}
	}
	r.sink.set(func(s *memorySink) { s.hold = -1 })
	r.awaitConfirmed(got[7].Pos.LSN + 1)
}

// received is a number that grows with every status shown.
func (r *running) received() uint64 { return uint64(r.Status().ReceivedLSN) }

func TestConfirmedWaitsForTheDelay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.ConfirmDelay = 700 * time.Millisecond
	r.startStreaming()
	r.exec("INSERT INTO items VALUES (1)")
	published := time.Now()
	got := r.events(1)
	testenv.Eventually(t, patience, func() error {
		if lsn := r.confirmed(); lsn <= got[0].Pos.LSN {
			return fmt.Errorf("confirmed is %s", lsn)
		}
		return nil
	})
	require.GreaterOrEqual(t, time.Since(published), 700*time.Millisecond)
}

func TestSlotMovesOnWhileOtherTablesAreBusy(t *testing.T) {
	t.Parallel()
	r := newRig(t, itemsTable, "CREATE TABLE other (id int)")
	r.cfg.ConfirmDelay = time.Second
	run := r.startStreaming()
	r.exec("INSERT INTO items VALUES (1)")
	r.events(1)
	for range 3 {
		r.exec("INSERT INTO other SELECT generate_series(1, 1000)")
		r.awaitConfirmed(r.walEnd())
	}
	require.Len(t, r.sink.all(), 1)
	testenv.Eventually(t, patience, func() error {
		if s := run.Status(); s.ConfirmedLSN == 0 || s.LastEventAt.IsZero() || s.LagBytes > 1<<20 {
			return fmt.Errorf("status is %+v", s)
		}
		return nil
	})
}

func TestStateIsSavedBeforeItsLSNIsConfirmed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startStreaming()
	for i := range 30 {
		r.exec("INSERT INTO items VALUES ($1)", i)
		confirmed := r.confirmed()
		require.LessOrEqual(t, confirmed, r.store.get().Confirmed)
		if all := r.sink.all(); len(all) > 0 && confirmed > all[0].Pos.LSN {
			last := r.store.get().LastEvent
			for _, ev := range all {
				if ev.Pos.LSN < confirmed {
					require.LessOrEqual(t, ev.Pos.Compare(last), 0, "%s is confirmed (%s), saved is %s", ev.Pos, confirmed, last)
				}
			}
		}
	}
	r.events(30)
}

// TestOthersSeeHowFarTheLogWasRead: that is up to what is stored, not behind what is
// confirmed, which can be minutes; and no more than this connection knows of.
func TestOthersSeeHowFarTheLogWasRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, itemsTable, "CREATE TABLE other (id int)")
	r.cfg.ConfirmDelay, r.cfg.PositionInterval = time.Hour, 10*time.Millisecond
	run := r.startStreaming()
	read := func() LSN { return r.store.get().Stored }
	awaitRead := func(end LSN) {
		testenv.Eventually(t, patience, func() error {
			if got := read(); got < end {
				return fmt.Errorf("read up to %s, not %s", got, end)
			}
			return nil
		})
	}
	r.exec("INSERT INTO items VALUES (1)")
	r.exec("INSERT INTO other VALUES (1)")
	awaitRead(r.walEnd())
	stored := r.events(1)[0].Pos.LSN
	require.Less(t, r.confirmed(), stored)

	r.sink.set(func(s *memorySink) { s.hold = 1 })
	r.exec("INSERT INTO items VALUES (2)")
	held := r.events(2)[1].Pos.LSN
	require.LessOrEqual(t, read(), held)
	r.sink.set(func(s *memorySink) { s.hold = -1 })
	awaitRead(held + 1)

	run.stop()
	r.store.change(func(s *State) { s.Stored = r.walEnd() + 1<<30 })
	r.sink.set(func(s *memorySink) { s.hold = 2 })
	r.exec("INSERT INTO items VALUES (3)")
	r.startStreaming()
	require.LessOrEqual(t, read(), r.events(3)[2].Pos.LSN, "another connection's says nothing")
}

func TestStalledSinkIsTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.StallAfter = 200 * time.Millisecond
	run := r.startStreaming()
	r.sink.set(func(s *memorySink) { s.hold = 0 })
	r.exec("INSERT INTO items VALUES (1)")
	r.sink.awaitLasts(t, 2)
	r.sink.set(func(s *memorySink) { s.hold = -1 })
	r.events(1)
	run.await(StateStreaming)
}

func TestFailedSinkIsTriedAgainWithoutANewEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startStreaming()
	r.exec("INSERT INTO items VALUES (1)")
	r.events(1)
	r.sink.set(func(s *memorySink) { s.events, s.failed = nil, errors.New("no acknowledgement") })
	r.sink.awaitLasts(t, 2)
	r.events(1)
}

func (s *memorySink) awaitLasts(t testing.TB, n int) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.lasts < n {
			return fmt.Errorf("Last was called %d times", s.lasts)
		}
		return nil
	})
}

func TestServerHearsFromUsWhilePublishBlocks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startStreaming()
	release := make(chan struct{})
	blocked := make(chan struct{})
	r.sink.onPublish = func(*Event) error {
		if blocked != nil {
			close(blocked)
			blocked = nil
			<-release
		}
		return nil
	}
	entered := blocked
	r.exec("INSERT INTO items SELECT generate_series(1, 20000)")
	<-entered
	replied := func() (at time.Time) {
		r.query(&at, `SELECT coalesce(max(reply_time), 'epoch') FROM pg_stat_replication WHERE pid =
			(SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1)`, r.cfg.Slot)
		return at
	}
	for range 5 { // more than one: a reply may have been under way
		last := replied()
		testenv.Eventually(t, patience, func() error {
			if !replied().After(last) {
				return errors.New("the server does not hear from the listener")
			}
			return nil
		})
	}
	close(release)
	r.events(20000)
	r.sink.mu.Lock()
	defer r.sink.mu.Unlock()
	require.Equal(t, 1, r.sink.lasts, "the connection was lost")
}

// holdSlot takes the slot as a foreign program would.
func holdSlot(t testing.TB, r *rig) (release func()) {
	t.Helper()
	conn, err := connect(context.Background(), r.cfg, true)
	require.NoError(t, err)
	require.NoError(t, pglogrepl.StartReplication(context.Background(), conn, r.cfg.Slot, 0, pglogrepl.StartReplicationOptions{
		PluginArgs: []string{"proto_version '1'", "publication_names " + quoteLiteral(quoteIdent(r.cfg.Publication))},
	}))
	return func() {
		conn.Frontend().Send(&pgproto3.CopyDone{})
		_ = conn.Frontend().Flush()
		closeConn(conn)
	}
}
