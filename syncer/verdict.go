package syncer

import (
	"context"
	"errors"
	"slices"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// What is said of a link whose sides differ.

// judge gives the verdict anew once the contact is written: its table may make
// something else of what it is given, or keep what it had.
func (k *task) judge(res mapping.MergeResult, partner mapping.Contact, unreadable mapping.FieldErrors) func(*store.Link, mapping.Contact) {
	return func(l *store.Link, stored mapping.Contact) {
		spoiled := false
		for _, f := range res.ToCRM {
			if !k.Policy().Agree(f, stored, res.CRM) {
				l.Base.NotKept(f)
				spoiled = true
			}
			res.CRM.Set(f, stored.Get(f))
		}
		if !spoiled {
			return
		}
		k.link.Base = l.Base
		l.Status, l.LastError = k.verdict(res.CRM, partner, res, unreadable)
		l.Differing = k.link.Differing
	}
}

// verdict names the fields in which the sides still differ, and the status that
// follows from it.
func (k *task) verdict(crm, partner mapping.Contact, res mapping.MergeResult, unreadable mapping.FieldErrors) (store.Status, coded.Text) {
	k.link.Differing = nil
	notes := coded.Text{}
	for _, f := range mapping.Fields() {
		if note := k.difference(f, crm, partner, res, unreadable); !note.IsZero() {
			k.link.Differing = append(k.link.Differing, f)
			notes = notes.And(note)
		}
	}
	switch {
	case len(res.Parked) > 0:
		return store.StatusConflict, notes
	case !notes.IsZero():
		return store.StatusPartial, notes
	}
	return store.StatusSynced, coded.Text{}
}

// difference says why the sides differ in a field though they should not.
func (k *task) difference(f mapping.Field, contact, held mapping.Contact, res mapping.MergeResult, unreadable mapping.FieldErrors) coded.Text {
	rule := k.Policy().For(f)
	crm, partner := contact.Get(f), held.Get(f)
	ok := mapping.Equal(f, crm, partner) || k.Policy().Agree(f, contact, held)
	withheld := mapping.Withheld(f, crm, partner)

	switch {
	case rule.Direction == mapping.DirectionOff:
		return coded.Text{}
	case slices.Contains(res.Parked, f):
		return mapping.OfField(f, coded.Say("note.kept.parked", "both sides changed it, a person must decide"))
	case unreadable.Has(f):
		return only(unreadable, f).Said()
	case !ok && k.link.Base != nil && slices.Contains(k.link.Base.Unkept, f):
		return mapping.OfField(f, mapping.NotKept(mapping.SideCRM, f, partner, crm))
	case ok || rule.Direction == mapping.DirectionToCRM || rule.KeepNonEmpty && (crm == "" || partner == ""):
		return coded.Text{}
	case !withheld.IsZero():
		return mapping.OfField(f, withheld)
	case rule.Direction == mapping.DirectionToMetaKocka && !k.lost(f, partner):
		return coded.Text{} // an edit in the ERP, which is not taken
	}
	return mapping.OfField(f, mapping.NotKept(mapping.SideMetaKocka, f, crm, partner))
}

// lost reports whether the partner's value is what MetaKocka made of the CRM's,
// by this reconcile or since it was last sent.
func (k *task) lost(f mapping.Field, partner string) bool {
	was := k.st.Link
	switch {
	case slices.Contains(k.sent, f):
		return true
	case was == nil || was.Base == nil:
		return false
	case was.BaseAssumed:
		return mapping.LikelyDropped(f, was.Base.Partner.Get(f), partner)
	}
	return slices.Contains(was.Differing, f) && mapping.Equal(f, partner, was.Base.Partner.Get(f))
}

// only are the problems of some fields.
func only(errs mapping.FieldErrors, fields ...mapping.Field) mapping.FieldErrors {
	return slices.DeleteFunc(slices.Clone(errs), func(e mapping.FieldError) bool { return !slices.Contains(fields, e.Field) })
}

// unlessNotHeld rejects a contact where the database cannot hold what is to be stored
// with its link: the base, a conflict or an intent would have a value of MetaKocka's that
// does not fit. What nothing can be written down of is not replaced either.
func (k *task) unlessNotHeld(ctx context.Context, err error) error {
	var refused *store.ContactRefusedError
	if !errors.As(err, &refused) {
		return err
	}
	k.replaced = nil
	k.lapsed = nil
	k.denied = nil
	k.byHand = false
	if err := k.load(ctx); err != nil {
		return err
	}
	k.link.ContactID = k.id
	return k.reject(ctx, refused.Said())
}
