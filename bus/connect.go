package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// ConnectOptions are the parts of a connection that differ from place to place.
type ConnectOptions struct {
	Name  string // shown in the server's connection list; "mksync" when empty
	Log   *slog.Logger
	Extra []nats.Option // applied last; how to sign in
}

// pingInterval is a third of how long a server may be silent, frozen or behind a network
// that swallows, before the connection is made to another one.
const pingInterval = 4 * time.Second

// Connect connects to NATS and stays connected: a lost connection is made again for ever.
// The first connection has to succeed at once; ctx's deadline bounds each try. Close it with its own Close.
func Connect(ctx context.Context, url string, o ConnectOptions) (*nats.Conn, error) {
	if o.Name == "" {
		o.Name = "mksync"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}

	opts := append([]nats.Option{
		nats.Name(o.Name),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // a password may be changed on the server first, or back
		nats.ReconnectWait(500 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, time.Second),
		nats.PingInterval(pingInterval), // two may go without an answer
	}, logHandlers(o.Log)...)

	if deadline, ok := ctx.Deadline(); ok {
		opts = append(opts, nats.Timeout(max(time.Until(deadline), time.Millisecond)))
	}

	nc, err := nats.Connect(url, append(opts, o.Extra...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return nc, nil
}

// logHandlers report what happens to a connection. Addresses are logged without
// user parts, of which a token is one.
func logHandlers(log *slog.Logger) []nats.Option {
	// A refusal comes with each try, for as long as it takes; it is told once.
	var refused atomic.Bool

	return []nats.Option{
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if nc.IsClosed() {
				return
			}
			log.Warn("connection to NATS lost", "error", err)
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			refused.Store(false)
			log.Info("connected to NATS again", "server", nc.ConnectedAddr())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrAuthorization) && refused.Swap(true) {
				return
			}
			args := []any{"error", err}
			if sub != nil {
				args = append(args, "subject", sub.Subject)
			}
			log.Warn("NATS reported an error", args...)
		}),
	}
}
