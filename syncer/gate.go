package syncer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// Gate pauses work while MetaKocka is away or refuses everything, or the CRM's database is
// away, so that an outage puts no record aside and nobody hammers who is down. While it is
// paused one piece of work at a time is let through as a probe, ever less often; the first
// that succeeds opens it.
type Gate struct {
	minDelay, maxDelay time.Duration

	mu      sync.Mutex  // guards what follows
	halt    *store.Halt // a person's; nil: none
	reason  coded.Text  // nothing: open
	ofStore bool        // it is the CRM's database that is away
	since   time.Time
	delay   time.Duration
	next    time.Time // when the next probe is due
	opened  time.Time // when the last pause ended
	probing bool
	changed chan struct{} // closed when the state changes
}

// NewGate returns an open gate whose probes are minDelay to maxDelay apart.
func NewGate(minDelay, maxDelay time.Duration) *Gate {
	return &Gate{minDelay: minDelay, maxDelay: maxDelay, changed: make(chan struct{})}
}

// Wait returns when work may go on, or with ctx's error.
func (g *Gate) Wait(ctx context.Context) error {
	for {
		wait, changed := g.enter()
		if wait == 0 {
			return nil
		}
		if err := PauseUntil(ctx, wait, changed); err != nil {
			return err
		}
	}
}

// enter returns 0 when work may go on, else how long to wait at most.
func (g *Gate) enter() (time.Duration, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.halt != nil {
		return g.maxDelay, g.changed
	}
	if g.reason.IsZero() {
		return 0, nil
	}
	left := time.Until(g.next)
	if left > 0 {
		return left, g.changed
	}
	if g.probing {
		return g.maxDelay, g.changed
	}
	g.probing = true
	return 0, nil
}

// Halt lets nothing through, not even a probe, as long as a person has stopped sending; nil:
// nobody has.
func (g *Gate) Halt(h *store.Halt) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if (g.halt == nil) == (h == nil) {
		return
	}
	g.halt = h
	if h == nil {
		g.opened = time.Now()
		g.next = g.opened // what was refused meanwhile says nothing
	}
	close(g.changed)
	g.changed = make(chan struct{})
}

// Report tells how a piece of work ended. Every Wait that returned nil is
// followed by one Report.
func (g *Gate) Report(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case Outage(err), errors.Is(err, store.ErrStoreAway):
		g.pause(err)
	case reached(err):
		if !g.reason.IsZero() {
			g.opened = time.Now()
		}
		g.reason = coded.Text{}
		g.delay = 0
	}
	g.probing = false
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *Gate) pause(err error) {
	if g.reason.IsZero() {
		g.since = time.Now()
	}
	g.reason = coded.Of(err)
	g.ofStore = !Outage(err)
	if !g.probing && g.delay > 0 {
		return // the others of a burst that failed together
	}
	g.delay = min(max(2*g.delay, g.minDelay), g.maxDelay)
	g.next = time.Now().Add(g.delay)
}

// Paused returns why work is paused and since when; reason is empty when it is
// not.
func (g *Gate) Paused() (reason coded.Text, since time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.halt != nil {
		return (&HaltedError{*g.halt}).Said(), g.halt.Since
	}
	return g.reason, g.since
}

// Away is Paused of MetaKocka's doing alone. That a person has stopped sending is known from
// where it is kept: a gate learns of it, and of its end, a moment later.
func (g *Gate) Away() (reason coded.Text, since time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ofStore {
		return coded.Text{}, time.Time{}
	}
	return g.reason, g.since
}

// PausedWithin tells whether work is paused, or was not long ago; where there is no gate,
// never.
func (g *Gate) PausedWithin(d time.Duration) bool {
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.halt != nil || !g.reason.IsZero() || !g.opened.IsZero() && time.Since(g.opened) < d
}

// Outage tells that MetaKocka was not reached, or refuses everything, that a person has
// stopped sending, or that the CRM's database hides what would have to be known.
func Outage(err error) bool {
	var paused *PausedError
	var halted *HaltedError
	var hidden *store.HiddenError
	return metakocka.IsTransient(err) && !errors.Is(err, context.Canceled) || errors.As(err, &paused) || errors.As(err, &halted) || errors.As(err, &hidden)
}

// reached: MetaKocka answered, or had not to be asked.
func reached(err error) bool {
	var rejected *RejectError
	var pending *PendingError
	return err == nil || errors.As(err, &rejected) || errors.As(err, &pending)
}
