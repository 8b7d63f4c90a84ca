package syncer

import (
	"errors"
	"fmt"
	"time"

	"github.com/crmmind/mksync/metakocka"
)

// RejectError says that this one contact or partner cannot be brought over as
// it is; Reason is for a person, in MetaKocka's words where they are MetaKocka's.
type RejectError struct{ Reason string }

func (e *RejectError) Error() string { return e.Reason }

// PausedError says that MetaKocka refuses calls that are about no record in
// particular: a wrong key, a licence, maintenance. Nothing is wrong with the
// contact; sending pauses and probes.
type PausedError struct{ Err error }

func (e *PausedError) Error() string { return "MetaKocka refuses every call: " + e.Err.Error() }

// Unwrap gives MetaKocka's refusal.
func (e *PausedError) Unwrap() error { return e.Err }

// PendingError says that a write without an answer may still take effect: come
// back after After.
type PendingError struct {
	ContactID string
	After     time.Duration
}

func (e *PendingError) Error() string {
	return fmt.Sprintf("contact %s: whether MetaKocka took the last write is not known yet", e.ContactID)
}

// errAgain: what was read is out of date; read again.
var errAgain = errors.New("read again")

// aboutAll marks a refusal of a call that is about no record in particular.
func aboutAll(err error) error {
	if metakocka.IsRefusal(err) {
		return &PausedError{err}
	}
	return err
}
