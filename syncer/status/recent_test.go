package status_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/syncer/status"
)

func TestTheLastSixtyMinutesAreKept(t *testing.T) {
	t.Parallel()
	var r status.Recent
	now := time.Date(2026, 1, 2, 10, 59, 30, 0, time.UTC)
	call := func(at time.Time, d time.Duration) {
		r.Note(at, func(m *status.Minute) { m.Calls.Add(d) })
	}
	call(now.Add(-time.Hour), time.Second) // too long ago
	call(now.Add(-59*time.Minute), time.Second)
	call(now, time.Second)
	call(now, 3*time.Second)

	minutes := r.Minutes(now)
	require.Len(t, minutes, 60)
	require.Equal(t, time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC), minutes[0].At)
	require.Equal(t, 1, minutes[0].Calls.Count)
	require.Zero(t, minutes[1].Calls)
	require.Equal(t, status.Figure{Count: 2, Sum: 4 * time.Second, Most: 3 * time.Second}, minutes[59].Calls)
	require.Equal(t, 2*time.Second, minutes[59].Calls.Mean())
	require.Zero(t, minutes[1].Calls.Mean())

	// An hour later the same places hold nothing.
	require.Zero(t, r.Minutes(now.Add(time.Hour))[59].Calls)
}
