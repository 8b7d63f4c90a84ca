package operations

import (
	"context"
	"strconv"

	"github.com/crmmind/mksync/syncer"
)

// LinkRequest says that a contact and a partner are one. With DryRun nothing is written.
type LinkRequest struct {
	ContactID   string           `json:"contactId"`
	MetaKockaID string           `json:"metakockaId"`
	Take        syncer.Authority `json:"take,omitempty"` // crm, metakocka: that side wins in every field that differs
	DryRun      bool             `json:"dryRun,omitempty"`
	By          string           `json:"by,omitempty"`
}

// UnlinkRequest says that a contact and its partner are two.
type UnlinkRequest struct {
	ContactID string `json:"contactId"`
	By        string `json:"by,omitempty"`
}

// Linked is where a contact and its partner stand after a link.
type Linked struct {
	Outcome
	Preview syncer.Preview `json:"preview,omitzero"` // what a dry run shows
}

// Link links a contact with a partner by hand: the answer to a match that waits.
func (a *API) Link(ctx context.Context, r LinkRequest) (l Linked, err error) {
	id, err := a.contactID("contactId", r.ContactID)
	if err == nil {
		err = checkID("metakockaId", r.MetaKockaID)
	}
	if err == nil && r.Take != "" && r.Take != syncer.AuthorityCRM && r.Take != syncer.AuthorityMetaKocka {
		err = syncer.Refuse(syncer.CodeMalformed, "request.authority", "take: {take} is neither crm nor metakocka", strconv.Quote(clip(string(r.Take))))
	}
	if err == nil {
		err = a.known(ctx, id)
	}
	if err != nil {
		return l, err
	}
	if r.DryRun {
		p, err := a.reconciler.PreviewLink(ctx, id, r.MetaKockaID, r.Take)
		return Linked{Outcome: Outcome{ContactID: id, MetaKockaID: r.MetaKockaID}, Preview: p}, err
	}
	res, err := a.reconciler.Link(ctx, id, r.MetaKockaID, r.Take, r.By)
	return Linked{Outcome: outcomeOf(res)}, brought(res, err)
}

// Unlink parts a contact from its partner by hand, for good.
func (a *API) Unlink(ctx context.Context, r UnlinkRequest) (o Outcome, err error) {
	id, err := a.contactID("contactId", r.ContactID)
	if err == nil {
		err = a.known(ctx, id)
	}
	if err != nil {
		return o, err
	}
	res, err := a.reconciler.Unlink(ctx, id, r.By)
	return outcomeOf(res), err
}
