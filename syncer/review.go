package syncer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// A contact whose match waits for a person is not held for ever: whatever frees a
// partner or a key has those looked at again that were held for it. The store marks
// them, in the transaction that frees, and a Reviewer reconciles what is marked.

// heldMatch leaves a contact's match to a person, until something changes that has one
// of its keys.
func (k *task) heldMatch(ctx context.Context, reason string) error {
	k.link.HeldKeys = match.Keys(k.party()).All()
	return k.settle(ctx, store.StatusHeld, reason, store.Change{})
}

// given takes a partner from a contact that the filter leaves out: a soft deletion, say,
// whose customer is entered anew.
func (k *task) given(ctx context.Context, metakockaIDs ...string) (bool, error) {
	for _, id := range metakockaIDs {
		if given, err := k.links.GiveUp(ctx, id, k.id); given || err != nil {
			return given, err
		}
	}
	return false, nil
}

// freed are the keys that the contact's link no longer has as it is stored next.
func (k *task) freed() []string {
	if k.st.Link == nil {
		return nil
	}
	return store.Freed(*k.st.Link, k.link)
}

// HeldContacts are the contacts that are to be looked at again; *pgstore.Store has them.
type HeldContacts interface {
	Woken(ctx context.Context, limit int) ([]string, error)
}

// Reviewer looks again at contacts whose match waited, once it may have become clear.
type Reviewer struct {
	reconciler *Reconciler
	held       HeldContacts
	gate       *Gate
	look       time.Duration
	log        *slog.Logger
}

// NewReviewer returns a ready Reviewer; look is how often it looks, five seconds where
// it is 0.
func NewReviewer(r *Reconciler, held HeldContacts, gate *Gate, look time.Duration, log *slog.Logger) *Reviewer {
	if look <= 0 {
		look = 5 * time.Second
	}
	return &Reviewer{reconciler: r, held: held, gate: gate, look: look, log: log}
}

// Run works until ctx ends.
func (v *Reviewer) Run(ctx context.Context) error {
	said := ""
	for ctx.Err() == nil {
		switch err := v.review(ctx); {
		case err == nil:
			said = ""
		case ctx.Err() == nil && err.Error() != said:
			said = err.Error()
			v.log.Warn("a contact whose match waited is looked at again later", "error", err)
		}
		_ = Pause(ctx, v.look)
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
		_, err := v.reconciler.Contact(ctx, id, Trigger{Cause: CauseContact, Lane: metakocka.Bulk})
		v.gate.Report(err)
		var rejected *RejectError
		var pending *PendingError
		if !errors.As(err, &rejected) && !errors.As(err, &pending) { // both are seen at the mapping
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
