package control

import (
	"errors"

	"github.com/crmmind/mksync/syncer"
)

// errTooLate: whoever asked does not wait for the answer any more.
var errTooLate = syncer.Refuse(syncer.CodeTimeout, "too_late", "the request came too late: its Mksync-Deadline has passed; nothing was done")

// errStopping: another process may answer.
var errStopping = syncer.Refuse(syncer.CodeUnavailable, "stopping", "this process is stopping: ask again")

// errLargeAnswer: what the server does not take cannot be answered.
var errLargeAnswer = syncer.Refuse(syncer.CodeTooLarge, "answer_large", "the answer is larger than the NATS server takes: ask for fewer (what was asked for is done)")

// errUnanswered: nobody knows what became of it.
var errUnanswered = syncer.Refuse(syncer.CodeTimeout, "unanswered", "the running service did not answer in time; what was asked for may still be done")

var (
	// ErrNoService says that no running service answers on NATS.
	ErrNoService = errors.New("no running mksync service answers on NATS")

	errSilent        = errors.New("the running service says nothing any more; what it was asked for may still be done")
	errNobodyWatches = errors.New("whoever asked is gone")
	errStopped       = errors.New("stopped by whoever asked")

	errBadAnswer = errors.New("the running service's answer is not of mksync's form: is it an older version?")
)
