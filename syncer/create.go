package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// A creation whose answer was lost leaves its intent: resolve looks the partner
// up before anything is sent again, and reads "not found" as "not made" only
// once the call can no longer take effect.

// create makes the partner of a contact that has none.
func (k *task) create(ctx context.Context) error {
	if err := k.halted(); err != nil {
		return err
	}
	var sent mapping.Partner
	add := func(p mapping.Partner) func() (metakocka.Added, error) {
		return func() (metakocka.Added, error) {
			sent = p
			e := k.entry(mapping.SideMetaKocka, store.ActCreate)
			in := store.Intent{Kind: store.IntentCreate, Partner: p, CRM: k.outgoing(*k.st.Contact), Entry: &e}
			return k.erp.Add(ctx, newPartner(p), k.sending(in).store)
		}
	}

	// Notes and website are not documented: where they are refused, and were not seen to be
	// kept, the rest goes without them.
	p := mapping.NewPartner(mapping.Sendable(k.outgoing(*k.st.Contact), k.link.BaseOr(mapping.Base{}).Partner))

	full, rest := []mapping.Partner{p}, p
	if !k.unkept.keeps(mapping.FieldNotes) {
		rest.Notes = ""
	}
	if !k.unkept.keeps(mapping.FieldWebsite) {
		rest.Website = ""
	}
	if rest != p {
		full = append(full, rest)
	}

	// A country is sent by its usual name, then by its other one.
	var forms []func() (metakocka.Added, error)
	for _, p := range full {
		forms = append(forms, add(p))
		if other := mapping.OtherCountryName(p.Country); other != "" {
			p.Country = other
			forms = append(forms, add(p))
		}
	}

	added, err := inTurn(ctx, k.searches, forms)
	switch {
	case err == nil:
		return k.created(ctx, added.MKID, sent)
	case metakocka.IsRefusal(err):
		return k.refused(ctx, err)
	}
	return k.answered(ctx, err)
}

// outgoing is the contact with the fields that go to MetaKocka.
func (r *Reconciler) outgoing(c mapping.Contact) mapping.Contact {
	return r.carried(mapping.SideCRM, c)
}

// carried is what of a side's values goes to the other, which always needs a name.
func (r *Reconciler) carried(from mapping.Side, c mapping.Contact) mapping.Contact {
	policy := r.Policy()
	for _, f := range mapping.Fields() {
		if f != mapping.FieldName && !policy.For(f).Direction.From(from) {
			c.Set(f, "")
		}
	}
	return c
}

// created stores the link of a partner just made. What MetaKocka kept of it is
// not known yet: add_partner's answer does not say, the next poll will. Until
// then other contacts are matched with what was sent.
func (k *task) created(ctx context.Context, metakockaID string, sent mapping.Partner) error {
	partner, _ := mapping.FromPartner(sent)
	k.refusals.taken()

	k.link.MetaKockaID = metakockaID
	k.link.Intent = nil

	agreed, unsent := k.outgoing(*k.st.Contact), false
	for _, f := range mapping.Fields() { // it was refused with these, and sent without them
		if free(f) && agreed.Get(f) != "" && partner.Get(f) == "" {
			agreed.Set(f, "")
			unsent = true
		}
	}

	k.link.Base = &mapping.Base{CRM: agreed, Partner: partner, Phone: sent.PhonePlace()}
	k.link.BaseAssumed = true
	k.link.PartnerObservedAt = k.now()
	k.made(k.why(mapping.SideMetaKocka), agreed, partner)

	seen, err := Observed(unread(metakockaID, sent))
	if err != nil {
		return fmt.Errorf("store partner %s: %w", metakockaID, err)
	}
	seen.Hash = "" // so that the next poll takes a look

	status, reason := k.verdict(withUnsent(*k.st.Contact, partner), partner, mapping.MergeResult{}, nil)
	if err := k.settle(ctx, status, reason, store.Change{Observed: seen}); err != nil || !unsent {
		return err
	}

	// What refused every write may have ended between the two: an update finds out whether
	// it was the fields. That is one call for each contact that was made like this until it
	// is known, and then none for a day.
	k.bare = true
	return k.update(ctx)
}

// withUnsent is what a partner was made of, with the contact's values that could not
// be sent.
func withUnsent(contact, sent mapping.Contact) mapping.Contact {
	for _, f := range mapping.Fields() {
		if !mapping.Withheld(f, contact.Get(f), sent.Get(f)).IsZero() {
			sent.Set(f, contact.Get(f))
		}
	}
	return sent
}

// resolve finds out what became of a creation without an answer.
func (k *task) resolve(ctx context.Context) error {
	p, err := k.findIntended(ctx)
	if err != nil {
		return err
	}
	in := *k.link.Intent
	switch {
	case p != nil:
		return k.takeMade(ctx, *p, in)
	case k.open(k.id, &in):
		return k.pending()
	}
	k.link.Intent = nil
	k.resent = true
	return k.first(ctx)
}

