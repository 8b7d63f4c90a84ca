package syncer_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/syncer"
)

// TestARepeatedErrorIsLoggedOnce: until it is another one, or the loop has succeeded.
func TestARepeatedErrorIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	once := syncer.LogOnce{Log: slog.New(slog.NewTextHandler(&out, nil))}
	away, refused := errors.New("away"), errors.New("refused")
	for _, round := range []struct {
		err       error
		recovered bool
		logged    int // so far
	}{
		{nil, false, 0}, {away, false, 1}, {away, false, 1}, {refused, false, 2}, {nil, true, 2}, {nil, false, 2}, {refused, false, 3},
	} {
		require.Equal(t, round.recovered, once.Warn(t.Context(), "it failed", round.err))
		require.Equal(t, round.logged, strings.Count(out.String(), "it failed"))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.False(t, once.Warn(ended, "it failed", context.Canceled))
	require.Equal(t, 3, strings.Count(out.String(), "it failed"))
}
