package syncer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// Taking over pairs that another integration has linked is a Link of each, with two
// differences. There are many: so nothing is asked where the last sweep is young, and where
// the two differ the link alone is stored, pending, so that all pairs are safe from a first
// match before the first slow call. And a list knows less than a person: whom a person
// parted, it does not join again.

// listedRest is how long a listed pair whose two differ waits for who asked to merge them.
// Where that one was cut off, a running service does it then.
const listedRest = 10 * time.Minute

// TakeOver links a contact with a partner, as a list of pairs says. Where the two agree
// nothing is asked and the link is synced; else it is pending, and a Contact merges the two.
// Errors as Link.
func (r *Reconciler) TakeOver(ctx context.Context, contactID, metakockaID string, t Trigger) (res Result, err error) {
	err = r.links.WithPartner(ctx, metakockaID, func() error {
		res, err = r.asSaid(ctx, contactID, t, &answer{says: sayLink, metakockaID: metakockaID, listed: true})
		return err
	})
	return res, err
}

// PartnerThere asks MetaKocka whether it has a partner that the last sweep did not bring.
func (r *Reconciler) PartnerThere(ctx context.Context, metakockaID string, lane metakocka.Lane) (bool, error) {
	_, err := r.lanes(lane).Get(ctx, metakockaID)
	if errors.Is(err, metakocka.ErrNotFound) {
		return false, nil
	}
	return err == nil, AboutAll(err)
}

// unlessParted refuses a listed pair that a person has parted.
func (k *task) unlessParted(ctx context.Context) error {
	if !k.said.listed {
		return nil
	}
	denied, err := k.s.Denied(ctx)
	if err == nil && slices.Contains(denied, k.said.metakockaID) {
		err = Refuse(CodeConflict, "contact.two", "a person said that contact {contact} and partner {partner} are two", k.id, k.said.metakockaID)
	}
	return err
}

// listedAsSeen is the partner of a listed pair, as the last sweep saw it; nil: it has to be
// asked for.
func (k *task) listedAsSeen(ctx context.Context) (*store.ObservedPartner, error) {
	if !k.said.listed || !k.sweptLately() {
		return nil, nil //nolint:nilnil // documented
	}
	seen, err := k.links.Observed(ctx, k.said.metakockaID)
	if err != nil || seen == nil || seen.Hash == "" {
		return nil, err
	}
	return seen, nil
}
