package work

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/syncer"
)

// Redriver tries again what was put aside before it showed that a refusal was about
// every write. Refusals are counted in each process, so each that writes runs one.
type Redriver struct {
	bus        *bus.Bus
	reconciler *syncer.Reconciler
	log        *slog.Logger
}

// NewRedriver returns a ready Redriver.
func NewRedriver(b *bus.Bus, r *syncer.Reconciler, log *slog.Logger) *Redriver {
	return &Redriver{bus: b, reconciler: r, log: log}
}

// Run works until ctx ends. It tries a few times, because what was refused last may be
// put aside only then.
func (r *Redriver) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case text := <-r.reconciler.RefusalsEnded():
			for range 3 {
				if syncer.Pause(ctx, time.Second) != nil {
					return
				}
				if err := r.redrive(ctx, text); err != nil {
					r.log.Warn("what was put aside while MetaKocka refused every write is not tried again by itself: mksync deadletters retry --all", "error", err)
				}
			}
		}
	}
}

// redrive has the dead letters tried again whose reason holds the words.
func (r *Redriver) redrive(ctx context.Context, text string) error {
	all, err := r.bus.DeadLetters(ctx)
	for _, l := range all {
		if !strings.Contains(l.Reason, text) {
			continue
		}
		if retryErr := r.bus.RetryDeadLetter(ctx, l.ID); retryErr != nil && !errors.Is(retryErr, bus.ErrNotFound) {
			err = errors.Join(err, retryErr)
		}
	}
	return err
}
