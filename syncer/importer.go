package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// Partner reconciles a partner with its contact. A partner that no link names
// is imported where the configuration or a person asks for it. Errors as
// Contact.
func (r *Reconciler) Partner(ctx context.Context, metakockaID string, t Trigger) (Result, error) {
	return r.partner(ctx, metakockaID, t, nil)
}

// PartnerOfNobody imports a partner that is none of the contacts that match it, as a
// person says. Errors as Contact, and a *RequestError that says why not.
func (r *Reconciler) PartnerOfNobody(ctx context.Context, metakockaID string, t Trigger) (Result, error) {
	return r.partner(ctx, metakockaID, t, &answer{says: sayOwn})
}

// partner reconciles a partner; said is what a person says of it, nil: nothing.
func (r *Reconciler) partner(ctx context.Context, metakockaID string, t Trigger, said *answer) (res Result, err error) {
	defer r.recovered(metakockaID, &err)
	link, unresolved, err := r.links.LinkOrIntents(ctx, metakockaID)
	if err != nil {
		return Result{}, err
	}
	switch {
	case link == nil && t.Missing:
		return Result{MetaKockaID: metakockaID}, nil
	case link == nil:
		return r.unknownPartner(ctx, metakockaID, t, said, unresolved)
	case link.Status.Alive():
		return r.asSaid(ctx, link.ContactID, t, said)
	}
	return r.formerPartner(ctx, *link, t, said)
}

// formerPartner handles a partner that only a tombstone names. One that is there again,
// or is asked for, is linked again; an import brings back whose contact was deleted.
func (r *Reconciler) formerPartner(ctx context.Context, l store.Link, t Trigger, said *answer) (Result, error) {
	asked := t.Cause == CauseRequest
	if l.Status == store.StatusUnlinked && (t.Back || asked) && said == nil {
		t.Back = true
		res, err := r.Contact(ctx, l.ContactID, t)
		if err != nil || !asked || res.LinkID != "" && res.Status.Alive() {
			return res, err
		}
	}
	if !asked {
		return Result{LinkID: l.ID, ContactID: l.ContactID, MetaKockaID: l.MetaKockaID, Status: l.Status}, nil
	}
	return r.importPartner(ctx, l.MetaKockaID, t, said)
}

// unknownPartner decides what to do with a partner that no link names. It may
// be one that we just made and whose link is not stored yet: that has to be
// known first.
func (r *Reconciler) unknownPartner(ctx context.Context, metakockaID string, t Trigger, said *answer, unresolved []store.Link) (Result, error) {
	if t.Observed == nil && len(unresolved) > 0 {
		p, err := r.known(ctx, metakockaID, t.Lane)
		if err != nil {
			return Result{}, err
		}
		t.Observed = &p
	}

	for _, l := range unresolved {
		if !maybeOurs(*t.Observed, l) {
			continue
		}

		if time.Now().After(l.Intent.Deadline) { // no event of the contact may come that finds out
			if _, err := r.lookUp(ctx, l.ContactID, t); err != nil {
				return Result{}, err
			}
		}
		return Result{}, &PendingError{ContactID: l.ContactID, After: time.Second}
	}

	if !r.cfg.AutoImport && t.Cause != CauseRequest {
		return Result{MetaKockaID: metakockaID}, nil
	}
	return r.importPartner(ctx, metakockaID, t, said)
}

// lookUp finds out what became of a creation without an answer, and does nothing else.
func (r *Reconciler) lookUp(ctx context.Context, contactID string, t Trigger) (Result, error) {
	of := Trigger{Cause: CausePartner, Lane: t.Lane, Work: t.Work}
	return r.reconcile(ctx, contactID, of, func(k *task, ctx context.Context) error {
		if err := k.load(ctx); err != nil {
			return err
		}
		return k.leftOut(ctx)
	})
}

// maybeOurs reports whether the partner may be what the link's intent made; its
// name may have been cut.
func maybeOurs(p metakocka.Partner, l store.Link) bool {
	if l.Intent == nil || l.Intent.Kind != store.IntentCreate {
		return false
	}
	sent := l.Intent.Partner.Customer
	return mapping.Equal(mapping.FieldName, p.Customer, sent) || mapping.LikelyDropped(mapping.FieldName, sent, p.Customer)
}

