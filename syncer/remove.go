package syncer

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// contactGone handles a contact that is not in the table. Only an event that
// says "deleted" makes that a deletion: a TRUNCATE alone applies none
// (invariant 6).
func (k *task) contactGone(ctx context.Context) error {
	if k.t.Deleted && k.st.ByHand {
		if err := k.s.SetLeftOut(ctx, nil, nil); err != nil {
			return err
		}
	}
	if k.st.Link != nil && k.link.Status == store.StatusDeleted && k.t.Deleted && k.remakes() {
		return k.retireAgain(ctx)
	}
	if k.st.Link == nil || !k.link.Status.Alive() || !k.t.Deleted {
		return k.endedBefore(ctx)
	}
	if k.link.MetaKockaID == "" {
		return k.neverMade(ctx)
	}

	// A person decides where too many are deleted at once.
	admitted, err := k.s.AdmitDeletion(ctx, k.link, mapping.SideCRM, k.cfg.MaxDeletes, coded.Text{})
	if err != nil {
		return err
	}
	if !admitted {
		return k.settle(ctx, store.StatusHeld, coded.Say("note.gone.contact", "the contact was deleted; the deletion waits for approval"), store.Change{})
	}
	return k.retired(ctx)
}

// endedBefore handles a contact that is gone where nothing is to be done to a partner. Of one
// that was deleted after its link had ended, what is kept goes now; its former partner, which
// stays in MetaKocka, may be another contact's. Of one that was merged into another, what
// undoing the merge needs stays: the person goes on as that contact.
func (k *task) endedBefore(ctx context.Context) error {
	switch {
	case k.t.Deleted && k.st.Link != nil && !k.link.Status.Alive():
		into, err := k.mergedInto(ctx)
		if err != nil {
			return err
		}
		k.forgetPerson()
		return k.save(ctx, store.Change{ContactGone: true, Erased: k.erases() && into == nil})
	case k.link.MetaKockaID == "":
		return k.links.WakeWaiting(ctx, k.id)
	}
	return nil
}

// retired does what the delete policy says, and only then ends the link. A refusal is
// one like any other: nothing is done before MetaKocka has taken it.
func (k *task) retired(ctx context.Context) error {
	seen, note, err := k.retire(ctx)
	switch {
	case metakocka.IsRefusal(err):
		return k.refused(ctx, err) // the deletion stays admitted: that is how it is known when it is tried again
	case err != nil:
		return err
	}
	k.forgetPerson()
	return k.settle(ctx, store.StatusDeleted, note, store.Change{Observed: seen, Erased: k.erases(), PartnerErased: k.erases()})
}

// erases reports whether nothing of a person whose contact is deleted is to stay.
func (k *task) erases() bool { return k.cfg.DeletePolicy == PolicyAnonymize }

// forgetPerson takes what is of the person out of a link that is to be a tombstone: that
// needs to know who it joined, and nothing that they held.
func (k *task) forgetPerson() {
	k.link.Intent = nil
	k.link.Base = nil
	k.link.BaseAssumed = false
	k.link.Overrides = nil
	k.link.Differing = nil
	k.link.HeldKeys = nil
}

// neverMade ends the link of a contact that was deleted before its partner was
// known; a creation without an answer is looked up first.
func (k *task) neverMade(ctx context.Context) error {
	made, err := k.lookedUp(ctx)
	if err != nil {
		return err
	}
	if made {
		return ErrAgain
	}
	k.forgetPerson()
	return k.settle(ctx, store.StatusDeleted, coded.Text{}, store.Change{Erased: k.erases()})
}

// lookedUp finds out what became of a creation without an answer, of a contact that is
// not to be synced any more, and links the partner that it made.
func (k *task) lookedUp(ctx context.Context) (made bool, err error) {
	in := k.link.Intent
	if in == nil {
		return false, nil
	}

	sent, _ := mapping.FromPartner(in.Partner)
	p, err := k.findIntended(ctx)
	switch {
	case err != nil:
		return false, err
	case p != nil && holds(*p, sent): // else a key is the same only: it may be somebody else's
		base := madeOf(*in)
		k.link.MetaKockaID = p.MKID
		k.link.Intent = nil
		k.link.Base = &base
		k.link.BaseAssumed = true
		k.made(k.intendedWhy(*in), in.CRM, sent)
		return true, k.save(ctx, store.Change{})
	case k.open(k.id, in):
		return false, k.pending()
	}
	k.link.Intent = nil
	return false, nil
}

// retireAgain does what a deletion did once more, to a partner that a restored
// MetaKocka has as it was before; not where it is another contact's by now.
func (k *task) retireAgain(ctx context.Context) error {
	if k.link.MetaKockaID == "" || k.cfg.DeletePolicy == PolicyUnlink {
		return nil
	}
	holders, err := k.links.Holders(ctx, []string{k.link.MetaKockaID})
	if err != nil || holders[k.link.MetaKockaID] != "" {
		return err
	}
	return k.retired(ctx)
}

