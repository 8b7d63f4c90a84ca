package work

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
)

// HeldContacts are the contacts that are to be looked at again; *pgstore.Store has them.
type HeldContacts interface {
	Woken(ctx context.Context, limit int) ([]string, error)
	// ReleaseProposals has all looked at again that wait for a person's approval.
	ReleaseProposals(ctx context.Context) (int64, error)
	// ProposedImports are the partners that wait for one.
	ProposedImports(ctx context.Context, q store.ProposalQuery) ([]store.ProposedImport, error)
	DropImport(ctx context.Context, metakockaID string) error
}

// Reviewer looks again at contacts whose match waited, once it may have become clear.
type Reviewer struct {
	reconciler *syncer.Reconciler
	held       HeldContacts
	gate       *syncer.Gate
	look       time.Duration
	log        *slog.Logger
	released   bool // nothing waits for an approval that is not asked for
}

// NewReviewer returns a ready Reviewer; look is how often it looks, five seconds where
// it is 0.
func NewReviewer(r *syncer.Reconciler, held HeldContacts, gate *syncer.Gate, look time.Duration, log *slog.Logger) *Reviewer {
	return &Reviewer{reconciler: r, held: held, gate: gate, look: positive(look, 5*time.Second), log: log}
}

// Run works until ctx ends.
func (v *Reviewer) Run(ctx context.Context) error {
	once := syncer.LogOnce{Log: v.log}
	if v.released = v.reconciler.Reviews(); v.released {
		v.log.Info("first matches wait for a person's approval (MKSYNC_FIRST_SYNC=review): mksync review list shows them, mksync review approve lets them go on")
	}
	for ctx.Err() == nil {
		if !v.released {
			err := v.release(ctx)
			once.Warn(ctx, "first matches that waited for approval go on later", err)
			v.released = err == nil
		}
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

// release lets go of what waited for an approval that is not asked for any more: contacts are
// looked at again as any others, partners imported where that is done by itself.
func (v *Reviewer) release(ctx context.Context) error {
	if _, err := v.held.ReleaseProposals(ctx); err != nil {
		return err
	}
	for {
		waiting, err := v.held.ProposedImports(ctx, store.ProposalQuery{Limit: mostLookedAt})
		if err != nil || len(waiting) == 0 {
			return err
		}
		for _, w := range waiting {
			if err := v.gate.Wait(ctx); err != nil {
				return err
			}
			_, err := v.reconciler.Partner(ctx, w.MetaKockaID, syncer.Trigger{Cause: syncer.CausePartner, Lane: metakocka.Bulk})
			v.gate.Report(err)

			var rejected *syncer.RejectError
			if err != nil && !errors.As(err, &rejected) {
				return err
			}
			if err := v.held.DropImport(ctx, w.MetaKockaID); err != nil {
				return err
			}
		}
	}
}
