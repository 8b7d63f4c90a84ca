package syncer

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// RejectError says that this one contact or partner cannot be brought over as
// it is; Reason is for a person, in MetaKocka's words where they are MetaKocka's.
type RejectError struct{ Reason coded.Text }

func (e *RejectError) Error() string { return e.Reason.String() }

// Said implements the text of an error.
func (e *RejectError) Said() coded.Text { return e.Reason }

// PausedError says that MetaKocka refuses calls that are about no record in
// particular: a wrong key, a licence, maintenance. Nothing is wrong with the
// contact; sending pauses and probes. It does not unwrap: a refusal that is found
// in an error is about a record.
type PausedError struct {
	Err    error
	Writes bool // searches are taken
}

func (e *PausedError) Error() string { return e.Said().String() }

// Said implements the text of an error.
func (e *PausedError) Said() coded.Text {
	if e.Writes {
		return coded.Say("refusal.refused_writes", "MetaKocka refuses one write after another: {cause}", coded.Of(e.Err))
	}
	return coded.Say("refusal.refused_calls", "MetaKocka refuses every call: {cause}", coded.Of(e.Err))
}

// HaltedError says that a person has stopped sending to MetaKocka: nothing was sent.
type HaltedError struct{ Halt store.Halt }

func (e *HaltedError) Error() string { return e.Said().String() }

// Said implements the text of an error.
func (e *HaltedError) Said() coded.Text {
	since, by := e.Halt.Since.UTC().Format(time.RFC3339), OrWords(e.Halt.By, "a person")
	if e.Halt.Reason == "" {
		return coded.Say("refusal.halted", "sending is paused since {at} by {by}: mksync resume lets it go on", since, by)
	}
	return coded.Say("refusal.halted_because", "sending is paused since {at} by {by} ({reason}): mksync resume lets it go on", since, by, e.Halt.Reason)
}

// halted is a HaltedError where a person has stopped sending.
func (k *task) halted() error {
	if k.st.Halt == nil {
		return nil
	}
	return &HaltedError{*k.st.Halt}
}

// PendingError says that now is not the time, for a write without an answer may
// still take effect: come back after After.
type PendingError struct {
	ContactID string
	After     time.Duration
	Replayed  bool   // nothing is uncertain, but a replay works on the contact
	Absent    string // the partner that was not found, and has to be looked for once more
}

func (e *PendingError) Error() string { return e.Said().String() }

// Said implements the text of an error.
func (e *PendingError) Said() coded.Text {
	if e.Absent != "" {
		return coded.Say("refusal.contact.absent", "contact {contact}: MetaKocka did not find partner {partner}, which is asked for once more before it is taken for gone", e.ContactID, e.Absent)
	}
	if e.Replayed {
		return coded.Say("refusal.contact.replayed", "contact {contact}: a replay works on it", e.ContactID)
	}
	return coded.Say("refusal.contact.unanswered", "contact {contact}: whether MetaKocka took the last write is not known yet", e.ContactID)
}

// errNotVisible: the database does not show the event's transaction yet, as
// while a synchronous standby is away. It comes again.
var errNotVisible = coded.Fail("refusal.contact.not_visible", "the change is committed but not visible in the database yet")

// unknownRivalError: another contact's write had no answer in time, and what became of it
// has to be found out first.
type unknownRivalError struct{ contactID string }

func (e *unknownRivalError) Error() string { return e.Said().String() }

// Said implements the text of an error.
func (e *unknownRivalError) Said() coded.Text {
	return coded.Say("refusal.contact.unknown_write", "contact {contact}: what became of the last write to its partner is not known", e.contactID)
}

// unknownRival is the contact that err asks to look into; "" for none.
func unknownRival(err error) string {
	var e *unknownRivalError
	if errors.As(err, &e) {
		return e.contactID
	}
	return ""
}

// ErrAgain says that what was read is out of date; read again.
var ErrAgain = coded.Fail("refusal.again", "read again")

// AboutAll marks a refusal of a call that is about no record in particular.
func AboutAll(err error) error {
	if metakocka.IsRefusal(err) {
		return &PausedError{Err: err}
	}
	return err
}

// Code says what kind of error a request met; the words are part of the answers.
type Code string

