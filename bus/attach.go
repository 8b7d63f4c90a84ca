package bus

import (
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Attach returns a Bus to look at streams that a service has made; it makes none itself.
func Attach(nc *nats.Conn, names Names) (*Bus, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	return &Bus{nc: nc, js: js, log: slog.New(slog.DiscardHandler), names: names, streams: streamConfigs(Config{Names: names})}, nil
}
