package syncer

import (
	"context"
	"errors"
	"sync"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/metakocka"
)

// MetaKocka's no to a write says in words for a person what it is about: this
// record, or every call (a wrong key, a licence, maintenance). Only the first may
// put a contact aside (invariant 7).

// proved sends a write, and where it is refused finds out whether that is about the
// record: where a search or a read is refused, too, nothing is wrong with it. Where look
// is taken the write is sent once more, because what was wrong may have been put right in
// between. A refusal that is returned as such is about the record.
func proved[T any](ctx context.Context, look func(context.Context) error, write func() (T, error)) (T, error) {
	got, err := write()
	if !metakocka.IsRefusal(err) {
		return got, err
	}
	if err := look(ctx); err != nil {
		return got, notSent(AboutAll(err))
	}
	return write()
}

// notSent is the error of a look behind a refused write: it says nothing uncertain of the
// write.
func notSent(err error) error {
	var transient *metakocka.TransientError
	if !errors.As(err, &transient) || !transient.Sent {
		return err
	}
	unsent := *transient
	unsent.Sent = false
	return &unsent
}

// inTurn sends the first of several forms of a write that is not refused: with another
// name of the country, or without notes and website, which are not documented, so that
// they do not keep back the rest.
func inTurn[T any](ctx context.Context, look func(context.Context) error, forms []func() (T, error)) (got T, err error) {
	for _, form := range forms {
		if got, err = proved(ctx, look, form); !metakocka.IsRefusal(err) {
			break
		}
	}
	return got, err
}

// searches is a call that is about no record.
func (k *task) searches(ctx context.Context) error {
	_, err := k.erp.Find(ctx, metakocka.Query{Name: "mksync"})
	return err
}

// standsAs reads a partner again before it is written once more (invariant 5).
func (k *task) standsAs(p metakocka.Partner) func(context.Context) error {
	return func(ctx context.Context) error {
		now, err := k.erp.Get(ctx, p.MKID)
		if err == nil && !alike(now, p) {
			err = ErrAgain
		}
		return err
	}
}

// refused handles a refusal of a write that is about the contact, as far as one tells:
// the same words for one contact after another, and no write that was taken in
// between, are not about the contacts. A contact that meets its own words once more
// says nothing about the others.
func (k *task) refused(ctx context.Context, err error) error {
	if k.link.LastError.String() != err.Error() && k.refusals.met(k.id, err) {
		return k.answered(ctx, &PausedError{Err: err, Writes: true})
	}
	k.link.Intent = nil
	return k.reject(ctx, coded.Of(err))
}

// sameRefusals is for how many contacts in a row the same words are about each.
const sameRefusals = 4

// refusals remembers which writes were refused since one was taken.
type refusals struct {
	mu   sync.Mutex      // guards these:
	text string          // the words of the newest
	of   map[string]bool // the contacts that met just these

	ended chan string // the words of refusals that were not about contacts, when a write was taken
}

func newRefusals() *refusals { return &refusals{ended: make(chan string, 1)} }

// met notes a refusal and tells whether it is not about the contact.
func (r *refusals) met(contactID string, err error) bool {
	var refusal *metakocka.RefusalError
	if !errors.As(err, &refusal) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil || r.text != refusal.Text {
		r.text = refusal.Text
		r.of = map[string]bool{}
	}
	r.of[contactID] = true
	return len(r.of) > sameRefusals
}

// taken notes that MetaKocka took a write.
func (r *refusals) taken() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.of) > sameRefusals {
		select {
		case r.ended <- r.text:
		default: // one is not read yet; its reader will see this one's contacts, or they stay to be retried
		}
	}
	r.text = ""
	r.of = nil
}

// RefusalsEnded gives the words of refusals that turned out to be about no contact, when
// MetaKocka takes a write again.
func (r *Reconciler) RefusalsEnded() <-chan string { return r.refusals.ended }
