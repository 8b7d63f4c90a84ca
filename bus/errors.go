package bus

import (
	"errors"
	"fmt"
	"time"

	"github.com/crmmind/mksync/coded"
)

var (
	// ErrMemoryStream says that a stream exists with memory storage: acknowledged events
	// would not survive a restart of the server.
	ErrMemoryStream = errors.New("stream is kept in memory only")

	// ErrPublisherBroken says that a message was refused or its acknowledgement is missing.
	// Open a new publisher and go on from its Last.
	ErrPublisherBroken = errors.New("publisher is broken")

	// ErrPublisherClosed says that Close was called.
	ErrPublisherClosed = errors.New("publisher is closed")

	// ErrTooLarge says that a message exceeds what the server takes. Nothing was sent and
	// the publisher goes on.
	ErrTooLarge = errors.New("message is larger than the server takes")

	// ErrNoMessageID says that a message without an id was given to a publisher.
	ErrNoMessageID = errors.New("message has no id")

	// ErrDuplicate says that the stream holds the message's id already, elsewhere than
	// where this message was to go.
	ErrDuplicate = errors.New("message id is in the stream already")

	// ErrNotStored says that no stream took the message.
	ErrNotStored = errors.New("no stream took the message")

	// ErrAckTimeout says that no acknowledgement came for too long.
	ErrAckTimeout = errors.New("no acknowledgement in time")

	// ErrUnwritable says that the server answers, and neither stores a message nor refuses
	// it: its files cannot be written. Those behind it are refused as not following it.
	ErrUnwritable = errors.New("the NATS server takes messages and stores none: its disk is full or cannot be written to (its log says which); make room, and start an external server again")

	// ErrDisconnected says that the connection was lost with messages in flight.
	ErrDisconnected = errors.New("connection to NATS was lost")

	// ErrStreamLost says that a stream ends before what it had acknowledged.
	ErrStreamLost = errors.New("the stream lost its newest messages")

	// ErrNotFound says that there is no such dead letter.
	ErrNotFound = errors.New("no such dead letter")

	errNoLeader    = errors.New("the stream's copies have no leader now")
	errBadConsumer = errors.New("consumer is not configured")
	errBadAck      = errors.New("acknowledgement cannot be read")
	errPullEnded   = errors.New("request for messages ended")
)

// AckError is the server's refusal of a published message.
type AckError struct {
	Code        int    // JetStream's error code, 10071 for "wrong last sequence"
	Description string // JetStream's words
}

func (e *AckError) Error() string {
	return fmt.Sprintf("server refused the message: %s (%d)", e.Description, e.Code)
}

type retryError struct {
	after time.Duration
	err   error
}

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// Retry is the error of a handler that asks for the same messages again after a delay.
// A delay of zero leaves the choice to the consumer's backoff.
func Retry(after time.Duration, err error) error {
	if err == nil {
		err = errors.New("retry was asked for")
	}
	return &retryError{after: after, err: err}
}

type rejectError struct{ reason coded.Text }

func (e *rejectError) Error() string { return "rejected: " + e.reason.String() }

// Reject is the error of a handler that can never apply the messages: they become a dead
// letter with this reason, which a person reads.
func Reject(reason coded.Text) error { return &rejectError{reason: reason} }

// errSilent: a reader's messages do not come.
var errSilent = errors.New("the messages do not come")

// errScanDone ends a scan early and well.
var errScanDone = errors.New("scan is done")

func scanEnd(err error) error {
	if errors.Is(err, errScanDone) {
		return nil
	}
	return err
}
