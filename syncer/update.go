package syncer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// maxWrites bounds how often one reconcile writes a partner that an ERP user
// edits at the same time.
const maxWrites = 4

// update merges a linked contact and its partner.
func (k *task) update(ctx context.Context) error {
	if k.link.Status == store.StatusHeld {
		if err := k.s.VoidDeletion(ctx, k.link, mapping.SideCRM); err != nil {
			return err
		}
	}
	done, err := k.nothingToDo(ctx)
	if done || err != nil {
		return err
	}
	if err := mapping.Nameless(*k.st.Contact); err != nil {
		return k.reject(ctx, err.Error())
	}
	p, err := k.read(ctx)
	if errors.Is(err, metakocka.ErrNotFound) {
		return k.partnerGone(ctx)
	}
	if err != nil {
		return AboutAll(err)
	}
	stood := k.stood(p)
	if err := k.settleUpdate(ctx, p, stood); err != nil {
		return err
	}
	if p, err = k.unmarkLeft(ctx, p, stood); err != nil {
		return k.writeFailed(ctx, err)
	}
	if k.anonymizedSince(p) {
		return k.takeBack(ctx, p)
	}
	return k.merge(ctx, p)
}

// anonymizedSince is whether mksync itself anonymized the partner after what the link
// knows, as when a database was restored to before its contact was deleted: that is no
// edit made in the ERP.
func (k *task) anonymizedSince(p metakocka.Partner) bool {
	got, _ := k.reads(p)
	return isAnonymous(p) && slices.ContainsFunc(namesOf, func(f mapping.Field) bool {
		return !mapping.Equal(f, got.Get(f), k.link.Base.Partner.Get(f))
	})
}

// read asks for the partner and remembers when: right before it is written,
// always, so that an edit made in the ERP a moment ago is not lost (invariant 5). A
// partner is not found only where it was not found before either (invariant 8).
func (k *task) read(ctx context.Context) (metakocka.Partner, error) {
	k.readAt = k.now()
	p, err := k.erp.Get(ctx, k.link.MetaKockaID)
	switch {
	case err == nil:
		k.absences.found(k.link.MetaKockaID)
	case errors.Is(err, metakocka.ErrNotFound):
		if left := k.absences.missed(k.link.MetaKockaID, k.cfg.Settle); left > 0 {
			return p, &PendingError{ContactID: k.id, After: left, Absent: k.link.MetaKockaID}
		}
	}
	return p, err
}

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
		p, err := decodeSeen(*k.st.Observed)
		if err != nil {
			return false, err
		}
		return k.seenAsExpected(ctx, p)
	case k.t.Cause == CausePartner && k.t.Observed != nil:
		return k.seenAsExpected(ctx, *k.t.Observed)
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
	p, err := decodeSeen(*k.st.Observed)
	if err != nil {
		return false, err
	}
	got, _ := k.reads(p)
	base := *k.link.Base
	if k.link.BaseAssumed {
		base = settleAssumed(base, got)
	}
	return k.stands(got, base.Partner, anyway), nil
}

