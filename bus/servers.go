package bus

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// serverLook is how often the server that we are connected to is asked whether it serves.
	serverLook = 3 * time.Second
	// serverMisses are so many answers in a row that do not come before it is left. Until a
	// cluster has another leader, none of its servers answers for some seconds.
	serverMisses = 3
)

// LeaveServers leaves, until ctx ends, a server of a cluster that is there and of no use: it
// is cut off from the others, or its disk is full. A client of NATS stays with a server as
// long as that answers its pings. Where there is no other one, nothing is done.
func (b *Bus) LeaveServers(ctx context.Context) error {
	return leaveServers(ctx, b.nc, b.js, serverLook, b.log)
}

func leaveServers(ctx context.Context, nc *nats.Conn, js jetstream.JetStream, look time.Duration, log *slog.Logger) error {
	for misses := 0; sleep(ctx, look); {
		misses++
		if len(nc.Servers()) < 2 || !nc.IsConnected() || serves(ctx, js, look) {
			misses = 0
		}
		if misses < serverMisses {
			continue
		}

		log.WarnContext(ctx, "the NATS server does not reach its cluster: trying another one", "server", nc.ConnectedAddr())
		if err := nc.ForceReconnect(); err != nil {
			log.DebugContext(ctx, "not connected anew", "error", err)
		}
		misses = 0
	}
	return nil
}

// serves tells whether the server, or one that it reaches, answers for the streams.
func serves(ctx context.Context, js jetstream.JetStream, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, err := js.AccountInfo(ctx)
	return err == nil
}
