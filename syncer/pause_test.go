package syncer_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/syncer"
)

// TestBackoffDoublesUpToItsMost: and no further.
func TestBackoffDoublesUpToItsMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := syncer.Backoff{First: time.Second, Most: 5 * time.Second}
		for _, want := range []time.Duration{1, 2, 4, 5, 5} {
			began := time.Now()
			require.NoError(t, b.Pause(t.Context()))
			require.Equal(t, want*time.Second, time.Since(began))
		}
	})
}
