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

	sent := in.Creates()
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
