package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

// A creation whose answer was lost leaves its intent: resolve looks the partner
// up before anything is sent again, and reads "not found" as "not made" only
// once the call can no longer take effect.

// create makes the partner of a contact that has none. Notes and website are
// not documented: refused with them, the partner is made without.
func (k *task) create(ctx context.Context) error {
	p := mapping.NewPartner(k.outgoing(*k.st.Contact))
	err := k.add(ctx, p)
	bare := p
	bare.Notes, bare.Website = "", ""
	if metakocka.IsRefusal(err) && bare != p {
		err = k.add(ctx, bare)
	}
	if metakocka.IsRefusal(err) {
		return k.refusedCreate(ctx, err)
	}
	return err
}

// outgoing is the contact with the fields that go to MetaKocka.
func (r *Reconciler) outgoing(c mapping.Contact) mapping.Contact {
	policy := r.policy()
	for _, f := range mapping.Fields() {
		d := policy.For(f).Direction
		if f != mapping.FieldName && d != mapping.DirectionBoth && d != mapping.DirectionToMetaKocka {
			c.Set(f, "")
		}
	}
	return c
}

// add sends a creation and stores what came of it; a refusal is the caller's.
func (k *task) add(ctx context.Context, p mapping.Partner) error {
	added, err := k.erp.Add(k.sending(ctx, mapping.Intent{Kind: mapping.IntentCreate, Partner: p}), newPartner(p))
	switch {
	case err == nil:
		return k.created(ctx, added.MKID, p)
	case metakocka.IsRefusal(err), metakocka.Uncertain(err):
		return err // the intent stays
	}
	k.link.Intent = nil
	return errors.Join(err, k.save(ctx, mapping.Change{}))
}

// created stores the link of a partner just made. What MetaKocka kept of it is
// not known yet: add_partner's answer does not say, the next poll will. Until
// then other contacts are matched with what was sent.
func (k *task) created(ctx context.Context, metakockaID string, sent mapping.Partner) error {
	partner, _ := mapping.FromPartner(sent)
	k.link.MetaKockaID, k.link.Intent = metakockaID, nil
	k.link.Base, k.link.BaseAssumed = &mapping.Base{CRM: *k.st.Contact, Partner: partner}, true
	k.link.PartnerObservedAt = k.now()
	seen, err := observed(unread(metakockaID, sent))
	if err != nil {
		return fmt.Errorf("store partner %s: %w", metakockaID, err)
	}
	seen.Hash = "" // so that the next poll takes a look
	return k.settle(ctx, mapping.StatusSynced, "", mapping.Change{Observed: seen})
}

// refusedCreate: a refusal means that nothing was made, so the intent ends also
// when the refusal is not about this contact.
func (k *task) refusedCreate(ctx context.Context, refusal error) error {
	err := k.refused(ctx, refusal)
	if k.link.Intent == nil {
		return err
	}
	k.link.Intent = nil
	return errors.Join(err, k.save(ctx, mapping.Change{}))
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
		sent, _ := mapping.FromPartner(in.Partner)
		k.link.BaseAssumed = true
		return k.claim(ctx, *p, mapping.Base{CRM: sent.Named(), Partner: sent})
	case k.open(k.id, &in):
		return k.pending()
	}
	k.link.Intent = nil
	return k.first(ctx)
}

// findIntended looks for the partner that an unanswered creation may have made:
// not another contact's, not there before, and with the content that was sent,
// or else the contact's by its keys. Where several hold just what was sent, the
// newest is taken: they are alike, and each of their contacts gets one.
func (k *task) findIntended(ctx context.Context) (*metakocka.Partner, error) {
	in := k.link.Intent
	sent, _ := mapping.FromPartner(in.Partner)
	found, err := k.search(ctx, append(keyQueries(sent), metakocka.Query{Name: searchable(in.Partner.Customer)}))
	if err != nil {
		return nil, err
	}
	free, err := k.notTaken(ctx, found, in.Seen)
	if err != nil {
		return nil, err
	}
	if same := filter(free, func(p metakocka.Partner) bool { return holds(p, sent) }); len(same) > 0 {
		return &same[len(same)-1], nil
	}
	match, _ := choose(sent, free)
	return match, nil
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
	got, _ := mapping.FromPartner(view(p))
	return !slices.ContainsFunc(mapping.Fields(), func(f mapping.Field) bool {
		return !mapping.Equal(f, sent.Get(f), got.Get(f)) && !mapping.LikelyDropped(f, sent.Get(f), got.Get(f))
	})
}

func isTaken(err error) bool { return errors.Is(err, mapping.ErrPartnerTaken) }
