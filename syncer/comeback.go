package syncer

import (
	"context"
	"errors"
	"slices"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// unlinked handles a contact whose partner is gone. A partner that is there again is
// linked again. Only a person's request makes it anew, or a replay for which the CRM is
// right; and a new partner that matches the contact takes its place. Where a person
// unlinked the two, they stay apart, and only what is asked for finds another partner.
func (k *task) unlinked(ctx context.Context) error {
	asked := k.t.Cause == CauseRequest || k.found
	if !k.t.Back && !k.remakes() && !asked {
		return nil
	}
	denied, err := k.s.Denied(ctx)
	if err != nil {
		return err
	}
	byHand := slices.Contains(denied, k.link.MetaKockaID)
	if !byHand {
		if again, err := k.again(ctx); again || err != nil {
			return err
		}
	}
	if k.t.Back || byHand && !asked {
		return nil
	}
	return k.anew(ctx)
}

// again links the contact with the partner that it had, where that is there once more
// and nobody has it.
func (k *task) again(ctx context.Context) (bool, error) {
	id := k.link.MetaKockaID
	if id == "" {
		return false, nil
	}
	holders, err := k.links.Holders(ctx, []string{id})
	if err != nil || holders[id] != "" {
		return false, err
	}
	p, err := k.erp.Get(ctx, id)
	switch {
	case errors.Is(err, metakocka.ErrNotFound):
		return false, nil
	case err != nil:
		return false, AboutAll(err)
	}
	return true, k.claim(ctx, p, *k.link.BaseOr(mapping.Base{}))
}

func (k *task) remakes() bool { return k.t.Authority == AuthorityCRM && k.said == nil }

func (k *task) anew(ctx context.Context) error {
	k.link = store.Link{ID: k.link.ID, ContactID: k.id, Status: store.StatusPending, UpdatedBy: k.t.By}
	return k.first(ctx)
}

// comeBack links a contact again that was deleted and is there once more. The
// contact's values win; what only the partner has is kept.
func (k *task) comeBack(ctx context.Context) error {
	if k.link.MetaKockaID == "" {
		k.link.Status = store.StatusPending
		return k.first(ctx)
	}

	holders, err := k.links.Holders(ctx, []string{k.link.MetaKockaID})
	if err != nil {
		return err
	}

	var p reading
	if holder := holders[k.link.MetaKockaID]; holder == "" || holder == k.id { // its own, where the retiring has no answer
		p, err = k.read(ctx)
	}

	if p.MKID == "" && err == nil || errors.Is(err, metakocka.ErrNotFound) { // another contact's by now, or gone
		k.link.MetaKockaID = ""
		k.link.Base = nil
		k.link.Status = store.StatusPending
		return k.first(ctx)
	}
	if err != nil {
		return AboutAll(err)
	}

	if p, err = k.unmarkLeft(ctx, p, k.stood(p)); err != nil {
		return k.writeFailed(ctx, err)
	}
	return k.revive(ctx, p)
}

// revive links a contact with its partner that was retired.
func (k *task) revive(ctx context.Context, p reading) (err error) {
	if flags := k.flagsBefore(p.Partner); flags != nil {
		e := k.entry(mapping.SideMetaKocka, store.ActRevive)
		if p, err = k.write(ctx, p, p.asItIs(), nil, flags, e); err != nil {
			return k.writeFailed(ctx, err)
		}
	}
	k.link.Flags = nil
	return k.claim(ctx, p.Partner, k.returning(p))
}

// flagsBefore are the flags that a partner gets back whose contact is there again; nil:
// they stand. A tombstone of an older version does not know them: such a partner is one
// of mksync's, a buyer, unless MetaKocka shows that it was not retired.
func (k *task) flagsBefore(p metakocka.Partner) map[string]string {
	set := func(flag *bool) bool { return flag != nil && *flag }
	switch {
	case k.link.Flags != nil:
		return formerFlags(k.link.Flags.Buyer, k.link.Flags.Supplier)
	case k.cfg.DeletePolicy == PolicyUnlink && !isAnonymous(p) || set(p.Buyer) || set(p.Supplier):
		return nil
	}
	return formerFlags(nil, nil)
}

// returning is the base for a contact that came back: the partner counts as
// unchanged where the contact has a value that goes there, or where it was anonymized.
func (k *task) returning(p reading) mapping.Base {
	c, base := k.outgoing(*k.st.Contact), mapping.Base{Partner: p.contact, Phone: p.ours.PhonePlace()}
	for _, f := range mapping.Fields() {
		if c.Get(f) == "" && (!isAnonymous(p.Partner) || !slices.Contains(namesOf, f)) {
			base.Partner.Set(f, "")
		}
	}
	return base
}

// namesOf are the fields that hold placeholders in an anonymized partner.
var namesOf = []mapping.Field{mapping.FieldName, mapping.FieldCompanyName}