// known reads a partner that must be there.
func (r *Reconciler) known(ctx context.Context, metakockaID string, l metakocka.Lane) (metakocka.Partner, error) {
	p, err := r.lanes(l).Get(ctx, metakockaID)
	if errors.Is(err, metakocka.ErrNotFound) {
		return p, fmt.Errorf("%w: %w", err, &RejectError{coded.Say("refusal.partner.none_there", "MetaKocka has no partner {partner}", metakockaID)})
	}
	return p, AboutAll(err)
}

// importPartner links the partner with the contact that matches it, or makes
// the contact.
func (r *Reconciler) importPartner(ctx context.Context, metakockaID string, t Trigger, said *answer) (res Result, err error) {
	err = r.links.WithPartner(ctx, metakockaID, func() error {
		holders, err := r.links.Holders(ctx, []string{metakockaID})
		if err != nil {
			return err
		}

		if contactID := holders[metakockaID]; contactID != "" {
			res, err = r.asSaid(ctx, contactID, t, said)
			return err
		}

		if t.Plan != nil && t.Observed != nil {
			res, err = r.adoptPlanned(ctx, *t.Observed, t)
			return err
		}

		p, err := r.known(ctx, metakockaID, t.Lane)
		if err != nil {
			return err
		}
		res, err = r.adopt(ctx, p, t, said)
		return err
	})

	if isTaken(err) { // a contact's first match was quicker
		return r.partner(ctx, metakockaID, t, said)
	}
	return res, err
}

// ImportSeen imports a partner as last seen, one of many at once.
func (r *Reconciler) ImportSeen(ctx context.Context, metakockaID string, t Trigger) (Result, error) {
	seen, err := r.links.Observed(ctx, metakockaID)
	if err != nil {
		return Result{}, err
	}
	if seen == nil {
		return Result{}, &RejectError{coded.Say("note.gone.from_metakocka", "partner {partner} is gone from MetaKocka", metakockaID)}
	}
	if seen.Hash != "" {
		p, err := DecodeSeen(*seen)
		if err != nil {
			return Result{}, err
		}
		t.Observed = &p
	}
	return r.Partner(ctx, metakockaID, t)
}

// adoptPlanned does what the first match of all contacts and partners decided.
func (r *Reconciler) adoptPlanned(ctx context.Context, p metakocka.Partner, t Trigger) (Result, error) {
	return r.decided(ctx, p, t.Plan.Partner(match.Partner{Party: match.Party{ID: p.MKID}}), t)
}

// adopt applies the rules of the first match from the partner's side.
func (r *Reconciler) adopt(ctx context.Context, p metakocka.Partner, t Trigger, said *answer) (Result, error) {
	party := PartnerParty(p)
	parted, err := r.links.Parted(ctx, []string{p.MKID})
	if err != nil {
		return Result{}, err
	}
	party.Parted = len(parted) > 0
	found, err := r.links.UnlinkedContacts(ctx, p.MKID, match.Keys(party))
	if err != nil {
		return Result{}, err
	}
	if said != nil { // the partner is none of them
		return r.insert(ctx, p, t, denials(party, found)...)
	}
	slices.SortFunc(found, func(a, b store.MatchContact) int { return strings.Compare(a.ID, b.ID) })
	return r.decided(ctx, p, match.OfPartner(party, found), t)
}

// decided does what the first match decided on a partner that nobody holds.
func (r *Reconciler) decided(ctx context.Context, p metakocka.Partner, d match.Decision, t Trigger) (Result, error) {
	switch d.Verdict {
	case match.VerdictLink:
		return r.joined(ctx, p, d.ContactID, t)
	case match.VerdictCreate:
		return r.insertApproved(ctx, p, t)
	case match.VerdictAmbiguous:
		if d.LeftOut() && t.Cause != CauseRequest { // nobody has anything to decide
			return Result{MetaKockaID: p.MKID}, nil
		}
	case match.VerdictLinked, match.VerdictInvalid, match.VerdictUnlinked:
	}
	return Result{MetaKockaID: p.MKID}, &RejectError{d.Said}
}

