package syncer

import (
	"context"
	"slices"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// What an event brings is often nothing new: both sides hold what they agreed on, and that
// is seen without a call.

// nothingToDo recognises, without a call, an event that brings nothing new:
// above all the echo of our own write.
func (k *task) nothingToDo(ctx context.Context) (bool, error) {
	l := k.link
	quiet := l.Base != nil && l.Intent == nil && len(l.Overrides) == 0 &&
		(l.Status == store.StatusSynced || l.Status == store.StatusPartial)
	if !quiet || !k.stands(*k.st.Contact, l.Base.CRM, from(mapping.SideCRM)) {
		return false, nil
	}
	switch {
	case k.t.Cause == CauseContact:
		return k.partnerAsBase()
	case k.t.Plan != nil && k.st.Observed != nil && k.st.Observed.Hash != "":
		p, err := DecodeSeen(*k.st.Observed)
		if err != nil {
			return false, err
		}
		return k.seenAsExpected(ctx, k.reads(p))
	case k.t.Cause == CausePartner && k.t.Observed != nil:
		return k.seenAsExpected(ctx, k.reads(*k.t.Observed))
	}
	return false, nil
}

// partnerAsBase reports whether the partner is there, as last seen, and as the base has
// it. What happened to it while the filter left the contact out, no event will tell
// again.
func (k *task) partnerAsBase() (bool, error) {
	if k.st.Observed == nil {
		return false, nil
	}
	p, err := DecodeSeen(*k.st.Observed)
	if err != nil {
		return false, err
	}
	got := k.reads(p).contact
	base := *k.link.Base
	if k.link.BaseAssumed {
		base = settleAssumed(base, got)
	}
	return k.stands(got, base.Partner, anyway), nil
}

// stands reports whether a side holds its half of the base, in the fields whose
// direction counts.
func (r *Reconciler) stands(now, base mapping.Contact, counts func(mapping.Direction) bool) bool {
	policy := r.Policy()
	return !slices.ContainsFunc(mapping.Fields(), func(f mapping.Field) bool {
		return counts(policy.For(f).Direction) && !mapping.Unedited(f, base.Get(f), now.Get(f))
	})
}

// from counts the fields that a side has a say in.
func from(s mapping.Side) func(mapping.Direction) bool {
	return func(d mapping.Direction) bool { return d.From(s) }
}

// anyway counts the fields that are synced at all.
func anyway(d mapping.Direction) bool { return d != mapping.DirectionOff }

// seenAsExpected reports whether a poll saw the partner as the base has it. The
// first sight of a partner that was just made also settles what MetaKocka kept.
func (k *task) seenAsExpected(ctx context.Context, p reading) (bool, error) {
	got := p.contact
	base := *k.link.Base
	if k.link.BaseAssumed {
		var err error
		if base, err = k.settleCreated(ctx, base, got); err != nil {
			return false, err
		}
	}
	base.Phone = p.ours.PhonePlace()

	if !k.stands(got, base.Partner, from(mapping.SideMetaKocka)) {
		return false, nil
	}

	was := k.link
	k.link.Base = &base
	k.link.BaseAssumed = false
	status, reason := k.verdict(*k.st.Contact, got, mapping.MergeResult{}, p.unreadable)
	if !was.BaseAssumed && base.Phone == was.Base.Phone && status == was.Status && reason.String() == was.LastError.String() {
		return true, nil
	}
	return true, k.settle(ctx, status, reason, store.Change{})
}

// settleCreated is settleAssumed where something is learned of the installation as
// well: what it does not keep was not agreed on.
func (k *task) settleCreated(ctx context.Context, b mapping.Base, got mapping.Contact) (mapping.Base, error) {
	sent := slices.DeleteFunc(mapping.Fields(), func(f mapping.Field) bool { return b.Partner.Get(f) == "" })
	err := k.learn(ctx, b.Partner, got, sent)
	b = settleAssumed(b, got)
	for _, f := range sent {
		if k.unkept.drops(f) && got.Get(f) == "" {
			b.CRM.Set(f, "")
		}
	}
	return b, err
}

// learn finds out what the installation keeps, from what was sent and what it holds.
func (k *task) learn(ctx context.Context, sent, got mapping.Contact, fields []mapping.Field) error {
	for _, f := range fields {
		if !free(f) || sent.Get(f) == "" {
			continue
		}
		if err := k.unkept.saw(ctx, f, got.Get(f) != ""); err != nil {
			return err
		}
	}
	return nil
}

// settleAssumed takes what MetaKocka evidently did not keep of a creation into
// the base, so that it is not read as an edit.
func settleAssumed(b mapping.Base, got mapping.Contact) mapping.Base {
	for _, f := range mapping.Fields() {
		if mapping.LikelyDropped(f, b.Partner.Get(f), got.Get(f)) {
			b.Partner.Set(f, got.Get(f))
		}
	}
	return b
}