// takeMade links the contact with the partner that its unanswered creation seems to have
// made. Where another contact took that meanwhile the intent stands: its own may be another.
func (k *task) takeMade(ctx context.Context, p metakocka.Partner, in store.Intent) error {
	sent := in.Creates()
	base := common(p, sent) // found by a key: it may be somebody else's
	if holds(p, sent) {
		k.link.BaseAssumed = true
		base = madeOf(in)
		k.link.MetaKockaID = p.MKID
		k.made(k.intendedWhy(in), in.CRM, sent)
	}

	err := k.take(ctx, p, base)
	if isTaken(err) {
		return ErrAgain
	}
	return err
}

// madeOf is the base of a partner that holds what a creation without an answer sent. The
// contact's values that could not be sent are in it: what the ERP's users enter in their
// place is an edit.
func madeOf(in store.Intent) mapping.Base {
	sent := in.Creates()
	return mapping.Base{CRM: withUnsent(in.CRM, sent.Named()), Partner: sent, Phone: in.Partner.PhonePlace()}
}

// intendedWhy is what led to a creation without an answer.
func (k *task) intendedWhy(in store.Intent) store.Why {
	if in.Entry != nil {
		return in.Entry.Why
	}
	return k.why(mapping.SideMetaKocka)
}

// findIntended looks for the partner that an unanswered creation may have made:
// not another contact's, not there before, not denied by a person, and with the content that was sent,
// or else the contact's by its keys. Where several hold just what was sent, the
// newest is taken: they are alike, and each of their contacts gets one.
func (k *task) findIntended(ctx context.Context) (*metakocka.Partner, error) {
	in := k.link.Intent
	sent := in.Creates()

	found, err := k.search(ctx, append(keyQueries(sent), metakocka.Query{Name: searchable(in.Partner.Customer)}))
	if err != nil {
		return nil, err
	}

	free, err := k.notTaken(ctx, found, in.Seen)
	if err != nil {
		return nil, err
	}
	denied, err := k.s.Denied(ctx)
	if err != nil {
		return nil, err
	}

	// Whatever holds just what was sent goes before what only has a key.
	free = filter(free, func(p metakocka.Partner) bool { return !slices.Contains(denied, p.MKID) })
	if same := filter(free, func(p metakocka.Partner) bool { return holds(p, sent) }); len(same) > 0 {
		return &same[len(same)-1], nil
	}

	made, _ := choose(match.Party{ID: k.id, Is: sent}, free, nil, nil)
	return made, nil
}

// searchable is the part of a name to search by that MetaKocka does not cut off.
func searchable(name string) string {
	r := []rune(name)
	return strings.TrimSpace(string(r[:min(len(r), 90)]))
}

// notTaken drops partners that another contact holds or that were seen up to the
// one with a number.
func (k *task) notTaken(ctx context.Context, partners []metakocka.Partner, number int64) ([]metakocka.Partner, error) {
	if len(partners) == 0 {
		return nil, nil
	}
	var all []string
	for _, p := range partners {
		all = append(all, p.MKID)
	}
	holders, err := k.links.Holders(ctx, all)
	if err != nil {
		return nil, err
	}
	old, err := k.links.SeenBefore(ctx, all, number)
	if err != nil {
		return nil, err
	}
	return filter(partners, func(p metakocka.Partner) bool {
		holder := holders[p.MKID]
		return !old[p.MKID] && (holder == "" || holder == k.id)
	}), nil
}

// holds reports whether the partner holds what was sent, but for what MetaKocka
// does not keep.
func holds(p metakocka.Partner, sent mapping.Contact) bool {
	got := read(p, mapping.Base{}, sent.Phone).contact
	return !slices.ContainsFunc(mapping.Fields(), func(f mapping.Field) bool {
		return !mapping.Equal(f, sent.Get(f), got.Get(f)) && !mapping.LikelyDropped(f, sent.Get(f), got.Get(f))
	})
}

// common is the base of a partner that holds only some of what was sent: both sides held
// that then, so where the contact is another since, it was edited.
func common(p metakocka.Partner, sent mapping.Contact) mapping.Base {
	as := read(p, mapping.Base{}, sent.Phone)
	got := as.contact
	base := mapping.Base{Phone: as.ours.PhonePlace()}
	for _, f := range mapping.Fields() {
		cut := got.Get(f) != "" && mapping.LikelyDropped(f, sent.Get(f), got.Get(f))
		if cut || mapping.Equal(f, sent.Get(f), got.Get(f)) {
			base.CRM.Set(f, sent.Named().Get(f))
			base.Partner.Set(f, got.Get(f))
		}
	}
	return base
}

func isTaken(err error) bool { return errors.Is(err, store.ErrPartnerTaken) }

// filter are those of all that are kept.
func filter[T any](all []T, keep func(T) bool) []T {
	var kept []T
	for _, v := range all {
		if keep(v) {
			kept = append(kept, v)
		}
	}
	return kept
}
