package syncer

import (
	"context"
	"errors"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// A person's answer stands above the first match: these two are one, these two are
// not, the contact or the partner is none of those there are. That two are not one
// is remembered, in the transaction that stores the link, so nobody is asked again.

// says is what a person says of a match.
type says int

const (
	sayLink   says = iota // the partner is the contact's
	sayUnlink             // the contact's partner is not its own
	sayNew                // the contact is none of the partners that it matches
	sayOwn                // the partner is none of the contacts that match it
)

// answer is what a person says of the match of the contact, or of the partner.
type answer struct {
	says        says
	metakockaID string                 // of sayLink
	partner     *metakocka.Partner     // of sayLink, as it was read; nil: not yet
	listed      bool                   // of sayLink: the two are one of many pairs, see TakeOver
	seen        *store.ObservedPartner // of a listed pair, as the last sweep saw it; nil: it has to be asked for
}

// Link links a contact with a partner, as a person says. Take makes one side win in
// every field that differs. Errors as Contact, and a *RequestError that says why not.
func (r *Reconciler) Link(ctx context.Context, contactID, metakockaID string, take Authority, by string) (res Result, err error) {
	err = r.links.WithPartner(ctx, metakockaID, func() error {
		res, err = r.asSaid(ctx, contactID, linkTrigger(take, by), &answer{says: sayLink, metakockaID: metakockaID})
		return err
	})
	return res, err
}

// PreviewLink says what Link would do. Errors as Link.
func (r *Reconciler) PreviewLink(ctx context.Context, contactID, metakockaID string, take Authority) (Preview, error) {
	return r.previewed(ctx, contactID, linkTrigger(take, ""), func(k *task, ctx context.Context, p *Preview) error {
		k.said = &answer{says: sayLink, metakockaID: metakockaID}
		return k.previewLink(ctx, p)
	})
}

func linkTrigger(take Authority, by string) Trigger {
	return Trigger{Cause: CauseRequest, By: by, Authority: take}
}

// Unlink parts a contact from its partner for good: nothing but a person's Link joins the
// two again. Errors as Contact, and a *RequestError that says why not.
func (r *Reconciler) Unlink(ctx context.Context, contactID, by string) (Result, error) {
	return r.asSaid(ctx, contactID, Trigger{Cause: CauseRequest, By: by}, &answer{says: sayUnlink})
}

// New makes a contact a partner of its own, as a person says. Errors as Unlink.
func (r *Reconciler) New(ctx context.Context, contactID, by string) (Result, error) {
	return r.asSaid(ctx, contactID, Trigger{Cause: CauseRequest, By: by}, &answer{says: sayNew})
}

// asSaid reconciles a contact as a person says of its match; nil: nothing.
func (r *Reconciler) asSaid(ctx context.Context, contactID string, t Trigger, said *answer) (Result, error) {
	if said == nil {
		return r.Contact(ctx, contactID, t)
	}
	return r.reconcile(ctx, contactID, t, func(k *task, ctx context.Context) error {
		k.said = said
		if err := k.load(ctx); err != nil {
			return err
		}
		return k.present(ctx, k.answer)
	})
}

// answer does what a person says.
func (k *task) answer(ctx context.Context) error {
	k.link.ContactID = k.id
	made, err := k.lookedUp(ctx)
	if err != nil {
		return err
	}

	linked := k.link.Status.Alive() && k.link.MetaKockaID != ""
	a := k.said

	switch {
	case a.says == sayUnlink:
		return k.unlinkByHand(ctx, linked)
	case a.says == sayOwn && linked:
		return Refuse(CodeConflict, "partner.linked", "partner {partner} is linked with contact {contact}: mksync unlink {contact} first", k.link.MetaKockaID, k.id)
	case a.says == sayOwn:
		return Refuse(CodeUnavailable, "partner.unlinked", "the partner was unlinked just now: ask again")
	case a.says == sayNew && !made && linked:
		return k.partnerFirst()
	case a.says == sayNew && !linked:
		return k.makeOwn(ctx)
	case a.says == sayNew: // its creation had an answer meanwhile
		return k.update(ctx)
	}
	return k.linkByHand(ctx)
}

func (k *task) partnerFirst() error {
	return Refuse(CodeConflict, "contact.linked", "contact {contact} is linked with partner {partner}: mksync unlink {contact} first", k.id, k.link.MetaKockaID)
}

// linkByHand merges the two as a first match does.
func (k *task) linkByHand(ctx context.Context) error {
	if k.link.Status.Alive() && k.link.MetaKockaID == k.said.metakockaID {
		if k.said.listed {
			return nil
		}
		if in := k.link.Intent; in != nil && k.open(k.id, in) {
			return k.pending()
		}
		k.link.Base = k.link.BaseOr(mapping.Base{})
		return k.update(ctx)
	}

	p, err := k.mayLink(ctx, false)
	if err != nil {
		return err
	}
	k.byHand = true
	if k.link.Status == store.StatusDeleted && k.link.MetaKockaID == p.MKID {
		return k.revive(ctx, k.reads(p))
	}

	k.fresh()
	if seen := k.said.seen; seen != nil {
		return k.claimSeen(ctx, *seen)
	}
	return k.claim(ctx, p, mapping.Base{})
}

// mayLink reads the partner that a person named, where nothing stands against the link;
// dry: nothing is to be written.
func (k *task) mayLink(ctx context.Context, dry bool) (p metakocka.Partner, err error) {
	a := k.said
	if k.link.Status.Alive() && k.link.MetaKockaID != "" {
		return p, k.partnerFirst()
	}
	if err := mapping.Nameless(*k.st.Contact); err != nil {
		return p, &RejectError{coded.Of(err)}
	}
	if err := k.unlessParted(ctx); err != nil {
		return p, err
	}
	link, unresolved, err := k.links.LinkOrIntents(ctx, a.metakockaID)
	if err != nil {
		return p, err
	}
	if p, err = k.named(ctx); err != nil {
		return p, err
	}
	if isAnonymous(p) {
		return p, &RejectError{anonymized(p.MKID)}
	}
	for _, l := range unresolved { // it may be what was just made for another contact
		if l.ContactID != k.id && maybeOurs(p, l) {
			return p, &PendingError{ContactID: l.ContactID}
		}
	}
	if link == nil || !link.Status.Alive() {
		return p, nil
	}

	// Whom the filter leaves out gives its partner up.
	given := false
	if !dry {
		given, err = k.given(ctx, a.metakockaID)
	}
	if err == nil && !given {
		err = Refuse(CodeConflict, "partner.linked", "partner {partner} is linked with contact {contact}: mksync unlink {contact} first", a.metakockaID, link.ContactID)
	}
	return p, err
}

// named is the partner that a person named.
func (k *task) named(ctx context.Context) (metakocka.Partner, error) {
	if p := k.said.partner; p != nil {
		return *p, nil
	}
	seen, err := k.listedAsSeen(ctx)
	switch k.said.seen = seen; {
	case err != nil:
		return metakocka.Partner{}, err
	case seen != nil:
		return DecodeSeen(*seen)
	}
	p, err := k.erp.Get(ctx, k.said.metakockaID)
	if errors.Is(err, metakocka.ErrNotFound) {
		return p, Refuse(CodeNotFound, "partner.none_there", "MetaKocka has no partner {partner}", k.said.metakockaID)
	}
	return p, AboutAll(err)
}

// unlinkByHand leaves a contact without its partner, and remembers that they are two.
func (k *task) unlinkByHand(ctx context.Context, linked bool) error {
	switch in := k.link.Intent; {
	case !linked:
		return Refuse(CodeConflict, "contact.without_partner", "contact {contact} is not linked with a partner", k.id)
	case in != nil && k.open(k.id, in):
		return k.pending()
	}

	// Who matches by a key of the partner at this moment ends first, and sees that the
	// partner is taken; whoever comes later sees that it was parted.
	keys, err := k.partnerKeys()
	if err != nil {
		return err
	}
	if _, err := k.s.Rivals(ctx, keys); err != nil {
		return err
	}

	k.denied = []store.Answer{{ContactID: k.id, MetaKockaID: k.link.MetaKockaID, Parted: true}}
	k.forgetPerson()
	return k.settle(ctx, store.StatusUnlinked, unlinkedBy(k.t.By), store.Change{})
}

// partnerKeys are what the linked partner is found by, as it was seen last.
func (k *task) partnerKeys() (mapping.MatchKeys, error) {
	if k.st.Observed == nil {
		return match.Keys(match.Party{Is: k.link.BaseOr(mapping.Base{}).Partner}), nil
	}
	p, err := DecodeSeen(*k.st.Observed)
	return match.Keys(PartnerParty(p)), err
}

func unlinkedBy(name string) coded.Text {
	return coded.Say("note.gone.unlinked", "unlinked by {by}: `mksync link` links the two again, `mksync sync` with this contact's id finds or makes another partner", OrWords(name, "a person"))
}

// makeOwn makes a contact a partner of its own, and remembers that it is none of those
// there are.
func (k *task) makeOwn(ctx context.Context) error {
	if err := mapping.Nameless(*k.st.Contact); err != nil {
		return k.reject(ctx, coded.Of(err))
	}

	k.fresh()

	rivals, err := k.s.Rivals(ctx, match.Keys(k.party()))
	if err != nil {
		return err
	}

	// What they make is a candidate.
	if _, err := k.rivalsSettled(rivals.Unresolved); err != nil {
		return err
	}

	candidates, err := k.candidates(ctx, rivals.Seen)
	if err != nil {
		return err
	}

	for _, p := range candidates {
		if match.Compare(k.party(), PartnerParty(p)).Grade > match.Strangers {
			k.denied = append(k.denied, store.Answer{ContactID: k.id, MetaKockaID: p.MKID})
		}
	}
	return k.create(ctx)
}

// fresh begins the contact's link anew.
func (k *task) fresh() {
	k.link = store.Link{
		ID: k.link.ID, ContactID: k.id, Status: store.StatusPending, UpdatedBy: k.t.By, CRMChangedAt: k.link.CRMChangedAt,
	}
}

// denials say that a partner is none of the contacts that match it.
func denials(partner match.Party, contacts []store.MatchContact) []store.Answer {
	var denied []store.Answer
	for _, c := range contacts {
		if match.Compare(partner, match.Party{ID: c.ID, Is: c.Contact}).Grade > match.Strangers {
			denied = append(denied, store.Answer{ContactID: c.ID, MetaKockaID: partner.ID})
		}
	}
	return denied
}
