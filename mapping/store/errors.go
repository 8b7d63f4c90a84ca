package store

import (
	"errors"
	"fmt"
	"strings"
)

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

// HiddenError says that rows of the tables may be hidden from mksync's role: what is not
// seen there may well be there, so nothing can be decided until that ends.
type HiddenError struct {
	Role   string
	Tables []string
}

// Error says what to do, too.
func (e *HiddenError) Error() string {
	return fmt.Sprintf("row level security of %s applies to role %q, so rows may be hidden from it: run as a superuser ALTER ROLE %s BYPASSRLS, or let the tables' owner run mksync",
		strings.Join(e.Tables, ", "), e.Role, `"`+strings.ReplaceAll(e.Role, `"`, `""`)+`"`)
}

// ErrNotOpen says that the conflict or deletion no longer waits for a person.
var ErrNotOpen = errors.New("it no longer waits for a decision")

// ErrTooManyJobs says that so many jobs wait that no more are taken.
var ErrTooManyJobs = errors.New("too many jobs wait already: try again when some are done")
