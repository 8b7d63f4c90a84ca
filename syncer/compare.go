package syncer

import (
	"errors"
	"slices"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// FindingKind says what a full check found.
type FindingKind string

// The kinds of findings.
const (
	// FindingDiffers: a side differs from what both agreed on.
	FindingDiffers FindingKind = "differs"
	// FindingUnlinked: a contact has no partner, and nothing says why.
	FindingUnlinked FindingKind = "unlinked"
	// FindingContactGone: the contact is not there, and no deletion was seen.
	FindingContactGone FindingKind = "contact_gone"
	// FindingContactBack: a contact that was deleted is there.
	FindingContactBack FindingKind = "contact_back"
	// FindingPartnerGone: MetaKocka does not find the partner any more.
	FindingPartnerGone FindingKind = "partner_gone"
)

// Finding is one link, or one contact without a link, that is not as it should be.
type Finding struct {
	ContactID   string          `json:"contactId"`
	MappingID   string          `json:"mappingId,omitempty"`
	MetaKockaID string          `json:"metakockaId,omitempty"`
	Kind        FindingKind     `json:"kind"`
	Fields      []mapping.Field `json:"fields,omitempty"` // that differ
	// Repaired is set where a repair brought it in order, Waits where it found that a
	// person has to decide; Note says why, or where it stands.
	Repaired bool   `json:"repaired"`
	Waits    bool   `json:"waits"`
	Note     string `json:"note,omitempty"`
	// Said is the note as a code with parameters.
	Said coded.Text `json:"said,omitzero"`
}

// Noted notes why it was not repaired.
func (f *Finding) Noted(t coded.Text) {
	f.Note = t.String()
	f.Said = t
}

// ErrAbsent says that the sweep did not bring the partner, and it was not asked for by id.
var ErrAbsent = errors.New("partner is not in the sweep")

// Judge says what is wrong with a pair; "" where nothing is. partner gives the
// linked partner as it is now, metakocka.ErrNotFound, or ErrAbsent.
func (r *Reconciler) Judge(p store.Pair, partner func(id string) (metakocka.Partner, error)) (f Finding, err error) {
	f = Finding{ContactID: p.ContactID}
	if p.Link != nil {
		f.MappingID = p.Link.ID
		f.MetaKockaID = p.Link.MetaKockaID
	}

	f.Kind = kindWithoutPartner(p)
	if f.Kind != "" || !Paired(p) {
		return f, nil
	}

	got, err := partner(p.Link.MetaKockaID)
	switch {
	case errors.Is(err, metakocka.ErrNotFound):
		f.Kind = FindingPartnerGone
		return f, nil
	case err != nil:
		return f, err
	}

	held := readLinked(got, *p.Link, p.Contact).contact
	if f.Fields = r.moved(p, held); len(f.Fields) > 0 || p.Link.Base == nil {
		f.Kind = FindingDiffers
	}
	return f, nil
}

// kindWithoutPartner is what can be said without looking at the partner.
func kindWithoutPartner(p store.Pair) FindingKind {
	l := p.Link
	switch {
	case p.Contact == nil && l == nil: // the contact was deleted since the pair was first read
	case p.Contact == nil && l.Status.Alive() && p.Deletion == "":
		return FindingContactGone
	case p.Contact != nil && !p.InScope && l != nil && l.MetaKockaID == "" && l.Intent != nil:
		return FindingUnlinked // it was left out while its creation had no answer
	case p.Contact == nil, !p.InScope:
	case l == nil:
		return FindingUnlinked
	case l.Status == store.StatusDeleted, p.Deletion == mapping.SideCRM:
		return FindingContactBack
	case l.MetaKockaID == "" && l.Status == store.StatusPending:
		return FindingUnlinked
	}
	return ""
}

// Paired reports whether the pair has two sides to compare. What is held waits
// for a person.
func Paired(p store.Pair) bool {
	l := p.Link
	return p.Contact != nil && p.InScope && l != nil && l.Status.Alive() && l.Status != store.StatusHeld && l.MetaKockaID != ""
}

// moved are the fields in which a side with a say is not as its base has it. A parked
// field's base stays behind until a person decides.
func (r *Reconciler) moved(p store.Pair, partner mapping.Contact) []mapping.Field {
	l := p.Link
	if l.Base == nil {
		return nil
	}
	base, policy := *l.Base, r.Policy()
	if l.BaseAssumed {
		base = settleAssumed(base, partner)
	}
	var fields []mapping.Field
	for _, f := range mapping.Fields() {
		parked := l.Status == store.StatusConflict && slices.Contains(l.Differing, f)
		d := policy.For(f).Direction
		edited := d.From(mapping.SideCRM) && !mapping.Unedited(f, base.CRM.Get(f), p.Contact.Get(f)) ||
			d.From(mapping.SideMetaKocka) && !mapping.Unedited(f, base.Partner.Get(f), partner.Get(f))
		if edited && !parked {
			fields = append(fields, f)
		}
	}
	return fields
}