// joined lets the first match of a contact find the partner, also where its
// earlier partner is gone.
func (r *Reconciler) joined(ctx context.Context, p metakocka.Partner, contactID string, t Trigger) (Result, error) {
	// With a review, what is asked for names the partner, and does not answer for the match.
	if t.Cause != CauseRequest || r.Reviews() {
		res, err := r.reconcile(ctx, contactID, t, func(k *task, ctx context.Context) error {
			k.found = true
			return k.run(ctx)
		})
		if err != nil || res.MetaKockaID == p.MKID || res.MetaKockaID == "" || !res.Status.Alive() {
			return res, err
		}
		return r.adopt(ctx, p, t, nil) // another partner was the contact's: this one is somebody else
	}

	// A person named this partner, whichever others the contact matches.
	res, err := r.asSaid(ctx, contactID, t, &answer{says: sayLink, metakockaID: p.MKID, partner: &p})
	if err == nil && res.LinkID == "" {
		err = &RejectError{match.LeftOut(p.MKID, contactID)}
	}
	return res, err
}

// insert adds a contact for the partner; contact, link and what a person said of other
// contacts commit together.
func (r *Reconciler) insert(ctx context.Context, p metakocka.Partner, t Trigger, denied ...store.Answer) (res Result, err error) {
	switch {
	case isAnonymous(p) && t.Cause == CauseRequest:
		return Result{MetaKockaID: p.MKID}, &RejectError{anonymized(p.MKID)}
	case isAnonymous(p):
		return Result{MetaKockaID: p.MKID}, nil
	}

	as := read(p, mapping.Base{}, "")
	seen, err := as.observed()
	if err != nil {
		return res, fmt.Errorf("store partner %s: %w", p.MKID, err)
	}
	got, unreadable := as.contact, as.unreadable

	id, err := r.links.NewKey(ctx)
	if err != nil {
		return refusedImport(p.MKID, res, err)
	}
	err = r.links.WithContact(ctx, id, func(s store.Session) error {
		k := r.task(s, id, t)
		if err := k.load(ctx); err != nil {
			return err
		}

		contact := k.importable(got)
		k.link.ContactID = id
		k.link.MetaKockaID = p.MKID
		k.link.Base = &mapping.Base{CRM: contact, Partner: k.carried(mapping.SideMetaKocka, got), Phone: as.ours.PhonePlace()}
		k.link.PartnerObservedAt = k.st.Now
		k.link.LastSyncedAt = k.st.Now
		k.link.Status, k.link.LastError = k.verdict(contact, got, mapping.MergeResult{}, unreadable)

		all := mapping.MergeResult{CRM: contact, ToCRM: mapping.Diff(contact, mapping.Contact{})}
		ch := store.Change{Link: k.link, Contact: contact, Observed: seen, Judge: k.judge(all, got, unreadable), Denied: denied}
		if len(denied) > 0 { // whoever waited for this partner need not
			ch.Freed = seen.Keys.All()
		}
		ch.History = []store.Entry{k.imported(contact, got)}
		if t.Plan != nil { // it is stored as it was seen
			ch.Link.PartnerObservedAt = k.st.SweptAt
			ch.Observed = nil
		}

		saving, cancel := Saving(ctx)
		defer cancel()
		err := s.Insert(saving, &ch)
		k.tell(ch.History, err)
		k.link = ch.Link
		res = k.result()
		return err
	})

	return refusedImport(p.MKID, res, err)
}

// imported is the entry of a contact that is made of a partner.
func (k *task) imported(contact, got mapping.Contact) store.Entry {
	e := k.entry(mapping.SideCRM, store.ActCreate)
	for _, f := range mapping.Fields() {
		if contact.Get(f) != "" || got.Get(f) != "" {
			e.Fields[f] = field(f, mapping.Base{}, mapping.Contact{}, got, store.FieldMade)
		}
	}
	return e
}

// refusedImport makes a refusal of the new contact one of its partner.
func refusedImport(metakockaID string, res Result, err error) (Result, error) {
	var refused *store.ContactRefusedError
	if errors.As(err, &refused) {
		return Result{MetaKockaID: metakockaID}, &RejectError{coded.Say("note.gone.import_refused", "partner {partner}: {cause}", metakockaID, refused.Said())}
	}
	return res, err
}

// anonymized is why a partner is neither imported nor linked.
func anonymized(metakockaID string) coded.Text {
	return coded.Say("note.gone.anonymized", "partner {partner} was anonymized by mksync when its contact was deleted: it names nobody", metakockaID)
}

// importable is the contact that a partner's values make, without the fields
// that do not go to the CRM and what it has no columns for; a name there always is.
func (k *task) importable(got mapping.Contact) mapping.Contact {
	return k.Policy().Held(k.carried(mapping.SideMetaKocka, got.Named()))
}
