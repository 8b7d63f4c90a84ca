package metakocka

import (
	"errors"
	"time"

	"github.com/crmmind/mksync/coded"
)

var (
	// ErrNotFound says that MetaKocka answered and knows no such partner.
	ErrNotFound = coded.Fail("refusal.metakocka.none", "no such partner in MetaKocka")

	// ErrBreakerOpen is inside the TransientError of a call that was not made
	// because the calls before it went unanswered. State tells when one may probe.
	ErrBreakerOpen = coded.Fail("refusal.metakocka.paused", "calls are paused after repeated failures")

	// ErrUnreadable is inside the TransientError of an answer that is an object but
	// not of the documented shape, its partners included. The server is up, so the breaker is not told,
	// and the same call at once would bring the same answer, so it is not repeated.
	ErrUnreadable = coded.Fail("refusal.metakocka.unreadable", "answer has an unexpected shape")

	// ErrEmptyQuery says that a Query names nothing to search by; Query.All asks
	// for every partner on purpose.
	ErrEmptyQuery = errors.New("query names nothing to search by")
)

// RefusalError is MetaKocka's own no: the call was read and not carried out.
// Code does not identify the cause; Text is what a person has to read. The same call
// brings the same answer, unless it was about every call (a wrong key) and that was put
// right.
type RefusalError struct {
	Endpoint string
	Code     string
	Text     string
}

func (e *RefusalError) Error() string { return e.Said().String() }

// Said is the error as a code with parameters.
func (e *RefusalError) Said() coded.Text {
	if e.Code == "" {
		return coded.Say("refusal.metakocka.refused", "MetaKocka refused {endpoint}: {words}", e.Endpoint, e.Text)
	}
	return coded.Say("refusal.metakocka.refused_code", "MetaKocka refused {endpoint}: {words} (code {code})", e.Endpoint, e.Text, e.Code)
}

// TransientError says that a call brought no usable answer and may be tried
// again later. Sent is true when the request may have been processed: for Add
// that means to look the partner up before anything is sent again.
type TransientError struct {
	Endpoint   string
	Err        error
	Sent       bool
	RetryAfter time.Duration // what the server asked for; 0 when it did not
}

func (e *TransientError) Error() string { return e.Said().String() }

// Said is the error as a code with parameters.
func (e *TransientError) Said() coded.Text {
	why := coded.Of(e.Err)
	if e.Sent {
		return coded.Say("refusal.metakocka.perhaps", "call {endpoint}: {cause} (it may have been processed)", e.Endpoint, why)
	}
	return coded.Say("refusal.metakocka.unanswered", "call {endpoint}: {cause}", e.Endpoint, why)
}

// Unwrap gives the cause: context.Canceled, ErrBreakerOpen, ErrUnreadable and others.
func (e *TransientError) Unwrap() error { return e.Err }

// Elsewhere tells that the cause, be it of the network, is none of the database's, under
// whose lock the call was made.
func (e *TransientError) Elsewhere() {}

// IsRefusal reports whether MetaKocka itself said no.
func IsRefusal(err error) bool {
	var refusal *RefusalError
	return errors.As(err, &refusal)
}

// IsTransient reports whether the same call may succeed later.
func IsTransient(err error) bool {
	var transient *TransientError
	return errors.As(err, &transient)
}

// Uncertain reports whether the call may have been processed although no answer
// says so. It is false for a call that certainly did not leave this process.
func Uncertain(err error) bool {
	var transient *TransientError
	return errors.As(err, &transient) && transient.Sent
}
