package store

import (
	"errors"
	"strconv"
	"strings"

	"github.com/crmmind/mksync/coded"
)

var (
	// ErrContactChanged says that the contact no longer holds what was read; read again.
	ErrContactChanged = coded.Fail("refusal.contact.changed", "contact changed meanwhile")
	// ErrStoreAway says that nothing can be had from the database now, whichever
	// contact is asked for.
	ErrStoreAway = errors.New("the CRM's database is away")
	// ErrTable says that the contacts table cannot be worked with as it is: it lacks what
	// it had, or may not be read. That is about no contact in particular.
	ErrTable = errors.New("the contacts table cannot be worked with")
	// ErrPartnerTaken says that another contact is linked with this partner.
	ErrPartnerTaken = coded.Fail("refusal.partner.taken", "partner is linked with another contact")
)

// ContactRefusedError says that the contacts table did not take a value: a
// missing required column, a constraint, a trigger, a right. Reason names columns,
// constraints and functions, never values.
type ContactRefusedError struct{ Reason coded.Text }

func (e *ContactRefusedError) Error() string { return e.Said().String() }

// Said is the error as a code with parameters.
func (e *ContactRefusedError) Said() coded.Text {
	return coded.Say("refusal.contact.refused", "the CRM refused the contact: {cause}", e.Reason)
}

// HiddenError says that rows of the tables may be hidden from mksync's role: what is not
// seen there may well be there, so nothing can be decided until that ends.
type HiddenError struct {
	Role   string
	Tables []string
}

// Error says what to do, too.
func (e *HiddenError) Error() string { return e.Said().String() }

// Said is the error as a code with parameters.
func (e *HiddenError) Said() coded.Text {
	return coded.Say("refusal.hidden", "row level security of {tables} applies to role {role}, so rows may be hidden from it: run as a superuser ALTER ROLE {quoted} BYPASSRLS, or let the tables' owner run mksync",
		strings.Join(e.Tables, ", "), strconv.Quote(e.Role), `"`+strings.ReplaceAll(e.Role, `"`, `""`)+`"`)
}

// ErrNotOpen says that the conflict or deletion no longer waits for a person.
var ErrNotOpen = coded.Fail("refusal.entry.not_open", "it no longer waits for a decision")

// ErrTooManyJobs says that so many jobs wait that no more are taken.
var ErrTooManyJobs = coded.Fail("refusal.job.many", "too many jobs wait already: try again when some are done")
