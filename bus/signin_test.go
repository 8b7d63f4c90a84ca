package bus

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// TestAPasswordIsChangedOnTheServerFirst: who is refused for a while connects again when
// the server takes the password; nats.go gives up at the second refusal by itself.
func TestAPasswordIsChangedOnTheServerFirst(t *testing.T) {
	t.Parallel()
	options := natsserver.Options{Username: "mksync", Password: "ours"}
	server := natsserver.Start(t, &options)
	refused := make(chan error, 100)
	nc, err := Connect(t.Context(), server.ClientURL(), ConnectOptions{Extra: []nats.Option{
		nats.UserInfo("mksync", "ours"), nats.ReconnectWait(20 * time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			select {
			case refused <- err:
			default:
			}
		}),
	}})
	require.NoError(t, err)
	defer nc.Close()

	another := options
	another.Port, another.Password = natsserver.Port(server), "another"
	server.Shutdown()
	changed := natsserver.Start(t, &another)
	for range 3 {
		err, ok := waits.Within(patience, refused)
		require.True(t, ok, "not refused")
		require.ErrorIs(t, err, nats.ErrAuthorization)
	}
	require.False(t, nc.IsConnected())

	changed.Shutdown()
	options.Port = another.Port
	natsserver.Start(t, &options)
	waits.Eventually(t, patience, func() error {
		if !nc.IsConnected() {
			return errors.New("not connected again")
		}
		return nil
	})
}
