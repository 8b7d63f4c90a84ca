package bus

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// TestAPasswordIsChangedOnTheServerFirst: who is refused for a while says so once, and
// connects again when the server takes the password; nats.go by itself gives up at the
// second refusal.
func TestAPasswordIsChangedOnTheServerFirst(t *testing.T) {
	t.Parallel()
	options := natsserver.Options{Username: "mksync", Password: "ours"}
	server := natsserver.Start(t, &options)
	var log bytes.Buffer
	closed := make(chan struct{}) // what is logged is logged by then
	nc, err := Connect(t.Context(), server.ClientURL(), ConnectOptions{
		Log: slog.New(slog.NewTextHandler(&log, nil)),
		Extra: []nats.Option{
			nats.UserInfo("mksync", "ours"), nats.ReconnectWait(20 * time.Millisecond), nats.ReconnectJitter(0, 0),
			nats.ClosedHandler(func(*nats.Conn) { close(closed) }),
		},
	})
	require.NoError(t, err)
	defer nc.Close()

	another := options
	another.Port, another.Password = natsserver.Port(server), "another"
	server.Shutdown()
	changed := natsserver.Start(t, &another)
	refusals := natsserver.Watch(changed)
	eventually(t, func() bool { return len(refusals.Lines()) >= 3 }, "not refused")
	require.False(t, nc.IsConnected())

	changed.Shutdown()
	options.Port = another.Port
	natsserver.Start(t, &options)
	eventually(t, nc.IsConnected, "not connected again")
	nc.Close()
	waits.Within(patience, closed)
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("authorization violation")))
}
