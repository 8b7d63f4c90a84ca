package work

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/event"
)

// clockedPolls is a database whose clock is not this machine's.
type clockedPolls struct {
	event.States
	ahead time.Duration
	ended time.Duration // before the database's now
}

func (c clockedPolls) Now(context.Context) (time.Time, error) { return time.Now().Add(c.ahead), nil }

func (c clockedPolls) PollState(ctx context.Context) (store.PollState, error) {
	now, err := c.Now(ctx)
	return store.PollState{EndedAt: now.Add(-c.ended)}, err
}

// TestFirstSweepGoesByTheDatabasesClock: the age of a sweep is told by the clock
// that its end was noted by.
func TestFirstSweepGoesByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		polls clockedPolls
		opens bool
	}{
		"fresh, this clock is ahead": {clockedPolls{ahead: -time.Hour, ended: time.Minute}, true},
		"old, this clock is behind":  {clockedPolls{ahead: time.Hour, ended: 40 * time.Minute}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				p := &Pusher{polls: c.polls}
				require.Equal(t, c.opens, p.firstSweep(ctx) == nil)
			})
		})
	}
}
