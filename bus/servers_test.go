package bus

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/wire"
)

// leads waits until a connection leads to a server.
func leads(t *testing.T, nc *nats.Conn, url string) {
	t.Helper()
	waits.Eventually(t, time.Minute, func() error {
		if got := nc.ConnectedUrl(); got != url {
			return fmt.Errorf("connected to %s, not to %s", got, url)
		}
		return nil
	})
}

// TestAServerWithoutItsClusterIsLeft: it is there, answers pings, and serves no stream.
func TestAServerWithoutItsClusterIsLeft(t *testing.T) {
	t.Parallel()
	cutOff := natsserver.Start(t, &natsserver.Options{}).ClientURL()
	good := natsserver.Start(t, &natsserver.Options{JetStream: true}).ClientURL()
	nc, err := Connect(t.Context(), cutOff+","+good, ConnectOptions{Extra: []nats.Option{nats.DontRandomize()}})
	require.NoError(t, err)
	defer nc.Close()
	leads(t, nc, cutOff)
	js, err := jetstream.New(nc)
	require.NoError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- leaveServers(ctx, nc, js, 50*time.Millisecond, slog.New(slog.DiscardHandler)) }()
	leads(t, nc, good)
	stop()
	require.NoError(t, <-done)
}

// TestASilentServerIsLeft: it is frozen, or a network swallows all that is sent.
func TestASilentServerIsLeft(t *testing.T) {
	t.Parallel()
	silent, through := wire.New(t, "nats", natsserver.Start(t, &natsserver.Options{}).ClientURL())
	good := natsserver.Start(t, &natsserver.Options{}).ClientURL()
	nc, err := Connect(t.Context(), through+","+good, ConnectOptions{Extra: []nats.Option{nats.DontRandomize()}})
	require.NoError(t, err)
	defer nc.Close()
	leads(t, nc, through)
	watch := waits.Start()
	silent.Spoil(t, wire.Toxic{Kind: "timeout", Attributes: map[string]int{"timeout": 0}}, "downstream", 1)
	leads(t, nc, good)
	require.Less(t, watch.Elapsed(), 20*time.Second)
}
