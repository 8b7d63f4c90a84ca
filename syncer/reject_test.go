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
		0: 5 * time.Second, 1: 15 * time.Second, 2: 45 * time.Second, 5: 1215 * time.Second, 8: 32805 * time.Second, 9: 24 * time.Hour, 1_000_000: 24 * time.Hour,
	} {
		require.Equal(t, want, retryAfter(retries), retries)
	}
}
