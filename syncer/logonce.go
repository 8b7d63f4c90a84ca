package syncer

import (
	"context"
	"log/slog"
)

// LogOnce logs what a loop fails with, but an error that comes again and again only once.
type LogOnce struct {
	Log *slog.Logger

	last string // the error that was logged last, until the loop succeeds
}

// Warn logs the outcome of a round where it is an error and another one than that of the
// last round. It reports whether the round succeeded after one that had failed.
func (o *LogOnce) Warn(ctx context.Context, text string, err error) (recovered bool) {
	switch {
	case ctx.Err() != nil: // that the loop is to end is no failure
	case err == nil:
		recovered = o.last != ""
		o.last = ""
	case err.Error() != o.last:
		o.last = err.Error()
		o.Log.Warn(text, "error", err) //nolint:sloglint // each caller gives a constant
	}
	return recovered
}
