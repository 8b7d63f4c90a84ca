// Package waits gives the waits of tests limits that grow with the machine's
// load: 20 seconds of a machine that does nothing else are a minute and more of
// one whose processors are shared with others.
//
// It has a clock of its own, which runs slower the longer a small piece of work
// takes compared with its best time. Nothing runs in the background: the clock
// is read, and the work done, by those who wait.
package waits

import (
	"context"
	"crypto/sha256"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// often is how long a measurement of the machine's load counts.
	often = 250 * time.Millisecond
	// nap is how long each measurement sleeps first, for a busy machine wakes
	// sleepers late.
	nap = time.Millisecond
	// slowest bounds the load that is believed in: a machine that was suspended
	// is not that slow afterwards.
	slowest = 30
)

// clock runs as fast as time on a machine that is not busy.
type clock struct {
	mu   sync.Mutex
	read time.Time     // when it was read last
	at   time.Duration // what it showed then
	seen time.Time     // when the load was measured last
	best time.Duration // of the small piece of work
	load float64       // how many times longer the work takes than at its best
}

// machine is the clock of this process.
var machine clock

// now reads the clock.
func (c *clock) now() (at time.Duration, load float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read.IsZero() {
		c.read = time.Now()
		c.load = 1
	}
	if time.Since(c.seen) >= often {
		c.measure()
	}
	now := time.Now()
	c.at += time.Duration(float64(now.Sub(c.read)) / c.load)
	c.read = now
	return c.at, c.load
}

// measure lets half of the load be the newest, so that one unlucky moment does
// not count for much.
func (c *clock) measure() {
	began := time.Now()
	time.Sleep(nap)
	woken := time.Now()
	work()
	took := time.Since(woken)
	if c.best == 0 {
		for range 5 {
			c.remember(workTime())
		}
	}
	c.remember(took)
	newest := float64(time.Since(began)) / float64(nap+c.best)
	if !c.seen.IsZero() {
		newest = (newest + c.load) / 2
	}
	c.load = min(max(newest, 1), slowest)
	c.seen = time.Now()
}

func (c *clock) remember(took time.Duration) {
	if c.best == 0 || took < c.best {
		c.best = took
	}
}

// material is what the small piece of work works on.
var material = make([]byte, 1<<20)

// work takes a few milliseconds: longer than a scheduler lets a process run
// while others wait.
func work() [sha256.Size]byte { return sha256.Sum256(material) }

func workTime() time.Duration {
	began := time.Now()
	work()
	return time.Since(began)
}

// Stopwatch measures by the clock that is slow when the machine is.
type Stopwatch struct{ began time.Duration }

// Start starts a stopwatch.
func Start() Stopwatch {
	at, _ := machine.now()
	return Stopwatch{at}
}

// Elapsed is the time since the start, less what the machine's load cost.
func (s Stopwatch) Elapsed() time.Duration {
	at, _ := machine.now()
	return at - s.began
}

// Stretch is d as long as the machine's load makes it now. It is for what takes
// one duration; a wait whose limit can grow while it lasts is better.
func Stretch(d time.Duration) time.Duration {
	_, load := machine.now()
	return time.Duration(float64(d) * load)
}

// Waits look often at first, and less often the longer they last and the more a
// look costs: what many tests do while they wait is taken from those that work.
const (
	tick     = 10 * time.Millisecond
	lastTick = 100 * time.Millisecond
)

// Eventually calls check until it returns nil, and fails the test with its last
// error when it has not within the limit.
func Eventually(t testing.TB, limit time.Duration, check func() error) {
	t.Helper()
	watch, began := Start(), time.Now()
	for {
		looked := time.Now()
		err := check()
		if err == nil {
			return
		}
		if watch.Elapsed() > limit {
			require.NoError(t, err, "not so within %s", limit)
			return
		}
		time.Sleep(max(tick, min(time.Since(began)/10, lastTick), time.Since(looked)))
	}
}

// Within takes the next value of the channel, the zero value once it is closed;
// ok is false when none has come within the limit.
func Within[T any](limit time.Duration, ch <-chan T) (v T, ok bool) {
	watch, ticker := Start(), time.NewTicker(lastTick)
	defer ticker.Stop()
	for {
		select {
		case v = <-ch:
			return v, true
		case <-ticker.C:
			if watch.Elapsed() > limit {
				return v, false
			}
		}
	}
}

// Context is a context that ends when the limit is over or the test has ended.
func Context(t testing.TB, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	watch := Start()

	go func() {
		defer close(ended)
		ticker := time.NewTicker(lastTick)
		defer ticker.Stop()
		for watch.Elapsed() <= limit {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
		cancel(context.DeadlineExceeded)
	}()

	t.Cleanup(func() {
		cancel(nil)
		<-ended
	})
	return ctx
}

// Idle lets a while pass between two things that a test breaks, or until ctx ends. It is
// not for waiting until something is so.
func Idle(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
