package doctor_test

import (
	"errors"
	"time"
)

const (
	testDeadline = 10 * time.Second
	testPause    = 10 * time.Millisecond
)

var errNotReady = errors.New("server is not ready")
