package work

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// Merges lists the merges of contacts; *pgstore.Store does.
type Merges interface {
	Merges(ctx context.Context, q store.MergeQuery) ([]store.ContactMerge, error)
}

// Merger finishes the merges, and their undoings, that were cut off or that
// MetaKocka was away for.
type Merger struct {
	reconciler *syncer.Reconciler
	merges     Merges
	look       time.Duration
	log        *slog.Logger
}

// NewMerger returns a ready Merger; look is how often it looks, half a minute
// where it is 0.
func NewMerger(r *syncer.Reconciler, merges Merges, look time.Duration, log *slog.Logger) *Merger {
	if look <= 0 {
		look = 30 * time.Second
	}
	return &Merger{reconciler: r, merges: merges, look: look, log: log}
}

// Run finishes merges until ctx ends.
func (w *Merger) Run(ctx context.Context) error {
	once := syncer.LogOnce{Log: w.log}
	for ctx.Err() == nil {
		once.Warn(ctx, "a merge of contacts is not finished yet", w.finish(ctx))
		_ = syncer.Pause(ctx, w.look)
	}
	return nil
}

// finish goes through all merges that something is left to do of. One that does
// not work does not hold up the others.
func (w *Merger) finish(ctx context.Context) error {
	open, err := w.merges.Merges(ctx, store.MergeQuery{Open: true})
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range open {
		if m.Status == store.MergeUndoing {
			_, err = w.reconciler.UndoMerge(ctx, m, m.UndoneBy)
		} else {
			err = w.reconciler.FinishMerge(ctx, &m)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
