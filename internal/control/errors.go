package control

import "errors"

var (
	// ErrNoService says that no running service answers on NATS.
	ErrNoService = errors.New("no running mksync service answers on NATS")

	errSilent        = errors.New("the running service says nothing any more; what it was asked for may still be done")
	errNobodyWatches = errors.New("whoever asked is gone")
	errStopped       = errors.New("stopped by whoever asked")

	errBadAnswer = errors.New("the running service's answer is not of mksync's form: is it an older version?")
)
