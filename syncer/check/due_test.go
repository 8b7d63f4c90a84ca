package check

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
)

// TestWhenAPeriodicCheckIsDue: an interval after the last one, and after it was first looked;
// a clock that was put back begins it anew.
func TestWhenAPeriodicCheckIsDue(t *testing.T) {
	t.Parallel()
	const interval = time.Hour
	before := func(d time.Duration) time.Time { return noon.Add(-d) }
	for name, c := range map[string]struct {
		interval time.Duration
		state    store.CheckState
		due      bool
		since    time.Time // where it begins anew
		at       time.Time
	}{
		"none by itself":           {0, store.CheckState{Since: before(9 * interval)}, false, time.Time{}, time.Time{}},
		"the first look":           {interval, store.CheckState{}, false, noon, time.Time{}},
		"never made, not yet":      {interval, store.CheckState{Since: before(interval - 1)}, false, time.Time{}, time.Time{}},
		"never made":               {interval, store.CheckState{Since: before(interval)}, true, time.Time{}, time.Time{}},
		"not yet":                  {interval, store.CheckState{Since: before(9 * interval), At: before(interval - 1)}, false, time.Time{}, time.Time{}},
		"due":                      {interval, store.CheckState{Since: before(9 * interval), At: before(interval)}, true, time.Time{}, time.Time{}},
		"begun in the future":      {interval, store.CheckState{Since: noon.Add(1), At: before(9 * interval)}, false, noon, before(9 * interval)},
		"last made in the future":  {interval, store.CheckState{Since: before(9 * interval), At: noon.Add(1)}, false, noon, noon},
		"made at this very moment": {interval, store.CheckState{Since: noon, At: noon}, false, time.Time{}, time.Time{}},
	} {
		run := trialOf()
		run.cfg.Interval = c.interval
		err := run.periodic(t.Context(), c.state, noon)
		require.Equal(t, c.due, errors.Is(err, errChecked), name)
		if c.since.IsZero() {
			require.Empty(t, run.kept.saved, name)
			continue
		}
		require.Equal(t, []store.CheckState{{Since: c.since, At: c.at}}, run.kept.saved, name)
	}
}

// TestWhatALookComesTo: what is old is forgotten once a day; then what was missed comes
// before what changed, and that before what was dropped and what is due. After a failure
// none of these is done.
func TestWhatALookComesTo(t *testing.T) {
	t.Parallel()
	quiet := func() store.CheckState {
		return store.CheckState{Terms: "terms off off", ForgotAt: noon.Add(-forgetEvery + 1), Since: noon.Add(-9 * time.Hour), At: noon}
	}
	missed := cdc.State{SnapshotDone: true, SnapshotReason: "the slot was lost", SnapshotPos: 7}
	for name, c := range map[string]struct {
		prepare func(t *trial)
		checks  bool
		waits   bool // for the snapshot first
		forgets int
	}{
		"nothing":               {func(*trial) {}, false, false, 0},
		"a day is over":         {func(t *trial) { t.kept.state.ForgotAt = noon.Add(-forgetEvery) }, false, false, 1},
		"the clock is put back": {func(t *trial) { t.kept.state.ForgotAt = noon.Add(1) }, false, false, 1},
		"a snapshot":            {func(t *trial) { t.kept.listener = missed }, true, true, 0},
		"one that was checked":  {func(t *trial) { t.kept.listener, t.kept.state.Recovered = missed, missed.SnapshotPos.String() }, false, false, 0},
		"the first snapshot":    {func(t *trial) { t.kept.listener = cdc.State{SnapshotDone: true, SnapshotPos: 7} }, false, false, 0},
		"other partitions":      {func(t *trial) { t.kept.listener = cdc.State{SnapshotDone: true, LayoutChanged: true, Layout: "a"} }, true, true, 0},
		"other terms":           {func(t *trial) { t.kept.state.Terms = "others" }, true, false, 0},
		"dropped events":        {func(t *trial) { t.kept.dropped = coded.Say("note.event.dropped", "dropped") }, true, false, 0},
		"it is due":             {func(t *trial) { t.cfg.Interval, t.kept.state.At = time.Hour, noon.Add(-time.Hour) }, true, false, 0},
		"it rests": {func(t *trial) {
			t.kept.listener, t.kept.state.Terms = missed, "others"
			t.kept.state.FailedAt, t.kept.state.RestSeconds = noon, 1
		}, false, false, 0},
	} {
		run := trialOf()
		run.kept.state = quiet()
		run.kept.state.Terms = run.terms()
		c.prepare(&run)
		err := run.look(t.Context())
		require.Equal(t, c.checks, errors.Is(err, errChecked), "%s: %v", name, err)
		require.Equal(t, c.waits, run.waiting.asked > 0, name)
		require.Equal(t, c.forgets, run.kept.forgot, name)
		if c.forgets > 0 {
			require.Equal(t, noon, run.kept.state.ForgotAt, name)
		}
		require.NotEmpty(t, run.kept.state.Terms, name)
	}

	run := trialOf() // that the terms change is seen by the first ones alone
	require.NoError(t, run.look(t.Context()))
	require.Equal(t, run.terms(), run.kept.saved[0].Terms)
}

// TestASnapshotIsWaitedFor: until none of its contacts waits; one that is tried again and
// again does not hold up the rest.
func TestASnapshotIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		run := trialOf()
		run.cfg.Patience = 5 * time.Second
		require.NoError(t, run.snapshotApplied(t.Context()))
		require.Equal(t, 1, run.waiting.asked)

		began := time.Now()
		run.waiting.inFlight = 1
		require.NoError(t, run.snapshotApplied(t.Context()))
		require.Equal(t, 6*time.Second, time.Since(began))

		run.waiting.pending, run.waiting.inFlight = 1, 0
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		require.ErrorIs(t, run.snapshotApplied(ctx), context.DeadlineExceeded)
	})
}

// TestWhatIsRememberedOfACheck: of one that failed why and how long it rests, beside what was
// known; of one that was stopped nothing.
func TestWhatIsRememberedOfACheck(t *testing.T) {
	t.Parallel()
	run := trialOf()
	before := store.CheckState{Since: noon, At: noon.Add(-time.Hour), Links: 7, Differing: 3, DurationSeconds: 2, Terms: "terms"}
	run.kept.state = before
	require.ErrorIs(t, run.remember(t.Context(), CheckReport{At: noon, Links: 9}, time.Minute, errChecked), errChecked)
	want := before
	want.Error, want.Reason, want.FailedAt, want.RestSeconds = errChecked.Error(), coded.Of(errChecked), noon, 60
	require.Equal(t, want, run.kept.state)

	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, run.remember(ctx, CheckReport{}, time.Hour, context.Canceled), context.Canceled)
	require.Equal(t, want, run.kept.state)

	require.NoError(t, run.remember(ctx, CheckReport{At: noon, Links: 9, Differing: 1, DurationSeconds: 4}, time.Minute, nil), "it came to its end before it was stopped")
	require.Equal(t, store.CheckState{Since: noon, At: noon, Links: 9, Differing: 1, DurationSeconds: 4, Terms: "terms"}, run.kept.state)
}
