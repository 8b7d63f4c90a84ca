package syncer

import (
	"context"
	"slices"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// restoration takes back what a field was given: both sides are to hold the value
// that was replaced. It needs no memory: cut off after MetaKocka was written, the
// next reconcile sees an edit there and carries it to the CRM.
type restoration struct {
	field mapping.Field
	holds string // the outcome: what both sides hold unless they changed since
	value string // what was replaced

	partner string // whose partner's value is taken back; empty: whichever is linked

	checked bool   // both sides were looked at
	refused Reason // why it is left as it is; no code: it is not
}

// restorations are the fields of one contact that are taken back.
type restorations []*restoration

// of is the one of a field; nil: there is none.
func (all restorations) of(f mapping.Field) *restoration {
	i := slices.IndexFunc(all, func(w *restoration) bool { return w.field == f })
	if i < 0 {
		return nil
	}
	return all[i]
}

// Restore takes a conflict's outcome back, as long as neither side has changed
// the field since. Errors as Contact, and a *RequestError that says why not.
func (r *Reconciler) Restore(ctx context.Context, c store.ConflictRecord, by string) (Result, error) {
	holds, value := c.CRM, c.Partner
	if c.Winner == mapping.SideMetaKocka {
		holds, value = value, holds
	}

	wanted := restoration{field: c.Field, holds: holds, value: value, partner: c.MetaKockaID}
	done, res, err := r.restoreAll(ctx, c.ContactID, []restoration{wanted}, Trigger{Cause: CauseUndo, By: by})
	switch {
	case err != nil:
		return res, err
	case done[0].refused.Code != "" && done[0].refused.Code != UndoAlready:
		return res, conflictStands(done[0].refused)
	case !done[0].checked || !res.Status.Alive():
		return res, Refuse(CodeConflict, "conflict.no_undo_mapping", "conflict {conflict} cannot be undone: the mapping is {status}; {cause}", c.ID, res.Status, res.LastError.Or(NotThere))
	}
	return res, nil
}

// NotThere is what is said of a contact that is gone, where its link says nothing.
var NotThere = coded.Say("note.gone.not_there", "the contact is not there")

// restoreAll takes fields of a contact back, and tells what became of each.
func (r *Reconciler) restoreAll(ctx context.Context, contactID string, wanted []restoration, t Trigger) (done []restoration, res Result, err error) {
	done = slices.Clone(wanted)
	res, err = r.reconcile(ctx, contactID, t, func(k *task, ctx context.Context) error {
		k.restoring = nil
		for _, w := range wanted { // anew with each try
			k.restoring = append(k.restoring, &w)
		}
		err := k.load(ctx)
		if err == nil && k.linked() { // nothing is made for the sake of what is taken back
			err = k.present(ctx, k.together)
		}
		for i, w := range k.restoring {
			w.checked = w.checked || done[i].checked
			done[i] = *w
		}
		return err
	})
	return done, res, err
}

// conflictStands says why a conflict's outcome is not taken back.
func conflictStands(why Reason) error {
	switch why.Code {
	case UndoDirection:
		return Refuse(CodeConflict, "conflict.no_undo_direction", "the conflict cannot be undone: {field} is not synced in both directions any more", why.Field)
	case UndoParted:
		return Refuse(CodeConflict, "conflict.no_undo_partner", "the conflict cannot be undone: the contact had another partner then")
	case UndoUnreadable:
		return Refuse(CodeConflict, "conflict.no_undo_unreadable", "the conflict cannot be undone: the partner's {field} cannot be read", why.Field)
	case UndoWithheld:
		return Refuse(CodeConflict, "conflict.no_undo_withheld", "the conflict cannot be undone: the {field} that lost cannot be sent to MetaKocka: it {cause}", why.Field, why.Said)
	}
	whose := "contact"
	if why.Side == mapping.SideMetaKocka {
		whose = "partner"
	}
	return Refuse(CodeConflict, "conflict.no_undo_changed", "the conflict cannot be undone: the {record}'s {field} was changed since", whose, why.Field)
}

// restore adds to what is to be done what takes the fields back. After MetaKocka was
// written only the CRM's values are left to do.
func (k *task) restore(res *mapping.MergeResult, p reading) {
	for _, w := range k.restoring {
		if w.refused.Code != "" {
			continue
		}
		f := w.field
		if !w.checked {
			w.checked = true
			if w.refused = k.hinders(w, p.contact, p.unreadable); w.refused.Code != "" {
				continue
			}
			toHold(&res.Partner, &res.ToPartner, f, w.value, p.contact)
			res.Base.Partner.Set(f, w.value)
		}
		toHold(&res.CRM, &res.ToCRM, f, w.value, *k.st.Contact)
		res.Base.CRM.Set(f, w.value)
	}
}

// toHold makes a side hold a value, and writes it where now differs.
func toHold(side *mapping.Contact, writes *[]mapping.Field, f mapping.Field, value string, now mapping.Contact) {
	side.Set(f, value)
	if !mapping.Equal(f, now.Get(f), value) && !slices.Contains(*writes, f) {
		*writes = append(*writes, f)
	}
}

// hinders says why a field is left as it is; no code: nothing stands against it.
func (k *task) hinders(w *restoration, got mapping.Contact, unreadable mapping.FieldErrors) Reason {
	f, base := w.field, *k.link.BaseOr(mapping.Base{})
	crm := isOneOf(f, k.st.Contact.Get(f), w.holds, w.value) ||
		mapping.Unedited(f, k.st.Contact.Get(f), base.CRM.Get(f)) && mapping.Unedited(f, base.Partner.Get(f), w.holds)
	partner := isOneOf(f, got.Get(f), w.holds, w.value) ||
		mapping.Unedited(f, got.Get(f), base.Partner.Get(f)) && mapping.Unedited(f, base.CRM.Get(f), w.holds)
	withheld := mapping.Unsent(f, w.value, got.Get(f))

	switch {
	case w.partner != "" && w.partner != k.link.MetaKockaID:
		return Reason{Code: UndoParted, Field: f}
	case mapping.Unedited(f, k.st.Contact.Get(f), w.value) && mapping.Unedited(f, got.Get(f), w.value):
		return Reason{Code: UndoAlready, Field: f}
	case k.Policy().For(f).Direction != mapping.DirectionBoth:
		return Reason{Code: UndoDirection, Field: f}
	case unreadable.Has(f):
		return Reason{Code: UndoUnreadable, Field: f}
	case !withheld.IsZero():
		return Reason{Code: UndoWithheld, Field: f, Value: w.value}.Saying(withheld)
	case !crm:
		return Reason{Code: UndoChanged, Field: f, Side: mapping.SideCRM}
	case !partner:
		return Reason{Code: UndoChanged, Field: f, Side: mapping.SideMetaKocka}
	}
	return Reason{}
}

// isOneOf is whether a side holds one of the values as it was: another spelling is an edit.
func isOneOf(f mapping.Field, v string, others ...string) bool {
	return slices.ContainsFunc(others, func(other string) bool { return mapping.Unedited(f, v, other) })
}
