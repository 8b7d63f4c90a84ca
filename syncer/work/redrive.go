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

// RefusedContacts are the contacts that could not be brought over; *pgstore.Store has them.
type RefusedContacts interface {
	TakeRefused(ctx context.Context, words string, limit int) ([]store.Refused, error)
}

// Redriver tries again what could not be brought over: as soon as it shows that a refusal
// was about every write, and ever less often otherwise (invariant 7). Who is due stands in
// the database, so no end of a process, and no loss of dead letters, makes it forget.
// Refusals are counted in each process, so each that writes runs one.
type Redriver struct {
	reconciler *syncer.Reconciler
	refused    RefusedContacts
	gate       *syncer.Gate
	look       time.Duration
	log        *slog.Logger
}

// NewRedriver returns a ready Redriver; look is how often it looks, five seconds where it
// is 0.
func NewRedriver(r *syncer.Reconciler, refused RefusedContacts, gate *syncer.Gate, look time.Duration, log *slog.Logger) *Redriver {
	return &Redriver{reconciler: r, refused: refused, gate: gate, look: positive(look, 5*time.Second), log: log}
}

// Run works until ctx ends.
func (r *Redriver) Run(ctx context.Context) error {
	once := syncer.LogOnce{Log: r.log}
	words := "" // of a refusal that was about every write
	for ctx.Err() == nil {
		once.Warn(ctx, "a contact that could not be brought over is tried again later", r.redrive(ctx, words))
		words = ""
		select {
		case <-ctx.Done():
		case words = <-r.reconciler.RefusalsEnded():
		case <-time.After(r.look):
		}
	}
	return nil
}

func (r *Redriver) redrive(ctx context.Context, words string) error {
	taken, err := r.refused.TakeRefused(ctx, words, mostLookedAt)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range taken {
		errs = append(errs, lookAgain(ctx, r.reconciler, r.gate, c.ContactID, c.Gone))
	}
	return errors.Join(errs...)
}

// mostLookedAt bounds one round.
const mostLookedAt = 100

// lookAgain reconciles a contact without an event. What keeps it back is seen at its
// mapping, and is no error.
func lookAgain(ctx context.Context, r *syncer.Reconciler, gate *syncer.Gate, contactID string, deleted bool) error {
	if err := gate.Wait(ctx); err != nil {
		return err
	}
	_, err := r.Contact(ctx, contactID, syncer.Trigger{Cause: syncer.CauseContact, Lane: metakocka.Bulk, Deleted: deleted})
	gate.Report(err)

	var rejected *syncer.RejectError
	var pending *syncer.PendingError
	if errors.As(err, &rejected) || errors.As(err, &pending) {
		return nil
	}
	return err
}
