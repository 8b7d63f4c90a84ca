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