// The kinds of errors, each with its HTTP status.
const (
	CodeMalformed   Code = "malformed"   // 400: the request cannot be read
	CodeForbidden   Code = "forbidden"   // 403: whoever asks may not
	CodeNotFound    Code = "not_found"   // 404: there is no such thing
	CodeConflict    Code = "conflict"    // 409: it does not fit how things stand; an id that names several
	CodeTooLarge    Code = "too_large"   // 413: the request or its answer
	CodeRefused     Code = "refused"     // 422: by validation or by MetaKocka
	CodeInternal    Code = "internal"    // 500
	CodeUnreachable Code = "unreachable" // 502: MetaKocka does not answer, or refuses everything
	CodeUnavailable Code = "unavailable" // 503: not now; try again
	CodeTimeout     Code = "timeout"     // 504
)

// HTTP is the code as a status.
func (c Code) HTTP() int {
	switch c {
	case CodeMalformed:
		return http.StatusBadRequest
	case CodeForbidden:
		return http.StatusForbidden
	case CodeNotFound:
		return http.StatusNotFound
	case CodeConflict:
		return http.StatusConflict
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeRefused:
		return http.StatusUnprocessableEntity
	case CodeUnreachable:
		return http.StatusBadGateway
	case CodeUnavailable:
		return http.StatusServiceUnavailable
	case CodeTimeout:
		return http.StatusGatewayTimeout
	case CodeInternal:
	}

	return http.StatusInternalServerError
}

// RequestError is the answer to a request that could not be met; Message is for
// a person. Refuse makes it.
type RequestError struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	// Reason is why, as a code with parameters: for whoever acts on it, or says it in
	// another language.
	Reason coded.Text `json:"reason"`
}

func (e *RequestError) Error() string { return e.Message }

// IsCode tells whether err answers a request with that code.
func IsCode(err error, code Code) bool {
	var answer *RequestError
	return errors.As(err, &answer) && answer.Code == code
}

// Refuse is the answer to a request that could not be met, for the reason "refusal." and the
// code. The arguments are the values of the names in braces (coded.Say).
func Refuse(kind Code, code, english string, args ...any) error {
	return RefuseWith(kind, coded.Say(refusal+code, english, args...))
}

// refusal begins the codes of reasons.
const refusal = "refusal."

// RefuseWith refuses for a reason that is told already.
func RefuseWith(kind Code, reason coded.Text) *RequestError {
	return &RequestError{kind, reason.String(), reason}
}

// ErrInternal stands for an error whose words are for the operator only.
var ErrInternal = RefuseWith(CodeInternal, coded.Say("refusal.internal", "an internal error; the service's log says which"))

// AsRequestError says what a request's error means to who asked.
func AsRequestError(err error) *RequestError {
	var answer *RequestError
	if errors.As(err, &answer) {
		return answer
	}
	kind := codeOf(err)
	if kind == CodeTimeout {
		return RefuseWith(kind, coded.Say("refusal.timeout", "it took too long; what was asked for may still be done"))
	}
	return &RequestError{kind, err.Error(), coded.Of(err)}
}

func codeOf(err error) Code {
	var rejected *RejectError
	var refused *store.ContactRefusedError
	var pending *PendingError
	var paused *PausedError
	var halted *HaltedError
	var unbelieved *UnlikelyError
	var hidden *store.HiddenError

	switch {
	case errors.Is(err, metakocka.ErrNotFound):
		return CodeNotFound
	case errors.Is(err, store.ErrNotOpen), errors.Is(err, store.ErrPartnerTaken):
		return CodeConflict
	case errors.As(err, &rejected), errors.As(err, &refused):
		return CodeRefused
	case errors.As(err, &paused), metakocka.IsTransient(err):
		return CodeUnreachable
	case errors.As(err, &pending), errors.As(err, &halted), errors.As(err, &unbelieved), errors.As(err, &hidden), errors.Is(err, store.ErrTooManyJobs), errors.Is(err, store.ErrContactChanged), errors.Is(err, ErrAgain), errors.Is(err, context.Canceled):
		return CodeUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return CodeTimeout
	}
	return CodeInternal
}

// NotYet says that a decision stands and, as {cause}, why it had no effect yet.
func NotYet(err error, code, english string, args ...any) error {
	e := AsRequestError(err)
	return Refuse(e.Code, code, english, append(args, e.Reason)...)
}

// OrNotFound is err, or that there is no such thing.
func OrNotFound(err error, code, english string, args ...any) error {
	if err != nil {
		return err
	}
	return Refuse(CodeNotFound, code, english, args...)
}
