package mapping

import (
	"context"
	"encoding/json"
	"errors"
	"time"
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
	ID           string    `json:"id,omitzero"`
	ContactID    string    `json:"contactId,omitzero"`
	MetaKockaID  string    `json:"metakockaId,omitzero"` // empty until the partner is known
	Type         string    `json:"type,omitzero"`        // "partner"
	Status       Status    `json:"status,omitzero"`
	LastSyncedAt time.Time `json:"lastSyncedAt,omitzero"` // zero: never
	LastError    string    `json:"lastError,omitzero"`

	// Base is what each side held when they last agreed; nil before that.
	Base *Base `json:"base,omitzero"`
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
	Overrides map[Field]Decision `json:"overrides,omitzero"`
	// Differing are the fields in which the sides knowingly differ.
	Differing []Field `json:"differing,omitzero"`
	// Flags are the partner's as they were before it was retired; nil: it was not, or
	// they are not known.
	Flags *Flags `json:"flags,omitzero"`
	// HeldKeys are the keys of a contact whose match waits for a person. It is looked at
	// again when something changes that has one of them.
	HeldKeys []string `json:"heldKeys,omitzero"`

	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`
	CreatedBy string    `json:"-"`
	UpdatedBy string    `json:"-"`
}

// Decision is a person's, of a parked field: the side whose value both are to hold, and
// the values that it was decided on. It holds for these; nil: for any.
type Decision struct {
	Take    Side    `json:"take"`
	CRM     *string `json:"crm,omitempty"`
	Partner *string `json:"partner,omitempty"`
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
func (d Decision) Holds(f Field, crm, partner string) bool {
	as := func(shown *string, now string) bool { return shown == nil || Equal(f, *shown, now) }
	return as(d.CRM, crm) && as(d.Partner, partner) || Equal(f, crm, partner)
}

// Flags are what a partner is to the ERP; nil where MetaKocka does not show it.
type Flags struct {
	Buyer    *bool `json:"buyer,omitempty"`
	Supplier *bool `json:"supplier,omitempty"`
}

// IntentKind says what a stored intent was about to do.
type IntentKind string

// What an intent may be about.
const (
	IntentCreate IntentKind = "create" // add_partner
	IntentUpdate IntentKind = "update" // update_partner
	IntentRetire IntentKind = "retire" // update_partner, because the contact is gone
)

// Intent is stored before a write to MetaKocka is sent. Until Deadline the write
// may still take effect; only after it may "not found" or "not changed" be read
// as "did not happen".
type Intent struct {
	Kind     IntentKind `json:"kind"`
	SentAt   time.Time  `json:"sent_at"`
	Deadline time.Time  `json:"deadline"`
	SentHere time.Time  `json:"sent_here,omitzero"` // as SentAt, by the clock of the machine that sent it
	Seen     int64      `json:"seen,omitempty"`     // the number of the newest partner that was seen before
	Partner  Partner    `json:"partner"`            // to create; for an update: as it was before

	// Of an update: what is sent for which fields, and the contact it was made of.
	Sent   Partner `json:"sent,omitzero"`
	Fields []Field `json:"fields,omitempty"`
	CRM    Contact `json:"crm,omitzero"`
	// Decided are the conflicts whose losing values the update replaces. They belong in
	// the journal once it has taken effect.
	Decided []ConflictRecord `json:"decided,omitempty"`
}

// State is what a reconcile decides from: the contact and the link, read
// together.
type State struct {
	Contact   *Contact  // nil: the contact does not exist
	NoText    []Field   // whose values are no text; Contact lacks some of their bytes
	InScope   bool      // the configured filter takes the contact
	Replayed  bool      // a replay works on the contact, and nothing else may
	UpdatedAt time.Time // the contact's updated_at; zero where there is none
	Link      *Link     // nil: never seen
	Now       time.Time // the database's clock when they were read
	Snapshot  Snapshot  // the transactions that the read saw
	// PartnersSeen is the number of the newest partner that was seen.
	PartnersSeen int64
	// SweptAt is when the last complete sweep over the partners began; zero:
	// none yet.
	SweptAt time.Time
	// Observed is the linked partner as last seen by a poll; nil: not seen.
	Observed *ObservedPartner
}

// Session works on one contact while no other process does.
type Session interface {
	// Load reads the contact and its link together.
	Load(ctx context.Context) (State, error)
	// Rivals waits until no other process matches a contact with one of the keys,
	// keeps it so until the session ends, and then reads what a first match needs.
	Rivals(ctx context.Context, keys MatchKeys) (Rivals, error)
	// Denied are the partners of which a person said that they are not the contact's.
	Denied(ctx context.Context) ([]string, error)
	// Save stores a change whole or not at all; the contact only when it still
	// holds what Load read. Errors: ErrContactChanged, ErrPartnerTaken,
	// *ContactRefusedError.
	Save(ctx context.Context, ch *Change) error
	// Insert adds the contact, with its link. Errors as Save.
	Insert(ctx context.Context, ch *Change) error
	// DeleteContact removes the contact and stores its link with it. Errors:
	// ErrContactChanged, *ContactRefusedError.
	DeleteContact(ctx context.Context, ch *Change) error
	// AdmitDeletion asks the guard whether the link's deletion on side may be
	// applied; if not, it is held. At most limit are within ten minutes, and none
	// that has a reason to wait for a person.
	AdmitDeletion(ctx context.Context, link Link, side Side, limit int, reason string) (bool, error)
	// Referrers names the tables whose rows refer to the contact by a foreign key, and
	// those that may not be looked into.
	Referrers(ctx context.Context) ([]string, error)
	// DeletionHeld tells whether the link's deletion on side waits for a person.
	DeletionHeld(ctx context.Context, link Link, side Side) (bool, error)
	// VoidDeletion closes a held deletion of what came back on side.
	VoidDeletion(ctx context.Context, link Link, side Side) error

	// Hindrance tells what keeps the contact from being merged into another.
	Hindrance(ctx context.Context, winnerID string) (Hindrance, error)
	// Absorb merges the loser into this session's contact, in one transaction: the
	// winner's fields, the loser's deletion, both links and the merge's record,
	// which gets its id. The loser is a session of the same WithContacts. Errors as
	// DeleteContact.
	Absorb(ctx context.Context, loser Session, m *ContactMerge, ch MergeChange) error
	// Release takes a merge back, likewise. Errors as Save.
	Release(ctx context.Context, loser Session, m *ContactMerge, ch MergeChange) error
}

// MatchKeys are what a contact and a partner find each other by: whoever has none
// in common with another is not compared with it.
type MatchKeys struct {
	Number  string   // digits of the tax number; a placeholder is none
	Emails  []string // canonical
	Persons []string // names, as NameKeys makes them
}

// Names are what contacts with the same keys wait for each other under. Names of
// people are not among them: they never link.
func (k MatchKeys) Names() []string {
	var names []string
	if k.Number != "" {
		names = append(names, "tax "+k.Number)
	}
	for _, e := range k.Emails {
		names = append(names, "email "+e)
	}
	return names
}

// ByName are the keys that propose.
func (k MatchKeys) ByName() []string {
	names := make([]string, len(k.Persons))
	for i, p := range k.Persons {
		names[i] = "name " + p
	}
	return names
}

// All are the keys as a partner is kept with.
func (k MatchKeys) All() []string { return append(k.Names(), k.ByName()...) }

// Rivals are what the first match of a contact has to know of others.
type Rivals struct {
	Unresolved []Link            // links with an intent, whoever's
	Seen       []ObservedPartner // partners as last seen with one of the keys, oldest first
	Not        []string          // partners that a person said are somebody else
}

var (
	// ErrContactChanged says that the contact no longer holds what was read; read again.
	ErrContactChanged = errors.New("contact changed meanwhile")
	// ErrStoreAway says that nothing can be had from the database now, whichever
	// contact is asked for.
	ErrStoreAway = errors.New("the CRM's database is away")
	// ErrTable says that the contacts table cannot be worked with as it is: it lacks what
	// it had, or may not be read. That is about no contact in particular.
	ErrTable = errors.New("the contacts table cannot be worked with")
	// ErrPartnerTaken says that another contact is linked with this partner.
	ErrPartnerTaken = errors.New("partner is linked with another contact")
)

// ContactRefusedError says that the contacts table did not take a value: a
// missing required column, a constraint, a trigger, a right. Reason names columns,
// constraints and functions, never values.
type ContactRefusedError struct{ Reason string }

func (e *ContactRefusedError) Error() string { return "the CRM refused the contact: " + e.Reason }

// Change is everything a reconcile stores, in one transaction.
type Change struct {
	Link      Link
	Contact   Contact          // the values to write for ToCRM
	ToCRM     []Field          // contact fields to write
	Conflicts []ConflictRecord // what was decided or parked
	Observed  *ObservedPartner // the partner as just read, if it was
	Freed     []string         // keys for which others may be held that are not any more
	Lapsed    []Field          // whose decisions do not hold for the values of now
	Gone      string           // a partner that is not there any more; a poll that sees it tells
	Erased    bool             // nothing of the person is to stay in mksync's journals
	Denied    []Answer         // what a person says: these are not one
	ByHand    bool             // a person says that the link's partner is the contact's
	// Judge, where it is set, gives the link its verdict once the contact is written:
	// of what the table made of it.
	Judge func(l *Link, stored Contact)
}

// Answer is a person's: the partner is not the contact's. It is remembered, and nobody is
// asked again.
type Answer struct{ ContactID, MetaKockaID string }

// ConflictStatus says what became of a conflict.
type ConflictStatus string

// The states of a conflict.
const (
	ConflictDecided  ConflictStatus = "decided"  // by its rule
	ConflictParked   ConflictStatus = "parked"   // waits for a person
	ConflictResolved ConflictStatus = "resolved" // by a person
	ConflictUndone   ConflictStatus = "undone"   // the outcome was taken back
)

// ConflictRecord is an entry of the conflict journal.
type ConflictRecord struct {
	ID          int64
	LinkID      string
	ContactID   string
	MetaKockaID string
	Conflict
	Times     Times
	Status    ConflictStatus
	CreatedAt time.Time
	ClosedAt  time.Time
	ClosedBy  string
}

// BaseOr is the link's base, or other where there is no link or no base.
func (l *Link) BaseOr(other Base) *Base {
	if l == nil || l.Base == nil {
		return &other
	}
	return l.Base
}
