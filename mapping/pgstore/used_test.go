package pgstore_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWhatIsGoodOnce is used up by one of many, and forgotten when it would be good no more.
func TestWhatIsGoodOnce(t *testing.T) {
	t.Parallel()
	kept, pool := openStore(t, prepared.DB(t))
	ctx := t.Context()
	used, err := kept.UsedUp(ctx, "a")
	require.NoError(t, err)
	require.False(t, used)

	var firsts atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if first, err := kept.UseUp(ctx, "a", time.Now().Add(time.Hour)); err == nil && first {
				firsts.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, firsts.Load())
	used, err = kept.UsedUp(ctx, "a")
	require.NoError(t, err)
	require.True(t, used)

	became, err := kept.Kept(ctx, "a")
	require.NoError(t, err)
	require.Nil(t, became, "it is under way")
	require.NoError(t, kept.Keep(ctx, "a", []byte(`{"id": "done"}`)))
	became, err = kept.Kept(ctx, "a")
	require.NoError(t, err)
	require.JSONEq(t, `{"id": "done"}`, string(became))
	became, err = kept.Kept(ctx, "nothing")
	require.NoError(t, err)
	require.Nil(t, became)

	first, err := kept.UseUp(ctx, "old", time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.True(t, first)
	_, err = kept.UseUp(ctx, "b", time.Now().Add(time.Hour))
	require.NoError(t, err)
	var left []string
	require.NoError(t, pool.QueryRow(ctx, "SELECT array_agg(id ORDER BY id) FROM mksync_used").Scan(&left))
	require.Equal(t, []string{"a", "b"}, left)
}
