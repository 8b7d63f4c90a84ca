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
		for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
			began := time.Now()
			require.NoError(t, b.Pause(t.Context()))
			require.Equal(t, want, time.Since(began))
		}
	})
}
