package operations

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// LeaveOutRequest leaves a contact out of the sync, for a reason that a person gives.
type LeaveOutRequest struct {
	ContactID string `json:"contactId"`
	Reason    string `json:"reason"`
	By        string `json:"by,omitempty"`
}

// TakeInRequest takes a contact in again.
type TakeInRequest struct {
	ContactID string `json:"contactId"`
	By        string `json:"by,omitempty"`
}

// LeftOut is a contact that a person leaves out, as users see it.
type LeftOut struct {
	ContactID string    `json:"contactId"`
	Name      string    `json:"name"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
	By        string    `json:"by"`
}

// longestReason is how many characters a person's reason may have.
const longestReason = 500

// checkReason refuses what is no reason; needed: it may not be left out.
func checkReason(reason string, needed bool) error {
	switch {
	case needed && strings.TrimSpace(reason) == "":
		return syncer.Refuse(syncer.CodeMalformed, "reason_missing", "reason: is missing")
	case len([]rune(reason)) > longestReason:
		return syncer.Refuse(syncer.CodeMalformed, "reason_long", "reason: may have {count} characters at most", longestReason)
	case strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' || r == unicode.ReplacementChar }):
		return syncer.Refuse(syncer.CodeMalformed, "reason_text", "reason: is no text")
	}
	return nil
}

// LeaveOut leaves one contact out of the sync, until TakeIn.
func (a *API) LeaveOut(ctx context.Context, r LeaveOutRequest) (l LeftOut, err error) {
	id, err := a.contactID("contactId", r.ContactID)
	if err == nil {
		err = checkReason(r.Reason, true)
	}
	if err == nil {
		_, err = a.reconciler.LeaveOut(ctx, id, strings.TrimSpace(r.Reason), r.By)
	}
	if err != nil {
		return l, err
	}
	list, err := a.leftOut(ctx, store.LeftOutQuery{Of: []string{id}})
	if err != nil || len(list) == 0 {
		return l, syncer.OrNotFound(err, "contact.taken_in", "contact {contact} was taken in again just now", id)
	}
	return list[0], nil
}

// TakeIn takes a contact in again, and brings it over: what happened on either side
// meanwhile is seen now.
func (a *API) TakeIn(ctx context.Context, r TakeInRequest) (o Outcome, err error) {
	id, err := a.contactID("contactId", r.ContactID)
	if err != nil {
		return o, err
	}
	res, err := a.reconciler.TakeIn(ctx, id, r.By)
	if err != nil {
		return outcomeOf(res), err
	}
	if res, err = a.contact(ctx, id, syncer.Trigger{Cause: syncer.CauseContact, By: r.By}); err != nil {
		return o, syncer.NotYet(err, "contact.taken_in_not_yet", "contact {contact} is taken in, but not brought over yet: {cause}. The same command tries again", id)
	}
	return outcomeOf(res), nil
}

// LeftOut lists the contacts that a person leaves out, by id.
func (a *API) LeftOut(ctx context.Context, p Page) (l List[LeftOut], err error) {
	q := store.LeftOutQuery{}
	if q.Limit, err = p.limit(); err != nil {
		return l, err
	}
	if p.After != "" {
		if q.After, err = a.contactID("after", p.After); err != nil {
			return l, err
		}
	}
	found, err := a.leftOut(ctx, q)
	return listOf(found, q.Limit, func(o LeftOut) LeftOut { return o }, func(o LeftOut) string { return o.ContactID }), err
}

// leftOut are the contacts that a query chooses, with their names.
func (a *API) leftOut(ctx context.Context, q store.LeftOutQuery) ([]LeftOut, error) {
	found, err := a.records.LeftOut(ctx, q)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	ids := make([]string, len(found))
	for i, o := range found {
		ids[i] = o.ContactID
	}

	pairs, err := a.records.PairsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, p := range pairs {
		if p.Contact != nil {
			names[p.ContactID] = shownName(*p.Contact)
		}
	}

	list := make([]LeftOut, len(found))
	for i, o := range found {
		list[i] = LeftOut{ContactID: o.ContactID, Name: names[o.ContactID], Reason: o.Reason, At: o.At, By: o.By}
	}
	return list, nil
}
