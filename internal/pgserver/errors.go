package pgserver

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotRestartable is returned by Restart for a server that is not ours to
// stop: one in a container or one named by URLVariable.
var ErrNotRestartable = errors.New("this Postgres cannot be restarted from here")

// ErrLocalOnly says that only a local server can have variables of its own.
var ErrLocalOnly = errors.New("variables can be given to a local server only")

// ErrNoStandby says that only a local server can have a standby.
var ErrNoStandby = errors.New("only a server of local binaries can have a standby")

// errNoBinaries says that no Postgres is installed.
var errNoBinaries = errors.New("no initdb and postgres found in PATH, pg_config --bindir or /usr/lib/postgresql")

// errStopped says that a server's process ended before it answered.
var errStopped = errors.New("it stopped")

// UnavailableError says why no way of getting a Postgres worked.
type UnavailableError struct {
	// Tried holds the reason for each way, in the order they were tried.
	Tried []error
}

// Error is one line that ends with what a person can do.
func (e *UnavailableError) Error() string {
	reasons := make([]string, 0, len(e.Tried))
	for _, err := range e.Tried {
		reasons = append(reasons, strings.Join(strings.Fields(err.Error()), " "))
	}
	return fmt.Sprintf("no Postgres to be had (%s): install Postgres 14 or newer, start Docker, or set %s to a superuser of a server with wal_level=logical",
		strings.Join(reasons, "; "), URLVariable)
}

// Unwrap gives the single reasons to errors.Is and errors.As.
func (e *UnavailableError) Unwrap() []error { return e.Tried }
