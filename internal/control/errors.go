package control

import "errors"

var (
	// ErrNoService says that no running service answers on NATS.
	ErrNoService = errors.New("no running mksync service answers on NATS")

	errBadAnswer = errors.New("the running service's answer is not of mksync's form: is it an older version?")
)
