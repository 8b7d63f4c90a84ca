package control

import (
	"errors"

	"github.com/crmmind/mksync/syncer"
)

// errTooLate: whoever asked does not wait for the answer any more.
var errTooLate = &syncer.RequestError{Code: syncer.CodeTimeout, Message: "the request came too late: its Mksync-Deadline has passed; nothing was done"}

// errStopping: another process may answer.
var errStopping = &syncer.RequestError{Code: syncer.CodeUnavailable, Message: "this process is stopping: ask again"}

var (
	// ErrNoService says that no running service answers on NATS.
	ErrNoService = errors.New("no running mksync service answers on NATS")

	errSilent        = errors.New("the running service says nothing any more; what it was asked for may still be done")
	errNobodyWatches = errors.New("whoever asked is gone")
	errStopped       = errors.New("stopped by whoever asked")

	errBadAnswer = errors.New("the running service's answer is not of mksync's form: is it an older version?")
)
