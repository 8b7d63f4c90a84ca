package cdc

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/long"
)

// countingSink counts and forgets.
type countingSink struct{ n atomic.Uint64 }

func (s *countingSink) Last(context.Context) (Last, error)    { s.n.Store(0); return Last{}, nil }
func (s *countingSink) Publish(context.Context, *Event) error { s.n.Add(1); return nil }
func (s *countingSink) Durable() uint64                       { return s.n.Load() }

// peakHeap samples the heap until stopped, and returns the largest size.
func peakHeap(done <-chan struct{}) uint64 {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var peak uint64
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapAlloc)
		select {
		case <-done:
			return peak
		case <-tick.C:
		}
	}
}

// Not parallel: the heap is the whole process's.
func TestMemoryDoesNotGrowWithATransaction(t *testing.T) {
	long.Only(t)
	const rows = 200_000
	r := newRig(t)
	sink := &countingSink{}
	run := r.startWith(sink)
	run.await(StateStreaming)
	runtime.GC()
	var idle runtime.MemStats
	runtime.ReadMemStats(&idle)
	done, peak := make(chan struct{}), make(chan uint64)
	go func() { peak <- peakHeap(done) }()
	r.exec("INSERT INTO items SELECT g, repeat('n', 100), repeat('x', 200) FROM generate_series(1, $1::int) g", rows)
	testenv.Eventually(t, time.Minute, func() error { return atLeast(sink, rows) })
	close(done)
	require.Less(t, <-peak, idle.HeapAlloc+100<<20)

	run.stop() // and as a snapshot
	r.store.change(func(s *State) { s.SnapshotDone = false })
	done = make(chan struct{})
	go func() { peak <- peakHeap(done) }()
	run = r.startWith(sink)
	run.await(StateStreaming)
	close(done)
	require.NoError(t, atLeast(sink, rows))
	require.Less(t, <-peak, idle.HeapAlloc+100<<20)
}
