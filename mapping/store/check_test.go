package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChecksRestForAWhileAfterOneThatFailed(t *testing.T) {
	t.Parallel()
	failed := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	c := CheckState{FailedAt: failed, RestSeconds: 300}
	require.True(t, c.Rests(failed))
	require.True(t, c.Rests(failed.Add(299*time.Second)))
	require.False(t, c.Rests(failed.Add(300*time.Second)))
	require.False(t, c.Rests(failed.Add(-time.Second)), "the clock was put back")
	require.False(t, CheckState{}.Rests(failed))
}
