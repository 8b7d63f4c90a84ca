package work

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/crmmind/mksync/metakocka"
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
	if look <= 0 {
		look = 5 * time.Second
	}
	return &Reviewer{reconciler: r, held: held, gate: gate, look: look, log: log}
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

// mostReviewed bounds one round.
const mostReviewed = 100

func (v *Reviewer) review(ctx context.Context) error {
	ids, err := v.held.Woken(ctx, mostReviewed)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		if err := v.gate.Wait(ctx); err != nil {
			return err
		}
		_, err := v.reconciler.Contact(ctx, id, syncer.Trigger{Cause: syncer.CauseContact, Lane: metakocka.Bulk})
		v.gate.Report(err)
		var rejected *syncer.RejectError
		var pending *syncer.PendingError
		if !errors.As(err, &rejected) && !errors.As(err, &pending) { // both are seen at the mapping
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
