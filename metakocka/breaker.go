package metakocka

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// breaker pauses all calls after transient failures in a row, and lets one call
// probe after a cool-down. A refusal is an answer and counts as success; a call
// its caller gave up says nothing.
type breaker struct {
	circuit  *gobreaker.TwoStepCircuitBreaker[struct{}]
	cooldown time.Duration
	log      *slog.Logger

	mu       sync.Mutex
	openedAt time.Time
	lastErr  string
	lastAt   time.Time
}

func newBreaker(cfg Config, log *slog.Logger) *breaker {
	b := &breaker{cooldown: cfg.BreakerCooldown, log: log}
	limit := uint32(min(cfg.BreakerFailures, 1<<20)) //nolint:gosec // bounded
	b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:          "metakocka",
		MaxRequests:   1,
		Timeout:       cfg.BreakerCooldown,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= limit },
		OnStateChange: b.changed,
		IsSuccessful:  func(err error) bool { return !IsTransient(err) },
		IsExcluded:    func(err error) bool { return errors.Is(err, context.Canceled) },
	})
	return b
}

func (b *breaker) changed(_ string, _, to gobreaker.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch to {
	case gobreaker.StateOpen:
		b.openedAt = time.Now()
		b.log.Warn("MetaKocka does not answer, calls are paused",
			slog.Duration("for", b.cooldown), slog.String("error", b.lastErr))
	case gobreaker.StateHalfOpen:
		b.log.Info("probing whether MetaKocka answers again")
	case gobreaker.StateClosed:
		b.openedAt = time.Time{}
		b.log.Info("MetaKocka answers again, calls go on")
	}
}

// allow asks for one call; done must be told its outcome.
func (b *breaker) allow() (done func(error), err error) {
	report, err := b.circuit.Allow()
	if err != nil {
		return nil, ErrBreakerOpen
	}
	return func(err error) {
		b.note(err)
		report(err)
	}, nil
}

func (b *breaker) note(err error) {
	if !IsTransient(err) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lastErr = err.Error()
	b.lastAt = time.Now()
}

func (b *breaker) open() bool { return b.circuit.State() == gobreaker.StateOpen }

// probeAt is when the next call may probe; zero when calls are allowed now.
func (b *breaker) probeAt() time.Time {
	if !b.open() {
		return time.Time{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.openedAt.Add(b.cooldown)
}

// State is what a status page shows of a Client.
type State struct {
	Open        bool      // calls are paused
	Since       time.Time // of the pause; zero when calls go
	ProbeAt     time.Time // when one call probes; zero when calls go
	LastError   string    // the last transient failure, without the secret key
	LastErrorAt time.Time
	InFlight    int
	Waiting     int // calls that wait for a slot
}

func (b *breaker) state() State {
	s := State{Open: b.open(), ProbeAt: b.probeAt()}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.LastError = b.lastErr
	s.LastErrorAt = b.lastAt
	if s.Open {
		s.Since = b.openedAt
	}
	return s
}

// sleep waits for d or the end of the context.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
