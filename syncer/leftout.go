package syncer

import (
	"context"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
)

// A person leaves one contact out, and takes it in again. Meanwhile it is to the sync what
// a contact outside the filter is: nothing is done to it, and what happens in the ERP is
// seen on its return.

// LeftOut is the answer to who asks for something to be done with a contact that is left out.
func LeftOut(contactID string) error {
	return Refuse(CodeRefused, "contact.left_out", "contact {contact} is left out of the sync: mksync why {contact} says by whom", contactID)
}

// LeaveOut leaves a contact out of the sync, for a person's reason. One that is left out
// already stays so for the reason that was given first. Errors as Unlink.
func (r *Reconciler) LeaveOut(ctx context.Context, contactID, reason, by string) (Result, error) {
	return r.reconcile(ctx, contactID, Trigger{Cause: CauseRequest, By: by}, func(k *task, ctx context.Context) error {
		if err := k.load(ctx); err != nil {
			return err
		}
		return k.leaveOut(ctx, reason)
	})
}

func (k *task) leaveOut(ctx context.Context, reason string) error {
	switch in := k.link.Intent; {
	case k.st.Contact == nil:
		return Refuse(CodeNotFound, "contact.none", "there is no contact {contact}", k.id)
	case k.st.ByHand:
		return nil
	case k.creationOpen():
		if err := k.leftOut(ctx); err != nil {
			return err // else nobody would find out what became of it
		}
	case in != nil && k.open(k.id, in):
		return k.pending()
	}

	var freed []string
	if k.link.MetaKockaID != "" && k.link.Status.Alive() {
		freed = store.Freed(k.link, store.Link{}) // those may have its partner
	}
	e := k.entry("", store.ActLeave)
	e.Note = reason
	return k.s.SetLeftOut(ctx, &store.LeftOut{ContactID: k.id, Reason: reason, By: k.t.By}, freed, e)
}

// TakeIn takes a contact in again that a person left out; Contact brings it over then.
// Errors as Unlink.
func (r *Reconciler) TakeIn(ctx context.Context, contactID, by string) (Result, error) {
	return r.reconcile(ctx, contactID, Trigger{Cause: CauseRequest, By: by}, func(k *task, ctx context.Context) error {
		if err := k.load(ctx); err != nil {
			return err
		}
		return k.takeIn(ctx)
	})
}

func (k *task) takeIn(ctx context.Context) error {
	switch {
	case k.st.Contact == nil:
		return Refuse(CodeNotFound, "contact.none", "there is no contact {contact}", k.id)
	case !k.st.ByHand:
		return Refuse(CodeConflict, "contact.not_left_out", "contact {contact} is not left out by hand", k.id)
	}
	e := k.entry("", store.ActTakeIn)
	if k.st.Filtered {
		return k.s.SetLeftOut(ctx, nil, nil, e)
	}
	k.link.ContactID = k.id
	k.due()
	return k.save(ctx, store.Change{TakenIn: true, History: []store.Entry{e}})
}

// takenInRest is how long a contact that was taken in waits for who asked, before it is
// brought over by itself.
const takenInRest = 15 * time.Second

// due has the contact brought over by itself, also where who asks is cut off: what happened
// meanwhile, no event tells again. What waits for a person goes on waiting.
func (k *task) due() {
	switch l := &k.link; {
	case l.Status != "" && !l.Status.Alive(), l.Status == store.StatusConflict, l.Status == store.StatusHeld && l.MetaKockaID != "":
	case l.MetaKockaID == "":
		l.Status = store.StatusPending
		l.HeldKeys = append([]string{}, l.HeldKeys...)
	default:
		l.Status = store.StatusPending
		l.LastError = coded.Text{}
		l.RetryAt = k.now().Add(takenInRest)
	}
}