// stands reports whether a side holds its half of the base, in the fields whose
// direction counts.
func (r *Reconciler) stands(now, base mapping.Contact, counts func(mapping.Direction) bool) bool {
	policy := r.policy()
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
func (k *task) seenAsExpected(ctx context.Context, p metakocka.Partner) (bool, error) {
	shown := k.shown(p)
	got, unreadable := mapping.FromPartner(shown)
	base := *k.link.Base
	if k.link.BaseAssumed {
		var err error
		if base, err = k.settleCreated(ctx, base, got); err != nil {
			return false, err
		}
	}
	base.Phone = shown.PhonePlace()
	if !k.stands(got, base.Partner, from(mapping.SideMetaKocka)) {
		return false, nil
	}
	was := k.link
	k.link.Base, k.link.BaseAssumed = &base, false
	status, reason := k.verdict(*k.st.Contact, got, mapping.MergeResult{}, unreadable)
	if !was.BaseAssumed && base.Phone == was.Base.Phone && status == was.Status && reason == was.LastError {
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

// merge brings both sides together: MetaKocka is written first, then the
// contact and the link commit together. Cut off in between, the next reconcile
// finds both sides alike and only moves the base.
func (k *task) merge(ctx context.Context, p metakocka.Partner) error {
	for range maxWrites {
		shown := k.shown(p)
		got, unreadable := mapping.FromPartner(shown)
		base := *k.link.Base
		if k.link.BaseAssumed {
			var err error
			if base, err = k.settleCreated(ctx, base, got); err != nil {
				return err
			}
		}
		base.Phone = shown.PhonePlace()
		k.link.Base, k.link.BaseAssumed = &base, false
		res, times, err := k.combine(ctx, got, unreadable)
		if err != nil {
			return err
		}
		conflicts := res.Conflicts
		if err := k.restore(&res, got, unreadable); err != nil {
			return err
		}
		k.record(conflicts, times)
		k.nameAlong(&res, got)
		k.nameOver(&res, shown)
		want := mapping.ToPartner(res.Partner, shown, res.ToPartner)
		_, differs := partnerUpdate(p, want)
		switch {
		case !differs && len(res.ToPartner) == 0:
			return k.finish(ctx, p, res, unreadable)
		case !differs: // MetaKocka keeps what it has: an address that the contact shows less of
			k.advance(res, p)
			continue
		}
		written, err := k.write(ctx, p, want, k.intended(res.ToPartner), nil)
		if err != nil {
			return k.writeFailed(ctx, err)
		}
		if err := k.learn(ctx, res.Partner, ContactOf(written), res.ToPartner); err != nil {
			return err
		}
		k.advance(res, written)
		p = written
	}
	return ErrAgain
}

// nameAlong sends the contact's name to a partner without one where anything else is
// sent: a new entry has to have a name, and one that is made up would come back as an
// edit.
func (k *task) nameAlong(res *mapping.MergeResult, got mapping.Contact) {
	name := res.CRM.Name
	sent := len(res.ToPartner) == 0 || slices.Contains(res.ToPartner, mapping.FieldName)
	if sent || name == "" || got.Name != "" || !k.policy().For(mapping.FieldName).Direction.From(mapping.SideCRM) {
		return
	}
	res.Partner.Name, res.Base.Partner.Name, res.Base.CRM.Name = name, name, name
	res.ToPartner = append(res.ToPartner, mapping.FieldName)
}

// nameOver notes whose name goes where a person becomes a company: the contact entry,
// which may have named somebody else, then holds the contact's name.
func (k *task) nameOver(res *mapping.MergeResult, had mapping.Partner) {
	name, other := res.Partner.Name, had.ContactName
	turns := slices.Contains(res.ToPartner, mapping.FieldCompanyName) && res.Partner.CompanyName != "" && !had.BusinessEntity
	if !turns || strings.TrimSpace(other) == "" || mapping.Equal(mapping.FieldName, other, had.Customer) || mapping.Equal(mapping.FieldName, other, name) {
		return
	}
	k.record([]mapping.Conflict{{
		Field: mapping.FieldName, BaseCRM: k.link.Base.CRM.Name, BasePartner: k.link.Base.Partner.Name,
		CRM: res.CRM.Name, Partner: other, Rule: mapping.RuleCRM, Winner: mapping.SideCRM,
	}}, nil)
	if !slices.Contains(res.ToPartner, mapping.FieldName) && !slices.Contains(res.ToCRM, mapping.FieldName) {
		res.ToPartner = append(res.ToPartner, mapping.FieldName)
	}
}

// intended are the fields of a write whose base may move when it turns out that it took
// effect: not the one whose outcome is taken back, in which the CRM has yet to follow.
func (k *task) intended(fields []mapping.Field) []mapping.Field {
	if k.restoring == nil {
		return fields
	}
	return slices.DeleteFunc(slices.Clone(fields), func(f mapping.Field) bool { return f == k.restoring.field })
}

// combine merges the contact and the partner. When the sides changed is looked up for
// the fields in which they conflict.
func (k *task) combine(ctx context.Context, got mapping.Contact, unreadable mapping.FieldErrors) (mapping.MergeResult, map[mapping.Field]mapping.Times, error) {
	in := mapping.MergeInput{
		Base: *k.link.Base, CRM: *k.st.Contact, Partner: got, Unreadable: unreadable.Fields(), Overrides: k.overrides(got),
	}
	res := mapping.Merge(in, k.mergePolicy())
	if len(res.Conflicts) == 0 || k.t.Plan != nil && k.link.LastSyncedAt.IsZero() { // of the first match of all, nobody can tell
		return res, nil, nil
	}
	var err error
	if in.Times, err = k.times(ctx, got, res.Conflicts); err != nil {
		return res, nil, err
	}
	return mapping.Merge(in, k.mergePolicy()), in.Times, nil
}

func (k *task) writeFailed(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, metakocka.ErrNotFound):
		return ErrAgain // it was read just now
	case metakocka.IsRefusal(err):
		return k.refused(ctx, err)
	}
	return err
}

// advance moves the base of the fields just written to what each side now
// holds, also where MetaKocka did not keep a value.
func (k *task) advance(res mapping.MergeResult, written metakocka.Partner) {
	got, _ := k.reads(written)
	base := *k.link.Base
	for _, f := range res.ToPartner {
		if k.unkept.drops(f) {
			continue // it was not agreed on
		}
		base.CRM.Set(f, k.st.Contact.Get(f))
		base.Partner.Set(f, got.Get(f))
		delete(k.link.Overrides, f)
		k.sent = append(k.sent, f)
	}
	nameEntry(&base, written, got)
	k.link.Base = &base
}

// nameEntry takes the name of a contact entry that was made for another field into the base.
func nameEntry(base *mapping.Base, p metakocka.Partner, got mapping.Contact) {
	if base.Partner.Name == "" && got.Name != "" && view(p).ContactName == view(p).Customer {
		base.Partner.Name = got.Name
	}
}

// finish stores the merged state and writes the contact where it is to change.
func (k *task) finish(ctx context.Context, p metakocka.Partner, res mapping.MergeResult, unreadable mapping.FieldErrors) error {
	seen, err := Observed(p)
	if err != nil {
		return fmt.Errorf("store partner %s: %w", p.MKID, err)
	}
	written, decided, heldAt := *k.link.Base, maps.Clone(k.link.Overrides), k.link.PartnerObservedAt
	got, _ := k.reads(p)
	k.link.Base, k.link.Intent = &res.Base, nil
	if k.stands(got, res.Base.Partner, from(mapping.SideMetaKocka)) {
		k.link.PartnerObservedAt = k.readAt
	}
	status, reason := k.verdict(res.CRM, got, res, unreadable)
	for f := range k.link.Overrides {
		if !slices.Contains(res.Parked, f) {
			delete(k.link.Overrides, f)
			k.sent = append(k.sent, f)
		}
	}
	contact, also := k.placed(res)
	err = k.settle(ctx, status, reason, store.Change{
		Contact: contact, ToCRM: res.ToCRM, Also: also, Observed: seen, Judge: k.judge(res, got, unreadable),
	})
	var refused *store.ContactRefusedError
	if errors.As(err, &refused) {
		k.link.Base, k.link.Overrides, k.link.PartnerObservedAt = &written, decided, heldAt
		k.parkRefused()
		return k.reject(ctx, refused.Error())
	}
	return err
}

// placed is the contact as it is written; a field besides only where its direction and
// what waits for a person let it be written. A country that the contact's address told
// is its own.
func (k *task) placed(res mapping.MergeResult) (mapping.Contact, []mapping.Field) {
	contact, also := mapping.Placed(*k.st.Contact, k.st.Located, res.CRM, res.ToCRM)
	may := k.policy().For(mapping.FieldAddress).Direction.From(mapping.SideMetaKocka) && !slices.Contains(res.Parked, mapping.FieldAddress)
	if slices.Contains(also, mapping.FieldAddress) && !may {
		return res.CRM, nil
	}
	return contact, also
}

// parkRefused leaves conflicts to a person that MetaKocka won and whose values the CRM
// does not take: nothing is decided as long as that is so.
func (k *task) parkRefused() {
	for f, c := range k.journal {
		if c.Winner == mapping.SideMetaKocka {
			c.Winner, c.Status = "", store.ConflictParked
			k.journal[f] = c
		}
	}
}

// record notes conflicts for the journal, each field once.
func (k *task) record(conflicts []mapping.Conflict, times map[mapping.Field]mapping.Times) {
	for _, c := range conflicts {
		if _, noted := k.journal[c.Field]; noted {
			continue
		}
		status := store.ConflictDecided
		if c.Winner == "" {
			status = store.ConflictParked
		}
		k.journal[c.Field] = store.ConflictRecord{Conflict: c, Times: times[c.Field], Status: status}
	}
}
