package main

import (
	"errors"
	"fmt"
)

// errReported ends a command with exit status 1 when everything there is to say
// has been printed already.
var errReported = errors.New("see above")

// errInPart is errReported of what did not succeed as a whole.
var errInPart = fmt.Errorf("done in part: %w", errReported)

// errNotUnderstood is errReported of what was malformed, all of it.
var errNotUnderstood = fmt.Errorf("not understood: %w", errReported)

// errStopped is of what the user ended.
var errStopped = errors.New("stopped")
