package check

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAFailedCheckRestsInProportion: ten times as long as it took at the usual pace, and not
// for minutes where a rest of seconds is asked for.
func TestAFailedCheckRestsInProportion(t *testing.T) {
	t.Parallel()
	usual := &Checker{cfg: CheckerConfig{Rest: 5 * time.Minute}}
	require.Equal(t, 5*time.Minute, usual.rest(3*time.Second))
	require.Equal(t, 20*time.Minute, usual.rest(2*time.Minute))
	quick := &Checker{cfg: CheckerConfig{Rest: 5 * time.Second}}
	require.Equal(t, 5*time.Second, quick.rest(20*time.Second))
	require.Equal(t, 10*time.Second, quick.rest(time.Minute))
}
