package syncer

import (
	"context"
	"errors"
	"slices"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// Preview is what a reconcile would do.
type Preview struct {
	ContactID   string        `json:"contactId"`
	MetaKockaID string        `json:"metakockaId,omitempty"`
	Does        string        `json:"does,omitempty"` // empty: nothing
	Said        coded.Text    `json:"said,omitzero"`  // what it does, as a code with parameters
	ToCRM       []FieldChange `json:"toCrm,omitempty"`
	ToMetaKocka []FieldChange `json:"toMetakocka,omitempty"`
}

// will notes what it does.
func (p *Preview) will(does coded.Text) {
	p.Does = does.String()
	p.Said = does
}

// FieldChange is one field that would be written.
type FieldChange struct {
	Field mapping.Field `json:"field"`
	From  string        `json:"from"`
	To    string        `json:"to"`
}

// Preview says what Contact would do now. It reads both sides and writes
// nothing. Errors as Contact.
func (r *Reconciler) Preview(ctx context.Context, contactID string, t Trigger) (Preview, error) {
	return r.previewed(ctx, contactID, t, (*task).preview)
}

// previewed is what look says of a contact.
func (r *Reconciler) previewed(ctx context.Context, contactID string, t Trigger, look func(k *task, ctx context.Context, p *Preview) error) (p Preview, err error) {
	err = r.links.WithContact(ctx, contactID, func(s store.Session) error {
		k := r.task(s, contactID, t)
		if err := k.load(ctx); err != nil {
			return err
		}
		p = Preview{ContactID: contactID, MetaKockaID: k.link.MetaKockaID}
		return look(k, ctx, &p)
	})
	return p, err
}

func (k *task) preview(ctx context.Context, p *Preview) error {
	switch {
	case k.st.Contact == nil:
		if k.st.Link != nil && k.t.Deleted && (k.link.Status.Alive() || k.remakes() && k.cfg.DeletePolicy != PolicyUnlink) {
			p.will(coded.Say("note.does.deleted", "the contact is deleted: {policy} its partner", k.cfg.DeletePolicy))
		}
		return nil
	case !k.st.InScope, k.link.Status == store.StatusUnlinked && !k.remakes():
		return nil
	case k.link.Status == store.StatusDeleted:
		p.will(coded.Say("note.does.back", "the contact is there again: link it"))
		return nil
	case k.link.MetaKockaID == "" || k.link.Status == store.StatusUnlinked:
		return k.previewFirst(ctx, p)
	}
	return k.previewUpdate(ctx, p)
}

func (k *task) previewFirst(ctx context.Context, p *Preview) error {
	if nameless := mapping.Nameless(*k.st.Contact); nameless != nil {
		p.will(coded.Say("note.does.nothing", "nothing: {cause}", coded.Of(nameless)))
		return nil
	}

	seen, err := k.candidatesSeen(ctx)
	if err != nil {
		return err
	}

	denied, err := k.s.Denied(ctx)
	if err != nil {
		return err
	}

	found, held, err := k.lookFor(ctx, store.Rivals{Seen: seen, Not: denied})
	switch {
	case err != nil:
		return err
	case len(held.Candidates) > 0:
		p.will(coded.Say("note.does.hold", "hold it: {cause}", held.Reason()))
	case found != nil:
		p.will(linkIt(found.MKID))
	default:
		p.will(coded.Say("note.does.make", "make its partner"))
	}
	if len(held.Candidates) == 0 && k.Reviews() {
		p.will(coded.Say("note.does.wait", "wait for approval: {cause}", p.Said))
	}
	return nil
}

func (k *task) previewUpdate(ctx context.Context, p *Preview) error {
	partner, err := k.read(ctx)
	switch {
	case errors.Is(err, metakocka.ErrNotFound) && k.remakes():
		return k.previewFirst(ctx, p)
	case errors.Is(err, metakocka.ErrNotFound):
		p.will(coded.Say("note.does.gone", "the partner is gone: {policy} the contact", k.cfg.RemoteDeletePolicy))
		return nil
	case err != nil:
		return AboutAll(err)
	}

	got := partner.contact
	base := k.link.BaseOr(mapping.Base{})
	if k.link.BaseAssumed {
		settled := settleAssumed(*base, got)
		base = &settled
	}

	k.link.Base = base
	k.waited = true // for nothing: it may be asked again
	res, _, err := k.combine(ctx, partner)
	if err != nil {
		return err
	}

	contact := *k.st.Contact
	if k.st.Located {
		contact.Country = "" // in its field
	}
	res, also := mapping.Placed(*k.st.Contact, k.st.Located, res, k.Policy())
	p.ToCRM = changes(append(also, res.ToCRM...), contact, res.CRM)
	p.ToMetaKocka = changes(res.ToPartner, got, res.Partner)
	if len(res.Parked) > 0 {
		p.will(coded.Say("note.does.parked", "leave {fields} to a person", res.Parked))
	}
	return nil
}

func changes(fields []mapping.Field, from, to mapping.Contact) []FieldChange {
	var all []FieldChange
	for _, f := range slices.Compact(slices.Sorted(slices.Values(fields))) {
		all = append(all, FieldChange{f, from.Get(f), to.Get(f)})
	}
	return all
}

// previewLink says what becomes of a link that a person asks for.
func (k *task) previewLink(ctx context.Context, p *Preview) error {
	id := k.said.metakockaID
	switch {
	case k.st.Contact == nil:
		return nil
	case !k.st.InScope:
		return LeftOut(k.id)
	case k.link.Intent != nil && k.open(k.id, k.link.Intent):
		return k.pending()
	case !k.link.Status.Alive() || k.link.MetaKockaID != id:
		partner, err := k.mayLink(ctx, true)
		if err != nil {
			return err
		}
		p.will(linkIt(partner.MKID))
		k.fresh()
		k.link.MetaKockaID = id
		k.link.Base = &mapping.Base{}
	}

	p.MetaKockaID = id
	does := p.Said
	p.Said = coded.Text{}
	if err := k.previewUpdate(ctx, p); err != nil {
		return err
	}
	p.will(does.And(p.Said))
	return nil
}

func linkIt(metakockaID string) coded.Text {
	return coded.Say("note.does.link", "link it with partner {partner}", metakockaID)
}
