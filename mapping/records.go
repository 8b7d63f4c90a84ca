package mapping

import (
	"errors"
	"time"
)

// ErrNotOpen says that the conflict or deletion no longer waits for a person.
var ErrNotOpen = errors.New("it no longer waits for a decision")

// DeletionStatus says what becomes of a deletion.
type DeletionStatus string

// The states of a deletion.
const (
	DeletionApplied  DeletionStatus = "applied"
	DeletionHeld     DeletionStatus = "held"     // waits for a person
	DeletionApproved DeletionStatus = "approved" // to be applied by the next reconcile
	DeletionRejected DeletionStatus = "rejected" // by a person
	DeletionVoid     DeletionStatus = "void"     // what was deleted came back
)

// Open reports whether a person may still decide.
func (s DeletionStatus) Open() bool { return s == DeletionHeld || s == DeletionApproved }

// DeletionRecord is an entry of the deletion journal.
type DeletionRecord struct {
	ID          int64
	LinkID      string
	ContactID   string
	MetaKockaID string
	Side        Side // where the record was deleted
	Reason      string
	Status      DeletionStatus
	CreatedAt   time.Time
	ClosedAt    time.Time
	ClosedBy    string
}

// RecordQuery chooses entries of a journal, oldest first.
type RecordQuery struct {
	// Of is the entry's own id, or its link's, contact's or partner's; empty: all.
	Of    string
	Open  bool  // only those that wait for a person
	After int64 // own id: keyset paging
	Limit int   // 0: no limit
}

// LinkQuery chooses links; empty fields choose all.
type LinkQuery struct {
	ID          string
	ContactID   string
	MetaKockaID string
	Status      Status
	After       string // contact id: keyset paging
	Limit       int    // 0: no limit
}

// PartnerQuery chooses partners as last seen.
type PartnerQuery struct {
	Unsynced bool   // only those that no contact is linked with
	After    string // partner id: keyset paging
	Limit    int    // 0: no limit
}

// ListedPartner is a partner as last seen, with the link that names it: the
// living one, else the newest tombstone, else none.
type ListedPartner struct {
	MetaKockaID, Name, TaxNumber, Email string
	FirstSeenAt, ObservedAt             time.Time
	LinkID, ContactID                   string
	LinkStatus                          Status
}

// OrphanKind says what a link has lost.
type OrphanKind string

// The kinds of orphans.
const (
	// OrphanContactGone: the contact is gone, and no deletion was seen. Pruning
	// holds the deletion for a person.
	OrphanContactGone OrphanKind = "contact_gone"
	// OrphanPartnerGone: the last poll did not find the partner. Pruning leaves
	// it: the next reconcile of the contact settles it.
	OrphanPartnerGone OrphanKind = "partner_gone"
	// OrphanBothGone: a tombstone that guards nothing, for contact and partner
	// are both gone. Pruning removes it.
	OrphanBothGone OrphanKind = "both_gone"
)

// Orphan is a link that has lost a side.
type Orphan struct {
	LinkID, ContactID, MetaKockaID string
	Status                         Status
	Kind                           OrphanKind
}
