package cdc

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

// fullSink takes nothing while it is full.
type fullSink struct {
	*memorySink
	full  atomic.Bool
	tries atomic.Int32
}

func (s *fullSink) Publish(ctx context.Context, ev *Event) error {
	s.tries.Add(1)
	if s.full.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.memorySink.Publish(ctx, ev)
}

// TestASnapshotMakesRoomForAnAlter: while the stream takes nothing, a snapshot stays in
// the middle of the table. Who changes the table then does not wait for it, nor does who
// stands behind; the snapshot is read anew and whole.
func TestASnapshotMakesRoomForAnAlter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec("INSERT INTO items SELECT g, 'n' || g FROM generate_series(1, 200) g")
	sink := &fullSink{memorySink: r.sink}
	sink.full.Store(true)
	run := r.startWith(sink)
	testenv.Eventually(t, patience, func() error {
		if sink.tries.Load() == 0 {
			return errors.New("the snapshot has not begun")
		}
		return nil
	})

	r.exec("SET lock_timeout = '10s'")
	began := time.Now()
	r.exec("ALTER TABLE items ADD COLUMN phone text")
	r.exec("UPDATE items SET phone = '1' WHERE id = 1")
	t.Log("the table was changed within", time.Since(began))

	sink.full.Store(false)
	run.await(StateStreaming)
	require.Empty(t, run.Status().Problem)
	all := r.events(200)
	require.Contains(t, all[0].After, "phone")
	run.stop()
}
