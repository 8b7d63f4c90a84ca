package bus

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/natsserver"
)

// clusterBus is a bus with streams of three copies, on a cluster of its own.
func clusterBus(t *testing.T) *Bus {
	t.Helper()
	nc, err := Connect(t.Context(), strings.Join(natsserver.StartCluster(t).URLs(), ","), ConnectOptions{})
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	cfg := DefaultConfig()
	cfg.Replicas = 3
	b, err := Open(t.Context(), nc, cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return b
}

// On a consumer of several copies the end of a request overtakes its messages. A backlog
// of full requests, limited by their number and by their size, is read all the same, each
// message once.
func TestConsumeABacklogOfThreeCopies(t *testing.T) {
	t.Parallel()
	b := clusterBus(t)
	p, err := b.Publisher(t.Context(), StreamContacts, PublisherConfig{})
	require.NoError(t, err)
	defer p.Close()
	const small, large = 1500, 60
	for i := range small + large {
		m := event(i)
		if i >= small {
			m.Data = make([]byte, 300<<10)
		}
		require.NoError(t, p.Publish(t.Context(), m))
	}
	require.NoError(t, p.Flush(t.Context()))

	var got calls
	consume(t, b, ConsumerConfig{}, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		return nil
	})
	eventually(t, func() bool { return got.deliveries() >= small+large }, "events are not read")
	idle(t, b, "pusher")
	seen := map[string]bool{}
	for _, c := range got.list() {
		for _, d := range c.ds {
			require.EqualValues(t, 1, d.Attempts)
			require.False(t, seen[d.ID], d.ID)
			seen[d.ID] = true
		}
	}
	for i := range small + large {
		require.True(t, seen[fmt.Sprint("e-", i)])
	}
	_, err = Open(t.Context(), b.nc, DefaultConfig(), nil)
	require.NoError(t, err)
	s, err := b.js.Stream(t.Context(), StreamContacts)
	require.NoError(t, err)
	require.Equal(t, 3, s.CachedInfo().Config.Replicas, "a start with one copy takes none away")
}
