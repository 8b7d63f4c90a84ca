package operations

import (
	"context"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// DismissRequest says that two likely duplicates are two; with Undo, that they may be one
// after all.
type DismissRequest struct {
	Kind    string `json:"kind,omitempty"` // contacts (where it is empty), partners
	ID      string `json:"id"`
	OtherID string `json:"otherId"`
	Undo    bool   `json:"undo,omitempty"`
	By      string `json:"by,omitempty"`
}

// Dismissed is a pair of which a person said whether the two are two.
type Dismissed struct {
	Kind      string `json:"kind"`
	ID        string `json:"id"`
	OtherID   string `json:"otherId"`
	Dismissed bool   `json:"dismissed"`
}

// TwoStore remembers of which likely duplicates a person said that they are two. The order
// of a pair does not matter, and one is forgotten when either of the two is gone.
type TwoStore interface {
	SayTwo(ctx context.Context, t store.Two, by string) error
	ForgetTwo(ctx context.Context, t store.Two, by string) (was bool, err error)
	SaidTwo(ctx context.Context) ([]store.Two, error)
	Observed(ctx context.Context, metakockaID string) (*store.ObservedPartner, error)
}

// Dismiss remembers that two likely duplicates are two: they are not listed any more.
func (a *API) Dismiss(ctx context.Context, r DismissRequest) (d Dismissed, err error) {
	two, err := a.two(ctx, r)
	if err != nil {
		return d, err
	}
	d = Dismissed{Kind: r.Kind, ID: two.ID, OtherID: two.OtherID, Dismissed: !r.Undo}
	if d.Kind == "" {
		d.Kind = DuplicateContacts
	}
	if !r.Undo {
		return d, a.records.SayTwo(ctx, two, r.By)
	}
	was, err := a.records.ForgetTwo(ctx, two, r.By)
	if err == nil && !was {
		err = syncer.Refuse(syncer.CodeNotFound, "pair.unsaid", "nobody said of {one} and {other} that they are two", two.ID, two.OtherID)
	}
	return d, err
}

// two reads the pair, of whom both have to be there.
func (a *API) two(ctx context.Context, r DismissRequest) (t store.Two, err error) {
	t = store.Two{Partners: r.Kind == DuplicatePartners}
	switch r.Kind {
	case "", DuplicateContacts, DuplicatePartners:
	default:
		return t, syncer.Refuse(syncer.CodeMalformed, "request.kind", "kind: must be {one} or {other}", DuplicateContacts, DuplicatePartners)
	}

	if t.ID, err = a.there(ctx, "id", r.ID, t.Partners); err != nil {
		return t, err
	}
	if t.OtherID, err = a.there(ctx, "otherId", r.OtherID, t.Partners); err != nil {
		return t, err
	}
	if t.ID == t.OtherID {
		return t, syncer.Refuse(syncer.CodeMalformed, "contact.same_id", "otherId: is the same as id")
	}
	return t, nil
}

// there is the id of a contact or a partner that is there.
func (a *API) there(ctx context.Context, field, id string, partner bool) (string, error) {
	if partner {
		if err := checkID(field, id); err != nil {
			return "", err
		}
		seen, err := a.records.Observed(ctx, id)
		if err == nil && seen == nil {
			err = syncer.Refuse(syncer.CodeNotFound, "partner.none", "there is no partner {partner}", id)
		}
		return id, err
	}

	id, err := a.contactID(field, id)
	if err != nil {
		return "", err
	}
	exists, _, err := a.records.ContactKnown(ctx, id)
	if err == nil && !exists {
		err = syncer.Refuse(syncer.CodeNotFound, "contact.none", "there is no contact {contact}", id)
	}
	return id, err
}
