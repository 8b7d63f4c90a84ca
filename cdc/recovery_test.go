package cdc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

func TestRestartPublishesNothingTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.ConfirmDelay = time.Hour // the server sends everything again
	r.exec("INSERT INTO items VALUES (1)")
	run := r.startStreaming()
	r.exec("INSERT INTO items SELECT generate_series(2, 10)")
	r.events(10)
	run.stop()
	r.exec("INSERT INTO items VALUES (11)")
	r.sink.set(func(s *memorySink) { s.hold = 7 }) // the last ones were not stored: in the middle of a transaction
	run = r.start()
	r.sink.awaitLasts(t, 2)
	r.sink.set(func(s *memorySink) { s.hold = -1 })
	got := r.events(11)
	for i, ev := range got {
		require.Equal(t, fmt.Sprint(i+1), ev.Key)
	}
	r.requireOrdered()
	run.stop()
}

func TestSinkErrorIsFollowedByANewStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	failures := 3
	r.sink.onPublish = func(ev *Event) error {
		if ev.Key == "3" && failures > 0 {
			failures--
			return errors.New("broken publisher")
		}
		return nil
	}
	r.startStreaming()
	r.exec("INSERT INTO items SELECT generate_series(1, 5)")
	for i, ev := range r.events(5) {
		require.Equal(t, fmt.Sprint(i+1), ev.Key)
	}
}

func TestReconnectsAfterItsBackendIsTerminated(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startStreaming()
	for i := range 3 {
		r.exec("INSERT INTO items VALUES ($1)", i)
		r.exec("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active", r.cfg.Slot)
	}
	r.events(3)
	r.requireOrdered()
}

func TestSecondInstanceWaitsAndTakesOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.startStreaming()
	second := r.start()
	second.await(StateStandby)
	r.exec("INSERT INTO items VALUES (1)")
	r.events(1)
	require.Equal(t, StateStandby, second.Status().State)
	first.stop()
	second.await(StateStreaming)
	r.exec("INSERT INTO items VALUES (2)")
	r.events(2)
}

func TestSecondInstanceLeavesARunningSnapshotAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec("INSERT INTO items SELECT generate_series(1, 10)")
	entered, release := make(chan struct{}), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	r.sink.onPublish = func(ev *Event) error {
		if ev.Key == "5" {
			close(entered)
			<-release
		}
		return nil
	}
	r.start()
	t.Cleanup(free) // also when the test fails
	<-entered
	second := &rig{t: t, url: r.url, cfg: r.cfg, sink: newMemorySink(), store: r.store, db: r.db}
	standby := second.start()
	standby.await(StateStandby)
	free()
	r.events(10)
	require.Empty(t, second.sink.all())
}

func TestSlotHeldByAnotherProgramIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	run := r.startStreaming()
	run.stop()
	release := holdSlot(t, r)
	run = r.start()
	run.await(StateStandby)
	release()
	r.exec("INSERT INTO items VALUES (1)")
	r.events(1)
}

func TestInterruptedSnapshotIsBegunAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec("INSERT INTO items SELECT generate_series(1, 10)")
	fail := true
	r.sink.onPublish = func(ev *Event) error {
		if fail && ev.Key == "5" {
			fail = false
			return errors.New("broken publisher")
		}
		return nil
	}
	r.startStreaming()
	got := r.events(14)
	require.Less(t, got[3].Pos.LSN, got[4].Pos.LSN)
	r.requireOrdered()
	require.True(t, r.store.get().SnapshotDone)
	require.Equal(t, got[13].Pos, r.store.get().LastEvent)
}

func TestSnapshotIsNotDoneBeforeItsRowsAreDurable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec("INSERT INTO items SELECT generate_series(1, 10)")
	r.sink.hold = 9
	run := r.start()
	r.events(10)
	run.await(StateSnapshot)
	require.False(t, r.store.get().SnapshotDone)
	r.sink.set(func(s *memorySink) { s.hold = -1 })
	run.await(StateStreaming)
	require.True(t, r.store.get().SnapshotDone)
}

// repaired starts the listener anew and expects a new snapshot for the reason.
func (r *rig) repaired(reason string) {
	r.t.Helper()
	old := r.store.get().SnapshotPos
	before := r.sink.count()
	run := r.startStreaming()
	state := r.store.get()
	require.Greater(r.t, state.SnapshotPos, old)
	require.Contains(r.t, state.SnapshotReason, reason)
	r.exec("INSERT INTO items VALUES (100)")
	got := r.events(before + 2)
	require.Equal(r.t, OpSnapshot, got[before].Op)
	require.Equal(r.t, OpInsert, got[before+1].Op)
	run.stop()
	run = r.startStreaming() // and goes on from there without another one
	require.Equal(r.t, state.SnapshotPos, r.store.get().SnapshotPos)
	run.stop()
}

