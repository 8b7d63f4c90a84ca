package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/crmmind/mksync/internal/testenv/crowd"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// watch looks all the time whether edits get to the other side, and whether mksync says so
// where they do not.
type watch struct {
	c     *cluster
	lanes [2]*lane

	patience time.Duration // how long something may stall before status tells of it

	mu    sync.Mutex // guards what follows
	kind  string     // of the fault that is on
	found map[string]*finding
}

// lane is one direction.
type lane struct {
	canaries []*crowd.Canary
	every    time.Duration // between two edits
	look     time.Duration // between two looks at the other side

	mu      sync.Mutex // guards what follows
	pending map[*crowd.Canary][]edit
	arrived time.Time // when something did last
	newest  time.Time // when the newest edit was made that has arrived
}

type edit struct {
	n  int
	at time.Time
}

// finding is what faults of one kind did.
type finding struct {
	times int
	// still is how long at most nothing arrived though something was on its way; late, how
	// long at most an edit was on its way. To MetaKocka, and to the CRM.
	still, late [2]time.Duration
	// unsaid is how long at most a process said that all is well though nothing arrived for
	// longer than it takes it to notice.
	unsaid time.Duration
}

const (
	toMetaKocka = 0
	toCRM       = 1
)

// calm is what is found while nothing is wrong.
const calm = "nothing"

// keepWatch begins to watch, until ctx ends.
func (c *cluster) keepWatch(ctx context.Context, patience time.Duration) *watch {
	c.T.Helper()
	w := &watch{c: c, patience: patience, kind: calm, found: map[string]*finding{}}
	w.lanes[toMetaKocka] = &lane{every: 200 * time.Millisecond, look: 20 * time.Millisecond}
	w.lanes[toCRM] = &lane{every: 400 * time.Millisecond, look: 100 * time.Millisecond}
	var work sync.WaitGroup
	for i, l := range w.lanes {
		l.pending, l.arrived = map[*crowd.Canary][]edit{}, time.Now()
		for range 3 {
			l.canaries = append(l.canaries, c.people.Canary(i == toCRM))
		}
		work.Go(func() { l.edit(ctx) })
		work.Go(func() { w.observe(ctx, i) })
	}
	for _, p := range c.processes {
		work.Go(func() { p.listen(ctx) })
	}
	w.c.T.Cleanup(work.Wait)
	return w
}

// edit edits one canary after another.
func (l *lane) edit(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		k := l.canaries[i%len(l.canaries)]
		if n, at := k.Edit(); n > 0 {
			l.mu.Lock()
			l.pending[k] = append(l.pending[k], edit{n, at})
			l.mu.Unlock()
		}
		waits.Idle(ctx, l.every)
	}
}

// observe notes what arrives, and what does not.
func (w *watch) observe(ctx context.Context, direction int) {
	l := w.lanes[direction]
	var quiet *waits.Stopwatch // since nobody said what is wrong; nil: all is well, or somebody says it
	for ctx.Err() == nil {
		for _, k := range l.canaries {
			bounded, cancel := context.WithTimeout(ctx, time.Second)
			n := k.Arrived(bounded)
			cancel()
			w.note(direction, func(f *finding) { f.late[direction] = max(f.late[direction], l.take(k, n)) })
		}

		still := l.still()
		w.note(direction, func(f *finding) { f.still[direction] = max(f.still[direction], still) })
		if still <= w.patience || !w.c.content() {
			quiet = nil
		} else if quiet == nil {
			quiet = new(waits.Start())
		} else {
			w.note(direction, func(f *finding) { f.unsaid = max(f.unsaid, quiet.Elapsed()) })
		}
		waits.Idle(ctx, l.look)
	}
}

// take notes that edits up to n have arrived, and returns how long the slowest took.
func (l *lane) take(k *crowd.Canary, n int) (slowest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.pending[k]) > 0 && l.pending[k][0].n <= n {
		done := l.pending[k][0]
		l.pending[k] = l.pending[k][1:]
		l.arrived = time.Now()
		slowest = max(slowest, l.arrived.Sub(done.at))
		if done.at.After(l.newest) {
			l.newest = done.at
		}
	}
	return slowest
}

// still is for how long nothing has arrived though something was on its way.
func (l *lane) still() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var oldest time.Time
	for _, edits := range l.pending {
		if len(edits) > 0 && (oldest.IsZero() || edits[0].at.Before(oldest)) {
			oldest = edits[0].at
		}
	}
	if oldest.IsZero() {
		return 0
	}
	if l.arrived.After(oldest) {
		oldest = l.arrived
	}
	return time.Since(oldest)
}

// content: some process says that all is well.
func (c *cluster) content() bool {
	for _, p := range c.processes {
		if p.content() {
			return true
		}
	}
	return false
}

// note adds to what is found of the faults that are on.
func (w *watch) note(_ int, add func(f *finding)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.found[w.kind]
	if f == nil {
		f = &finding{}
		w.found[w.kind] = f
	}
	add(f)
}

// begin: from now on faults of this kind are on.
func (w *watch) begin(kind string) {
	w.mu.Lock()
	w.kind = kind
	w.mu.Unlock()
	w.note(0, func(f *finding) { f.times++ })
}

// recovered waits until edits arrive that were made from now on, and notes that nothing is
// wrong any more.
func (w *watch) recovered() {
	w.c.T.Helper()
	since := time.Now()
	waits.Eventually(w.c.T, 90*time.Second, func() error {
		for direction, l := range w.lanes {
			l.mu.Lock()
			newest := l.newest
			l.mu.Unlock()
			if newest.Before(since) {
				return fmt.Errorf("nothing has arrived %s that was edited after the fault; the newest is %s older", [...]string{"in MetaKocka", "in the CRM"}[direction], since.Sub(newest))
			}
		}
		return nil
	})
	w.mu.Lock()
	w.kind = calm
	w.mu.Unlock()
}
