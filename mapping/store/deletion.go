package store

import (
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
)

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
	Side        mapping.Side // where the record was deleted
	Reason      coded.Text
	Status      DeletionStatus
	CreatedAt   time.Time
	ClosedAt    time.Time
	ClosedBy    string
}
