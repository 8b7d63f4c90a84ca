package operations

import (
	"context"
	"errors"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
)

// SyncRequest asks to sync one contact now.
type SyncRequest struct {
	ContactID string `json:"contactId"`
	New       bool   `json:"new,omitempty"` // it is none of the partners that it matches: make one
	By        string `json:"by,omitempty"`
}

// ImportRequest asks to import one partner now.
type ImportRequest struct {
	MetaKockaID string `json:"metakockaId"`
	New         bool   `json:"new,omitempty"` // it is none of the contacts that match it: make one
	By          string `json:"by,omitempty"`
}

// Outcome says where a contact and its partner stand after a request.
type Outcome struct {
	MappingID   string       `json:"mappingId"`
	ContactID   string       `json:"contactId"`
	MetaKockaID string       `json:"metakockaId"`
	SyncStatus  store.Status `json:"syncStatus"`
	LastError   string       `json:"lastError,omitempty"`
	// Said is the last error as a code with parameters.
	Said coded.Text `json:"said,omitzero"`
}

func outcomeOf(r syncer.Result) Outcome {
	return Outcome{r.LinkID, r.ContactID, r.MetaKockaID, r.Status, r.LastError.String(), said(r.LastError)}
}

// said is a text for programs; nothing where an earlier version stored its words alone.
func said(t coded.Text) coded.Text {
	if t.IsEarlier() {
		return coded.Text{}
	}
	return t
}

// Sync brings one contact and its partner together. A partner that is gone is
// made anew: that is what a person asks for here.
func (a *API) Sync(ctx context.Context, r SyncRequest) (o Outcome, err error) {
	id, err := a.contactID("contactId", r.ContactID)
	if err != nil {
		return o, err
	}
	if r.New {
		if err := a.known(ctx, id); err != nil {
			return o, err
		}
		res, err := a.lookedAgain(ctx, func() (syncer.Result, error) { return a.reconciler.New(ctx, id, r.By) })
		return outcomeOf(res), brought(res, err)
	}
	return a.sync(ctx, id, syncer.Trigger{Cause: syncer.CauseRequest, By: r.By}, false)
}

// known refuses a contact that is not there, or is left out.
func (a *API) known(ctx context.Context, id string) error {
	exists, inScope, err := a.records.ContactKnown(ctx, id)
	switch {
	case err != nil:
		return err
	case !exists:
		return syncer.Refuse(syncer.CodeNotFound, "contact.none", "there is no contact {contact}", id)
	case !inScope:
		return syncer.LeftOut(id)
	}
	return nil
}

// sync brings one contact over; planned: by a plan, where it is one of many.
func (a *API) sync(ctx context.Context, id string, t syncer.Trigger, planned bool) (o Outcome, err error) {
	if err := a.known(ctx, id); err != nil {
		return o, err
	}
	if planned {
		if t.Plan, err = a.bulk.matcher.Plan(ctx); err != nil {
			return o, err
		}
	}
	res, err := a.contact(ctx, id, t)
	if err == nil && res.Status == store.StatusUnlinked {
		res, err = a.contact(ctx, id, t)
	}
	return outcomeOf(res), brought(res, err)
}

// contact reconciles a contact as lookedAgain.
func (a *API) contact(ctx context.Context, id string, t syncer.Trigger) (syncer.Result, error) {
	return a.lookedAgain(ctx, func() (syncer.Result, error) { return a.reconciler.Contact(ctx, id, t) })
}

// lookedAgain reconciles, and waits for the second look at a partner that is not found.
func (a *API) lookedAgain(ctx context.Context, reconcile func() (syncer.Result, error)) (syncer.Result, error) {
	for {
		res, err := reconcile()
		var pending *syncer.PendingError
		if !errors.As(err, &pending) || pending.Absent == "" {
			return res, err
		}
		if err := syncer.Pause(ctx, pending.After); err != nil {
			return res, err
		}
	}
}

// brought is the error of a request whose reconcile ended without both sides.
func brought(res syncer.Result, err error) error {
	switch {
	case err != nil:
		return err
	case res.Status == store.StatusHeld:
		return syncer.Refuse(syncer.CodeConflict, "contact.waits", "contact {contact} waits for a person: {cause}", res.ContactID, res.LastError)
	case res.LinkID == "" || !res.Status.Alive():
		return syncer.Refuse(syncer.CodeConflict, "contact.not_linked", "contact {contact} is not linked: {cause}", res.ContactID, res.LastError.Or(coded.Say("refusal.contact.deleted_meanwhile", "it was deleted meanwhile")))
	}
	return nil
}

// Import links a partner with the contact that matches it, or makes the contact.
// One that is linked already is reconciled.
func (a *API) Import(ctx context.Context, r ImportRequest) (o Outcome, err error) {
	if err := checkID("metakockaId", r.MetaKockaID); err != nil {
		return o, err
	}
	t := syncer.Trigger{Cause: syncer.CauseRequest, By: r.By}
	if r.New {
		res, err := a.reconciler.PartnerOfNobody(ctx, r.MetaKockaID, t)
		return a.imported(ctx, r.MetaKockaID, res, err)
	}
	return a.importOne(ctx, r.MetaKockaID, t)
}

func (a *API) importOne(ctx context.Context, metakockaID string, t syncer.Trigger) (Outcome, error) {
	res, err := a.reconciler.Partner(ctx, metakockaID, t)
	return a.imported(ctx, metakockaID, res, err)
}

// imported is the outcome of an import.
func (a *API) imported(ctx context.Context, metakockaID string, res syncer.Result, err error) (o Outcome, _ error) {
	if errors.Is(err, metakocka.ErrNotFound) {
		return o, syncer.Refuse(syncer.CodeNotFound, "partner.none_there", "MetaKocka has no partner {partner}", metakockaID)
	}
	if err := brought(res, err); err != nil {
		return o, err
	}
	exists, _, err := a.records.ContactKnown(ctx, res.ContactID)
	if err == nil && !exists {
		err = syncer.Refuse(syncer.CodeConflict, "partner.linked_gone", "partner {partner} is linked with contact {contact}, which is not there any more: mksync mappings prune", metakockaID, res.ContactID)
	}
	return outcomeOf(res), err
}
