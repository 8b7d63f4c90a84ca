package store

import (
	"time"

	"github.com/crmmind/mksync/mapping"
)

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
	MetaKockaID string // of the partner that it is about
	mapping.Conflict
	Times     mapping.Times
	Status    ConflictStatus
	CreatedAt time.Time
	ClosedAt  time.Time
	ClosedBy  string
}
