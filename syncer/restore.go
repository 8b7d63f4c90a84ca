package syncer

import (
	"context"
	"slices"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// restoration takes a conflict's outcome back: both sides are to hold the
// value that lost. It needs no memory: cut off after MetaKocka was written, the
// next reconcile sees an edit there and carries it to the CRM.
type restoration struct {
	field mapping.Field
	holds string // the outcome: what both sides hold unless they changed since
	value string // what lost

	checked bool // both sides were looked at
}

// Restore takes a conflict's outcome back, as long as neither side has changed
// the field since. Errors as Contact, and a *RequestError that says why not.
func (r *Reconciler) Restore(ctx context.Context, c store.ConflictRecord, by string) (Result, error) {
	holds, value := c.CRM, c.Partner
	if c.Winner == mapping.SideMetaKocka {
		holds, value = value, holds
	}
	checked := false
	res, err := r.reconcile(ctx, c.ContactID, Trigger{Cause: CauseRequest, By: by}, func(k *task, ctx context.Context) error {
		k.restoring = &restoration{field: c.Field, holds: holds, value: value}
		err := k.run(ctx)
		checked = checked || k.restoring.checked
		return err
	})
	if err == nil && (!checked || !res.Status.Alive()) {
		err = Errorf(CodeConflict, "conflict %d cannot be undone: the mapping is %s; %s", c.ID, res.Status, OrWords(res.LastError, "the contact is not there"))
	}
	return res, err
}

// restore adds to what is to be done what takes the conflict's outcome back.
// After MetaKocka was written only the CRM's value is left to do.
func (k *task) restore(res *mapping.MergeResult, p reading) error {
	w := k.restoring
	if w == nil {
		return nil
	}
	f := w.field
	if !w.checked {
		if err := k.unchangedSince(w, p.contact, p.unreadable); err != nil {
			return err
		}
		w.checked = true
		toHold(&res.Partner, &res.ToPartner, f, w.value, p.contact)
		res.Base.Partner.Set(f, w.value)
	}
	toHold(&res.CRM, &res.ToCRM, f, w.value, *k.st.Contact)
	res.Base.CRM.Set(f, w.value)
	return nil
}

// toHold makes a side hold a value, and writes it where now differs.
func toHold(side *mapping.Contact, writes *[]mapping.Field, f mapping.Field, value string, now mapping.Contact) {
	side.Set(f, value)
	if !mapping.Equal(f, now.Get(f), value) && !slices.Contains(*writes, f) {
		*writes = append(*writes, f)
	}
}

func (k *task) unchangedSince(w *restoration, got mapping.Contact, unreadable mapping.FieldErrors) error {
	f, base := w.field, *k.link.Base
	crm := isOneOf(f, k.st.Contact.Get(f), w.holds, w.value) ||
		mapping.Equal(f, k.st.Contact.Get(f), base.CRM.Get(f)) && mapping.Equal(f, base.Partner.Get(f), w.holds)
	partner := isOneOf(f, got.Get(f), w.holds, w.value) ||
		mapping.Equal(f, got.Get(f), base.Partner.Get(f)) && mapping.Equal(f, base.CRM.Get(f), w.holds)
	switch {
	case k.Policy().For(f).Direction != mapping.DirectionBoth:
		return Errorf(CodeConflict, "the conflict cannot be undone: %s is not synced in both directions any more", f)
	case unreadable.Has(f):
		return Errorf(CodeConflict, "the conflict cannot be undone: the partner's %s cannot be read", f)
	case !crm:
		return Errorf(CodeConflict, "the conflict cannot be undone: the contact's %s was changed since", f)
	case !partner:
		return Errorf(CodeConflict, "the conflict cannot be undone: the partner's %s was changed since", f)
	}
	return nil
}

func isOneOf(f mapping.Field, v string, others ...string) bool {
	return slices.ContainsFunc(others, func(other string) bool { return mapping.Equal(f, v, other) })
}
