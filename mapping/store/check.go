package store

import (
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
)

// Pair is a contact and its link as a full check sees them. Read again, neither may
// be there any more.
type Pair struct {
	ContactID string
	Contact   *mapping.Contact // nil: not in the table
	InScope   bool             // it is synced: the filter takes it, and no person leaves it out
	LeftOut   *LeftOut         // nil: no person leaves it out
	Link      *Link            // nil: never linked
	// Deletion is the side of the link's deletion that waits for a person; "": none.
	Deletion mapping.Side
}

// CheckState is what is remembered of full checks. Times are by the database's
// clock.
type CheckState struct {
	Since           time.Time  `json:"since"` // checks are due from here on
	At              time.Time  `json:"at"`    // when the last complete check began
	DurationSeconds float64    `json:"duration"`
	Links           int        `json:"links"`     // looked at
	Differing       int        `json:"differing"` // found and not repaired
	Error           string     `json:"error,omitempty"`
	Reason          coded.Text `json:"reason,omitzero"` // the error, as a code with parameters
	// FailedAt is when the last check failed; zero: it did not. None is made by
	// itself for RestSeconds from then on.
	FailedAt    time.Time `json:"failedAt,omitzero"`
	RestSeconds float64   `json:"rest,omitempty"`
	// Recovered is the listener's snapshot after which everything was checked.
	Recovered string `json:"recovered,omitempty"`
	// Layout is the contacts table's partitions since whose change everything was
	// checked.
	Layout string `json:"layout,omitempty"`
	// ForgotAt is when what is old was last forgotten.
	ForgotAt time.Time `json:"forgotAt,omitzero"`
	// Terms are on what the contacts are synced: columns, filter, directions.
	Terms string `json:"terms,omitempty"`
}

// Rests tells whether the last check failed so lately that none is made by itself.
// A failure in the future is one of before the clock was put back.
func (c CheckState) Rests(now time.Time) bool {
	rest := time.Duration(c.RestSeconds * float64(time.Second))
	return !now.Before(c.FailedAt) && now.Before(c.FailedAt.Add(rest))
}

// CheckStateKey is where a CheckState is remembered.
const CheckStateKey = "check"
