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
)

// What a merge of both sides comes to: names that go along, the base of what was written,
// the link as it is stored, and the journal.

// nameAlong sends the contact's name to a partner without one where anything else is
// sent: a new entry has to have a name, and one that is made up would come back as an
// edit.
func (k *task) nameAlong(res *mapping.MergeResult, got mapping.Contact) {
	name := res.CRM.Name
	sent := len(res.ToPartner) == 0 || slices.Contains(res.ToPartner, mapping.FieldName)
	if sent || name == "" || got.Name != "" || !k.Policy().For(mapping.FieldName).Direction.From(mapping.SideCRM) {
		return
	}
	res.Partner.Name = name
	res.Base.Partner.Name = name
	res.Base.CRM.Name = name
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

// advance moves the base of the fields just written to what each side now
// holds, also where MetaKocka did not keep a value.
func (k *task) advance(res mapping.MergeResult, was, written reading) {
	got := written.contact
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
	base.CountryGone(was.ours, res.ToPartner, got, k.Policy())
	nameEntry(&base, written, got)
	k.link.Base = &base
}

// nameEntry takes the name of a contact entry that was made for another field into the base.
func nameEntry(base *mapping.Base, p reading, got mapping.Contact) {
	if base.Partner.Name == "" && got.Name != "" && p.ours.ContactName == p.ours.Customer {
		base.Partner.Name = got.Name
	}
}

// finish stores the merged state and writes the contact where it is to change.
func (k *task) finish(ctx context.Context, p reading, res mapping.MergeResult) error {
	seen, err := p.observed()
	if err != nil {
		return fmt.Errorf("store partner %s: %w", p.MKID, err)
	}

	written, decided, heldAt := *k.link.Base, maps.Clone(k.link.Overrides), k.link.PartnerObservedAt

	got := p.contact

	res, also := mapping.Placed(*k.st.Contact, k.st.Located, res, k.Policy())
	var history []store.Entry
	if len(res.ToCRM) > 0 {
		history = append(history, k.writing(mapping.SideCRM, append(slices.Clone(res.ToCRM), also...), got, res.CRM))
	}
	k.link.Base = &res.Base
	k.link.Intent = nil

	if k.stands(got, res.Base.Partner, from(mapping.SideMetaKocka)) {
		k.link.PartnerObservedAt = k.readAt
	}

	status, reason := k.verdict(res.CRM, got, res, p.unreadable)

	for f := range k.link.Overrides {
		if !slices.Contains(res.Parked, f) {
			delete(k.link.Overrides, f)
			k.sent = append(k.sent, f)
		}
	}

	err = k.settle(ctx, status, reason, store.Change{
		Contact: res.CRM, ToCRM: res.ToCRM, Also: also, Observed: seen, Judge: k.judge(res, got, p.unreadable), History: history,
	})

	// The CRM does not take it: the link stays as it was before, and a person decides.
	var refused *store.ContactRefusedError
	if errors.As(err, &refused) {
		k.link.Base = &written
		k.link.Overrides = decided
		k.link.PartnerObservedAt = heldAt
		k.parkRefused()
		return k.reject(ctx, refused.Said())
	}
	return err
}

// parkRefused leaves conflicts to a person that MetaKocka won and whose values the CRM
// does not take: nothing is decided as long as that is so.
func (k *task) parkRefused() {
	for f, c := range k.journal {
		if c.Winner == mapping.SideMetaKocka {
			c.Winner = ""
			c.Status = store.ConflictParked
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
