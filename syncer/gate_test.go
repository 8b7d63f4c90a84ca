package syncer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// TestADatabaseThatIsAwayIsProbedByOneAtATime: nobody else tries meanwhile, and it is not
// MetaKocka that is said to be away.
func TestADatabaseThatIsAwayIsProbedByOneAtATime(t *testing.T) {
	t.Parallel()
	g := syncer.NewGate(time.Millisecond, time.Hour)
	gone := fmt.Errorf("%w: it refuses the password", store.ErrStoreAway)
	require.NoError(t, g.Wait(t.Context()))
	g.Report(gone)
	reason, _ := g.Paused()
	require.Contains(t, reason.String(), "refuses the password")
	reason, _ = g.Away()
	require.Empty(t, reason.String(), "MetaKocka is there")

	require.NoError(t, g.Wait(t.Context()), "one goes to look")
	through := make(chan error, 1)
	go func() { through <- g.Wait(t.Context()) }()
	require.Empty(t, through, "another one was let through, too")

	g.Report(nil)
	err, now := waits.Within(10*time.Second, through)
	require.NoError(t, err)
	require.True(t, now, "all go on once one was through")
}
