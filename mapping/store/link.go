package store

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
)

// Status says where a link stands. The words are stored and shown to users.
type Status string

// The states of a link.
const (
	StatusPending  Status = "pending"  // not brought over yet
	StatusSynced   Status = "synced"   // both sides agree
	StatusError    Status = "error"    // refused; LastError says why
	StatusPartial  Status = "partial"  // some fields could not be brought over
	StatusConflict Status = "conflict" // at least one field waits for a person
	StatusHeld     Status = "held"     // the match or the deletion waits for a person
	StatusDeleted  Status = "deleted"  // tombstone: the contact was deleted
	StatusUnlinked Status = "unlinked" // the partner is gone from MetaKocka
)

// Statuses are all states of a link.
func Statuses() []Status {
	return []Status{
		StatusPending, StatusSynced, StatusError, StatusPartial, StatusConflict, StatusHeld, StatusDeleted, StatusUnlinked,
	}
}

// Alive reports whether the link still joins a contact and a partner.
func (s Status) Alive() bool { return s != StatusDeleted && s != StatusUnlinked }

// Link pairs a contact with a partner: a row of metakocka_contact_mappings. In
// JSON it is what a merge keeps of it.
type Link struct {
	ID           string     `json:"id,omitzero"`
	ContactID    string     `json:"contactId,omitzero"`
	MetaKockaID  string     `json:"metakockaId,omitzero"` // empty until the partner is known
	Type         string     `json:"type,omitzero"`        // "partner"
	Status       Status     `json:"status,omitzero"`
	LastSyncedAt time.Time  `json:"lastSyncedAt,omitzero"` // zero: never
	LastError    coded.Text `json:"-"`                     // see MarshalJSON

	// Base is what each side held when they last agreed; nil before that.
	Base *mapping.Base `json:"base,omitzero"`
	// BaseAssumed: the partner's half of the base is what was sent to
	// MetaKocka, not yet what was read back.
	BaseAssumed bool `json:"baseAssumed,omitzero"`
	// CRMChangedAt is the commit time of the contact's last known change.
	CRMChangedAt time.Time `json:"crmChangedAt,omitzero"`
	// PartnerObservedAt is the last moment at which the partner is known to
	// have held its base, by the database's clock.
	PartnerObservedAt time.Time `json:"partnerObservedAt,omitzero"`
	// Intent is a write whose end is not known yet.
	Intent *Intent `json:"intent,omitzero"`
	// Overrides are a person's decisions for parked fields.
	Overrides map[mapping.Field]Decision `json:"overrides,omitzero"`
	// Differing are the fields in which the sides knowingly differ.
	Differing []mapping.Field `json:"differing,omitzero"`
	// Flags are the partner's as they were before it was retired; nil: it was not, or
	// they are not known.
	Flags *Flags `json:"flags,omitzero"`
	// HeldKeys are the keys of a contact whose match waits for a person. It is looked at
	// again when something changes that has one of them.
	HeldKeys []string `json:"heldKeys,omitzero"`
	// Proposal is what the first match would do, of a contact that waits for a person's
	// approval; nil: it does not.
	Proposal *Proposal `json:"proposal,omitzero"`

	// RetryAt is when a contact that could not be brought over is tried again by itself,
	// by the database's clock; zero: it is not.
	RetryAt time.Time `json:"-"`
	// Retries is how often that was, with the same reason each time.
	Retries int `json:"-"`

	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`
	CreatedBy string    `json:"-"`
	UpdatedBy string    `json:"-"`
}

// lastError is what a link says as it is stored: the words, and what they are made of.
type lastError struct {
	Words string        `json:"lastError,omitzero"`
	Said  *coded.Record `json:"lastErrorSaid,omitzero"`
}

type linkJSON Link // without the methods

// MarshalJSON keeps the words of what the link says, too.
func (l Link) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		linkJSON
		lastError
	}{linkJSON(l), lastError{l.LastError.String(), l.LastError.Record()}})
}

// UnmarshalJSON also reads what an older version stored: the words alone.
func (l *Link) UnmarshalJSON(data []byte) error {
	var said lastError
	err := errors.Join(json.Unmarshal(data, (*linkJSON)(l)), json.Unmarshal(data, &said))
	l.LastError = coded.Stored(said.Words, said.Said)
	return err
}

// Decision is a person's, of a parked field: the side whose value both are to hold, and
// the values that it was decided on. It holds for these; nil: for any.
type Decision struct {
	Take    mapping.Side `json:"take"`
	CRM     *string      `json:"crm,omitempty"`
	Partner *string      `json:"partner,omitempty"`
}

// UnmarshalJSON also reads what an older version stored: the side alone.
func (d *Decision) UnmarshalJSON(data []byte) error {
	type decision Decision
	*d = Decision{}
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &d.Take)
	}
	return json.Unmarshal(data, (*decision)(d))
}

// Holds reports whether the two sides still hold the values that were decided on, or
// agree by now.
func (d Decision) Holds(f mapping.Field, crm, partner string) bool {
	as := func(shown *string, now string) bool { return shown == nil || mapping.Equal(f, *shown, now) }
	return as(d.CRM, crm) && as(d.Partner, partner) || mapping.Equal(f, crm, partner)
}

// Flags are what a partner is to the ERP; nil where MetaKocka does not show it.
type Flags struct {
	Buyer    *bool `json:"buyer,omitempty"`
	Supplier *bool `json:"supplier,omitempty"`
}

// BaseOr is the link's base, or other where there is no link or no base.
func (l *Link) BaseOr(other mapping.Base) *mapping.Base {
	if l == nil || l.Base == nil {
		return &other
	}
	return l.Base
}