// retire does to the partner what the delete policy says, and returns how it was seen
// then and what MetaKocka did not take.
func (k *task) retire(ctx context.Context) (seen *store.ObservedPartner, note coded.Text, err error) {
	if k.cfg.DeletePolicy == PolicyUnlink {
		return nil, coded.Text{}, nil
	}
	if in := k.link.Intent; in != nil && k.open(k.id, in) {
		return nil, coded.Text{}, k.pending() // it could bring back what is emptied here
	}
	p, err := k.read(ctx)
	if errors.Is(err, metakocka.ErrNotFound) {
		return nil, coded.Text{}, nil
	}
	if err != nil {
		return nil, coded.Text{}, AboutAll(err)
	}
	written, note, err := k.retireAs(ctx, k.cfg.DeletePolicy, p)
	if err != nil {
		return nil, coded.Text{}, err
	}
	seen, err = written.observed()
	return seen, note, err
}

// retireAs deactivates or anonymizes a partner just read, and returns what
// MetaKocka then holds and what it did not empty. What the partner's flags were is kept
// with the link before they are written.
func (k *task) retireAs(ctx context.Context, policy string, p reading) (written reading, note coded.Text, err error) {
	want := p.asItIs()
	if policy == PolicyAnonymize {
		want = anonymous(p)
	}
	if k.link.Flags == nil {
		k.link.Flags = &store.Flags{Buyer: p.Buyer, Supplier: p.Supplier}
	}
	e := k.entry(mapping.SideMetaKocka, store.ActRetire)
	written, err = k.write(ctx, p, want, nil, map[string]string{"buyer": "false", "supplier": "false"}, e)
	if err != nil || policy == PolicyDeactivate {
		return written, coded.Text{}, err
	}
	return written, leftOver(written.Partner), nil
}

func anonymousName(metakockaID string) string { return "Anonymized " + metakockaID }

// partnerGone handles a partner that MetaKocka no longer finds.
func (k *task) partnerGone(ctx context.Context) error {
	k.link.Intent = nil
	if k.remakes() {
		return k.anew(ctx)
	}

	held, err := k.s.DeletionHeld(ctx, k.link, mapping.SideMetaKocka)
	if err != nil {
		return err
	}
	if held {
		return k.settle(ctx, store.StatusHeld, coded.Say("note.gone.partner", "the partner is gone from MetaKocka, which waits for a person: mksync deletions list"), store.Change{})
	}

	if k.cfg.RemoteDeletePolicy != PolicyDelete {
		return k.unlink(ctx)
	}

	// An edit since they last agreed says that somebody works with the contact.
	if k.link.Base == nil || !k.stands(*k.st.Contact, k.link.Base.CRM, anyway) {
		if err := k.s.VoidDeletion(ctx, k.link, mapping.SideMetaKocka); err != nil {
			return err
		}
		return k.unlink(ctx)
	}

	tables, err := k.s.Referrers(ctx)
	if err != nil {
		return err
	}
	admitted, err := k.s.AdmitDeletion(ctx, k.link, mapping.SideMetaKocka, k.cfg.MaxDeletes, referredTo(tables))
	if err != nil {
		return err
	}
	if !admitted {
		return k.settle(ctx, store.StatusHeld, partnerGoneHeld().And(referredTo(tables)), store.Change{})
	}
	return k.deleteContact(ctx)
}

func partnerGoneHeld() coded.Text {
	return coded.Say("note.gone.partner_approval", "the partner is gone from MetaKocka; deleting the contact waits for approval")
}

// referredTo says why a contact's deletion would take more with it; nothing where it would not.
func referredTo(tables []string) coded.Text {
	if len(tables) == 0 {
		return coded.Text{}
	}
	return coded.Say("note.gone.referred", "rows of {tables} refer to the contact, and the database would delete them with it, cut them off or keep it", strings.Join(tables, ", "))
}

// unlink leaves a contact without the partner that is gone.
func (k *task) unlink(ctx context.Context) error {
	return k.settle(ctx, store.StatusUnlinked,
		coded.Say("note.gone.partner_unlinked", "the partner is gone from MetaKocka; `mksync sync` with this contact's id makes it anew"), store.Change{Gone: k.link.MetaKockaID})
}

// deleteContact deletes the contact of a partner that is gone, unless it was
// edited since it was read, or the database keeps it.
func (k *task) deleteContact(ctx context.Context) error {
	err := k.dropContact(ctx, coded.Say("note.gone.partner_deleted", "the partner is gone from MetaKocka; the contact was deleted"))
	var refused *store.ContactRefusedError
	if errors.As(err, &refused) {
		if err := k.s.RefuseDeletion(ctx, k.link, mapping.SideMetaKocka); err != nil {
			return err
		}
		return k.reject(ctx, coded.Say("note.gone.partner_not_deleted", "the partner is gone from MetaKocka; the contact cannot be deleted: {cause}", refused.Reason))
	}
	return err
}

// dropContact deletes the contact and ends its link, with the reason.
func (k *task) dropContact(ctx context.Context, reason coded.Text) error {
	k.link.Status = store.StatusUnlinked
	k.link.LastError = reason
	saving, cancel := Saving(ctx)
	defer cancel()
	ch := store.Change{Link: k.link, Freed: k.freed()}
	ch.History = append(slices.Clone(k.story.notes), k.entry(mapping.SideCRM, store.ActDelete))
	err := k.s.DeleteContact(saving, &ch)
	k.tell(ch.History, err)
	return err
}

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
	return k.takeBack(ctx, p)
}

// takeBack links a contact with its partner that was retired.
func (k *task) takeBack(ctx context.Context, p reading) (err error) {
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
