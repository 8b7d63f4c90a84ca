package syncer

import (
	"context"
	"time"
)

// Pause waits, or returns with ctx's error.
func Pause(ctx context.Context, d time.Duration) error { return PauseUntil(ctx, d, nil) }

// PauseUntil is a Pause that wake ends early; a nil wake never does.
func PauseUntil(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wake:
	case <-timer.C:
	}
	return nil
}

// Backoff pauses ever longer: First, then twice as long each time, up to Most.
type Backoff struct {
	First, Most time.Duration

	next time.Duration
}

// Pause waits for as long as it is time for, or returns with ctx's error.
func (b *Backoff) Pause(ctx context.Context) error {
	wait := max(b.next, b.First)
	b.next = min(2*wait, b.Most)
	return Pause(ctx, wait)
}
