package syncer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRetriesComeEverLessOften, and once a day at least.
func TestRetriesComeEverLessOften(t *testing.T) {
	t.Parallel()
	for retries, want := range map[int]time.Duration{
		0: 5 * time.Second, 1: 30 * time.Second, 2: 3 * time.Minute, 4: 108 * time.Minute, 6: 24 * time.Hour, 1_000_000: 24 * time.Hour,
	} {
		require.Equal(t, want, retryAfter(retries), retries)
	}
}
