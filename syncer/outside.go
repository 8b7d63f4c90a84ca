package syncer

import (
	"context"
	"errors"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// leftOut handles a contact that the filter leaves out, or a person: nothing is done to it,
// but what became of its last write has to be known: for as long as that is not, partners
// that may be what it made wait, and so does whoever is to have its partner.
func (k *task) leftOut(ctx context.Context) error {
	if in := k.link.Intent; in != nil && in.Kind == store.IntentUpdate && k.linked() {
		return k.settledAside(ctx)
	}
	if !k.creationOpen() {
		switch {
		case k.t.Cause != CauseContact:
		case k.link.MetaKockaID == "":
			return k.links.WakeWaiting(ctx, k.id)
		case k.link.Status.Alive():
			return k.links.Wake(ctx, store.Freed(k.link, store.Link{}), k.id) // those may have its partner
		}
		return nil
	}
	made, err := k.lookedUp(ctx)
	if made || err != nil {
		return err
	}
	return k.save(ctx, store.Change{})
}

// creationOpen reports whether what became of the creation of the contact's partner is not known.
func (k *task) creationOpen() bool {
	in := k.link.Intent
	return in != nil && in.Kind == store.IntentCreate && k.link.MetaKockaID == "" && k.link.Status.Alive()
}

// settledAside finds out what became of an update without an answer, of a contact that is not
// to be synced any more.
func (k *task) settledAside(ctx context.Context) error {
	k.link.Base = k.link.BaseOr(mapping.Base{})
	p, err := k.read(ctx)
	switch {
	case errors.Is(err, metakocka.ErrNotFound):
		k.link.Intent = nil
		return k.save(ctx, store.Change{})
	case err != nil:
		return AboutAll(err)
	}
	stood := k.stood(p)
	if p, err = k.settleUpdate(ctx, p, stood); err != nil {
		return err
	}
	if _, err = k.unmarkLeft(ctx, p, stood); err != nil {
		return k.writeFailed(ctx, err)
	}
	return k.save(ctx, store.Change{})
}
