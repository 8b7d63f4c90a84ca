package work

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/crmmind/mksync/syncer"
)

// HeldContacts are the contacts that are to be looked at again; *pgstore.Store has them.
type HeldContacts interface {
	Woken(ctx context.Context, limit int) ([]string, error)
}

// Reviewer looks again at contacts whose match waited, once it may have become clear.
type Reviewer struct {
	reconciler *syncer.Reconciler
	held       HeldContacts
	gate       *syncer.Gate
	look       time.Duration
	log        *slog.Logger
}

// NewReviewer returns a ready Reviewer; look is how often it looks, five seconds where
// it is 0.
func NewReviewer(r *syncer.Reconciler, held HeldContacts, gate *syncer.Gate, look time.Duration, log *slog.Logger) *Reviewer {
	return &Reviewer{reconciler: r, held: held, gate: gate, look: positive(look, 5*time.Second), log: log}
}

// Run works until ctx ends.
func (v *Reviewer) Run(ctx context.Context) error {
	once := syncer.LogOnce{Log: v.log}
	for ctx.Err() == nil {
		once.Warn(ctx, "a contact whose match waited is looked at again later", v.review(ctx))
		_ = syncer.Pause(ctx, v.look)
	}
	return nil
}

func (v *Reviewer) review(ctx context.Context) error {
	ids, err := v.held.Woken(ctx, mostLookedAt)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, lookAgain(ctx, v.reconciler, v.gate, id, false))
	}
	return errors.Join(errs...)
}
