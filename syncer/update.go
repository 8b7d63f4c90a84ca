package syncer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

// maxWrites bounds how often one reconcile writes a partner that an ERP user
// edits at the same time.
const maxWrites = 4

// update merges a linked contact and its partner.
func (k *task) update(ctx context.Context) error {
	if k.link.Status == mapping.StatusHeld {
		if err := k.s.VoidDeletion(ctx, k.link, mapping.SideCRM); err != nil {
			return err
		}
	}
	done, err := k.nothingToDo(ctx)
	if done || err != nil {
		return err
	}
	if err := mapping.Validate(*k.st.Contact).Err(); err != nil {
		return k.reject(ctx, err.Error())
	}
	p, err := k.read(ctx)
	if errors.Is(err, metakocka.ErrNotFound) {
		return k.partnerGone(ctx)
	}
	if err != nil {
		return aboutAll(err)
	}
	if err := k.settleEntry(p); err != nil {
		return err
	}
	return k.merge(ctx, p)
}

// read asks for the partner and remembers when: right before it is written,
// always, so that an edit made in the ERP a moment ago is not lost.
func (k *task) read(ctx context.Context) (metakocka.Partner, error) {
	k.readAt = k.now()
	return k.erp.Get(ctx, k.link.MetaKockaID)
}

// nothingToDo recognises, without a call, an event that brings nothing new:
// above all the echo of our own write.
func (k *task) nothingToDo(ctx context.Context) (bool, error) {
	l := k.link
	quiet := l.Base != nil && l.Intent == nil && len(l.Overrides) == 0 &&
		(l.Status == mapping.StatusSynced || l.Status == mapping.StatusPartial)
	if !quiet || !k.agrees(*k.st.Contact, l.Base.CRM) {
		return false, nil
	}
	switch {
	case k.t.Cause == CauseContact:
		return true, nil
	case k.t.Cause == CausePartner && k.t.Observed != nil:
		return k.seenAsExpected(ctx, *k.t.Observed)
	}
	return false, nil
}

// agrees compares two contacts in the fields that are synced at all.
func (k *task) agrees(a, b mapping.Contact) bool {
	policy := k.policy()
	return !slices.ContainsFunc(mapping.Fields(), func(f mapping.Field) bool {
		return policy.For(f).Direction != mapping.DirectionOff && !mapping.Equal(f, a.Get(f), b.Get(f))
	})
}

// seenAsExpected reports whether a poll saw the partner as the base has it. The
// first sight of a partner that was just made also settles what MetaKocka kept.
func (k *task) seenAsExpected(ctx context.Context, p metakocka.Partner) (bool, error) {
	got, unreadable := mapping.FromPartner(view(p))
	base := *k.link.Base
	if k.link.BaseAssumed {
		base = settleAssumed(base, got)
	}
	if !k.agrees(got, base.Partner) {
		return false, nil
	}
	if !k.link.BaseAssumed {
		return true, nil
	}
	k.link.Base, k.link.BaseAssumed = &base, false
	status, reason := k.verdict(*k.st.Contact, got, mapping.MergeResult{}, unreadable)
	return true, k.settle(ctx, status, reason, mapping.Change{})
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

// merge brings both sides together: MetaKocka is written first, then the
// contact and the link commit together. Cut off in between, the next reconcile
// finds both sides alike and only moves the base.
func (k *task) merge(ctx context.Context, p metakocka.Partner) error {
	for range maxWrites {
		got, unreadable := mapping.FromPartner(view(p))
		if k.link.BaseAssumed {
			base := settleAssumed(*k.link.Base, got)
			k.link.Base, k.link.BaseAssumed = &base, false
		}
		res := mapping.Merge(mapping.MergeInput{
			Base: *k.link.Base, CRM: *k.st.Contact, Partner: got,
			Unreadable: unreadable.Fields(), Times: k.times(p, got), Overrides: k.link.Overrides,
		}, k.policy())
		k.record(res.Conflicts, k.times(p, got))
		want := mapping.ToPartner(res.Partner, view(p), res.ToPartner)
		u, differs := partnerUpdate(p, want)
		if !differs {
			return k.finish(ctx, p, res, unreadable)
		}
		written, err := k.write(ctx, p, u)
		if err != nil {
			return k.writeFailed(ctx, err)
		}
		k.advance(res, written)
		p = written
	}
	return errAgain
}

// write sends an update and returns what MetaKocka then holds.
func (k *task) write(ctx context.Context, p metakocka.Partner, u metakocka.Update) (metakocka.Partner, error) {
	if !u.Repeatable() {
		if err := k.intend(ctx, mapping.IntentEntry, view(p)); err != nil {
			return p, err
		}
	}
	k.readAt = k.now()
	written, err := k.erp.Update(ctx, u)
	if err != nil {
		return p, err
	}
	k.link.Intent = nil
	if again, stands := withMarkers(u, written); stands {
		return k.erp.Update(ctx, again)
	}
	return written, nil
}

func (k *task) writeFailed(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, metakocka.ErrNotFound):
		return k.partnerGone(ctx)
	case metakocka.IsRefusal(err):
		k.link.Intent = nil
		return k.refused(ctx, err)
	}
	return err
}