func streamOne(t *testing.T, ddl ...string) *rig {
	t.Helper()
	r := newRig(t, ddl...)
	run := r.startStreaming()
	r.exec("INSERT INTO items VALUES (1)")
	r.awaitConfirmed(r.events(1)[0].Pos.LSN + 1)
	run.stop()
	testenv.Eventually(t, patience, func() error {
		var active bool
		if r.query(&active, "SELECT active FROM pg_replication_slots WHERE slot_name = $1", r.cfg.Slot); active {
			return errors.New("slot is still active")
		}
		return nil
	})
	return r
}

func TestLostSlotIsRepaired(t *testing.T) {
	t.Parallel()
	r := streamOne(t)
	testenv.Eventually(t, patience, func() error {
		_, err := r.db.Exec(context.Background(), "SELECT pg_drop_replication_slot($1)", r.cfg.Slot)
		return err
	})
	r.repaired(ErrSlotLost.Error())
}

// TestSlotThatSomebodyMovedIsRepaired: it is there and looks well, but changes before it
// were never sent.
func TestSlotThatSomebodyMovedIsRepaired(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]string{
		"advanced":  "SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())",
		"made anew": "WITH gone AS MATERIALIZED (SELECT pg_drop_replication_slot($1)) SELECT pg_create_logical_replication_slot($1, 'pgoutput') FROM gone",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := streamOne(t)
			r.exec("UPDATE items SET name = 'missed'")
			r.exec(move, r.cfg.Slot)
			r.repaired(ErrSlotLost.Error() + ": it stands at")
			require.Equal(t, "missed", r.sink.all()[1].After["name"])
		})
	}
}

// TestSlotWithAnotherNameLeavesTheOldOneBehind: it is remembered until the name is taken
// up again.
func TestSlotWithAnotherNameLeavesTheOldOneBehind(t *testing.T) {
	t.Parallel()
	r := streamOne(t)
	old := r.cfg.Slot
	r.cfg.Slot = testenv.SlotName(t)
	r.repaired(ErrSlotLost.Error())
	require.Equal(t, []string{old}, r.store.get().FormerSlots)
	former := r.cfg.Slot
	r.cfg.Slot = old
	r.startStreaming()
	require.Equal(t, []string{former}, r.store.get().FormerSlots)
}

func TestLostPublicationIsRepaired(t *testing.T) {
	t.Parallel()
	r := streamOne(t)
	r.exec("DROP PUBLICATION " + quoteIdent(r.cfg.Publication))
	r.repaired(ErrPublicationLost.Error())
}

func TestRepairOfThePublicationThatWasCutOffIsDoneAgain(t *testing.T) {
	t.Parallel()
	for name, cutOff := range map[string]func(*memoryStore){
		"before it was noted": func(m *memoryStore) { m.failing = 1 },
		"after it was noted": func(m *memoryStore) {
			m.change(func(s *State) { s.SnapshotDone, s.SnapshotReason = false, ErrPublicationLost.Error() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := streamOne(t)
			r.exec("ALTER PUBLICATION " + quoteIdent(r.cfg.Publication) + " DROP TABLE items")
			cutOff(r.store)
			r.repaired(ErrPublicationLost.Error())
		})
	}
}

func TestPublicationDroppedWhileStreamingIsRepaired(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startStreaming()
	r.exec("DROP PUBLICATION " + quoteIdent(r.cfg.Publication))
	r.exec("INSERT INTO items VALUES (1)")
	require.Equal(t, OpSnapshot, r.events(1)[0].Op)
}

func TestStreamThatLostEventsIsRepaired(t *testing.T) {
	t.Parallel()
	r := streamOne(t)
	r.sink.set(func(s *memorySink) { s.events = nil })
	r.repaired(ErrStreamBehind.Error())
}

func TestStreamThatLostItsTailIsRepaired(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	run := r.startStreaming()
	r.exec("INSERT INTO items VALUES (1)")
	r.exec("UPDATE items SET name = 'x'")
	r.awaitConfirmed(r.events(2)[1].Pos.LSN + 1)
	run.stop()
	r.sink.set(func(s *memorySink) { s.events = s.events[:1] })
	r.repaired(ErrStreamBehind.Error())
}

func TestChangedSystemStopsBeforeAnythingHappens(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*rig){
		"system":   func(r *rig) { r.store.change(func(s *State) { s.SystemID = "1" }) },
		"timeline": func(r *rig) { r.store.change(func(s *State) { s.Timeline = 9 }) },
		"copy":     func(r *rig) { r.store.change(func(s *State) { s.Database = 1 }) },
		"dump":     func(r *rig) { r.store.change(func(s *State) { s.StateTable = 1 }) },
		"older copy": func(r *rig) {
			r.sink.set(func(s *memorySink) { s.events[0].Pos.LSN += 1 << 40 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := streamOne(t)
			change(r)
			state, confirmed := r.store.get(), r.confirmed()
			r.exec("INSERT INTO items VALUES (2)")
			err := r.start().failure()
			require.ErrorIs(t, err, ErrSystemChanged)
			require.ErrorContains(t, err, "make sure that this is the right database")
			require.Equal(t, state, r.store.get())
			require.Equal(t, confirmed, r.confirmed())
			require.Len(t, r.sink.all(), 1)
		})
	}
}
