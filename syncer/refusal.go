package syncer

import (
	"context"
	"errors"

	"github.com/crmmind/mksync/metakocka"
)

// MetaKocka's no to a write says in words for a person what it is about: this
// record, or every call (a wrong key, a licence, maintenance). Only the first may
// put a contact aside (invariant 7).

// proved sends a write, and where it is refused finds out whether that is about
// the record: a call that is about none is refused, too, when nothing is wrong
// with it. Where that call is taken the write is sent once more, because what was
// wrong may have been put right in between. A refusal that is returned as such is
// about the record.
func proved[T any](ctx context.Context, erp ERP, write func() (T, error)) (T, error) {
	got, err := write()
	if !metakocka.IsRefusal(err) {
		return got, err
	}
	if err := probe(ctx, erp); err != nil {
		return got, err
	}
	return write()
}

// probe makes a call that is about no record. Its error says nothing uncertain of
// the write before it, which was refused.
func probe(ctx context.Context, erp ERP) error {
	_, err := erp.Find(ctx, metakocka.Query{Name: "mksync"})
	var transient *metakocka.TransientError
	if errors.As(err, &transient) && transient.Sent {
		unsent := *transient
		unsent.Sent = false
		return &unsent
	}
	return aboutAll(err)
}

// withoutExtras sends a write with notes and website, which are not documented:
// refused with them it is sent bare, so that they do not keep back the rest. That
// MetaKocka refuses them is proved once.
func withoutExtras[T any](ctx context.Context, r *Reconciler, full, bare func() (T, error)) (T, error) {
	var got T
	var err error
	if r.refusesExtras.Load() {
		got, err = full()
	} else {
		got, err = proved(ctx, r.erp, full)
	}
	if !metakocka.IsRefusal(err) {
		return got, err
	}
	if got, err = proved(ctx, r.erp, bare); err == nil {
		r.refusesExtras.Store(true)
	}
	return got, err
}