// settleEntry waits until an update that adds a nested entry, and whose answer
// was lost, can no longer take effect: sent twice it would add two.
func (k *task) settleEntry(p metakocka.Partner) error {
	in := k.link.Intent
	if in == nil || in.Kind != mapping.IntentEntry {
		return nil
	}
	if view(p) == in.Partner && k.now().Before(in.Deadline) {
		return k.pending()
	}
	k.link.Intent = nil
	return nil
}

// advance moves the base of the fields just written to what each side now
// holds, also where MetaKocka did not keep a value.
func (k *task) advance(res mapping.MergeResult, written metakocka.Partner) {
	got, _ := mapping.FromPartner(view(written))
	base := *k.link.Base
	for _, f := range res.ToPartner {
		base.CRM.Set(f, k.st.Contact.Get(f))
		base.Partner.Set(f, got.Get(f))
		delete(k.link.Overrides, f)
	}
	k.link.Base = &base
}

// finish stores the merged state and writes the contact where it is to change.
func (k *task) finish(ctx context.Context, p metakocka.Partner, res mapping.MergeResult, unreadable mapping.FieldErrors) error {
	seen, err := observed(p)
	if err != nil {
		return fmt.Errorf("store partner %s: %w", p.MKID, err)
	}
	k.link.Base, k.link.Intent = &res.Base, nil
	k.link.PartnerObservedAt = k.readAt
	got, _ := mapping.FromPartner(view(p))
	status, reason := k.verdict(res.CRM, got, res, unreadable)
	for f := range k.link.Overrides {
		if !slices.Contains(res.Parked, f) {
			delete(k.link.Overrides, f)
		}
	}
	err = k.settle(ctx, status, reason, mapping.Change{Contact: res.CRM, ToCRM: res.ToCRM, Observed: seen})
	var refused *mapping.ContactRefusedError
	if errors.As(err, &refused) {
		k.link.Base = k.st.Link.BaseOr(*k.link.Base)
		return k.reject(ctx, refused.Error())
	}
	return err
}

// verdict names the fields in which the sides still differ, and the status that
// follows from it.
func (k *task) verdict(crm, partner mapping.Contact, res mapping.MergeResult, unreadable mapping.FieldErrors) (mapping.Status, string) {
	k.link.Differing = nil
	var notes []string
	policy := k.policy()
	for _, f := range mapping.Fields() {
		rule := policy.For(f)
		oneSided := rule.Direction != mapping.DirectionBoth && rule.Direction != mapping.DirectionToMetaKocka ||
			rule.KeepNonEmpty && (crm.Get(f) == "" || partner.Get(f) == "")
		ok, why := mapping.Kept(f, crm.Get(f), partner.Get(f))
		switch {
		case oneSided:
		case slices.Contains(res.Parked, f):
			k.link.Differing = append(k.link.Differing, f)
			notes = append(notes, string(f)+": both sides changed it, a person must decide")
		case unreadable.Has(f), !ok:
			k.link.Differing = append(k.link.Differing, f)
			notes = append(notes, fieldNote(f, why, unreadable))
		}
	}
	switch {
	case len(res.Parked) > 0:
		return mapping.StatusConflict, strings.Join(notes, "; ")
	case len(notes) > 0:
		return mapping.StatusPartial, strings.Join(notes, "; ")
	}
	return mapping.StatusSynced, ""
}

func fieldNote(f mapping.Field, why string, unreadable mapping.FieldErrors) string {
	for _, e := range unreadable {
		if e.Field == f {
			return e.Error()
		}
	}
	return fmt.Sprintf("%s: %s by MetaKocka", f, why)
}

// times tells when each side changed, as closely as is known (see
// mapping.Times). A poll that saw the partner unchanged is the better lower
// bound, one that saw it as it is now the better upper bound.
func (k *task) times(p metakocka.Partner, got mapping.Contact) mapping.Times {
	t := mapping.Times{CRM: k.t.CRMChangedAt, PartnerAfter: k.link.PartnerObservedAt, PartnerBefore: k.now()}
	if k.st.UpdatedAt.After(t.CRM) {
		t.CRM = k.st.UpdatedAt
	}
	seen := k.st.Observed
	var last metakocka.Partner
	if seen == nil || k.link.Base == nil || json.Unmarshal(seen.Data, &last) != nil {
		return t
	}
	lower := seen.ChangedAfter
	switch lastContact, _ := mapping.FromPartner(view(last)); {
	case k.agrees(lastContact, k.link.Base.Partner):
		lower = k.st.SweptAt
	case k.agrees(lastContact, got):
		t.PartnerBefore = seen.ObservedAt
	}
	if lower.After(t.PartnerAfter) && lower.Before(t.PartnerBefore) {
		t.PartnerAfter = lower
	}
	return t
}

// record notes conflicts for the journal, each field once.
func (k *task) record(conflicts []mapping.Conflict, times mapping.Times) {
	for _, c := range conflicts {
		if _, noted := k.journal[c.Field]; noted {
			continue
		}
		status := mapping.ConflictDecided
		if c.Winner == "" {
			status = mapping.ConflictParked
		}
		k.journal[c.Field] = mapping.ConflictRecord{Conflict: c, Times: times, Status: status}
	}
}
