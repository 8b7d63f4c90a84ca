package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/crmmind/mksync/bus"
)

// What a service tells of itself, besides its version.
const (
	metaHost    = "host"
	metaProcess = "process"
)

// metadata is where this process is found.
func metadata() map[string]string {
	m := map[string]string{metaProcess: strconv.Itoa(os.Getpid())}
	if host, err := os.Hostname(); err == nil {
		m[metaHost] = host
	}
	return m
}

// Instance is a service that answers requests; of several, the first to answer.
type Instance struct{ Version, Host, Process string }

// String says which service it is; what an older one does not tell is left out.
func (i Instance) String() string {
	text := "mksync " + i.Version
	if i.Process != "" {
		text += ", process " + i.Process
	}
	if i.Host != "" {
		text += " on " + i.Host
	}
	return text
}

// lookEvery is the pause between two looks for a service that starts.
const lookEvery = 50 * time.Millisecond

// Find looks for a service that answers on NATS, or comes to within wait. Errors:
// ErrNoService when there is none.
func Find(ctx context.Context, nc *nats.Conn, names bus.Names, wait time.Duration) (Instance, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for began := time.Now(); ; {
		m, err := nc.RequestWithContext(ctx, micro.APIPrefix+".PING."+names.Base(), nil)
		switch {
		case err == nil:
			return instance(m.Data), nil
		case !errors.Is(err, nats.ErrNoResponders):
			return Instance{}, fmt.Errorf("look for a running service: %w", err)
		case time.Since(began) >= wait:
			return Instance{}, ErrNoService
		}
		select {
		case <-ctx.Done():
			return Instance{}, ctx.Err()
		case <-tick.C:
		}
	}
}

// gather is how long services are given to answer.
const gather = 120 * time.Millisecond

// Instances are all services that answer on NATS soon.
func Instances(ctx context.Context, nc *nats.Conn, names bus.Names) ([]Instance, error) {
	answers, err := nc.SubscribeSync(nc.NewRespInbox())
	if err != nil {
		return nil, fmt.Errorf("look for running services: %w", err)
	}
	defer func() { _ = answers.Unsubscribe() }()
	if err := nc.PublishRequest(micro.APIPrefix+".PING."+names.Base(), answers.Subject, nil); err != nil {
		return nil, fmt.Errorf("look for running services: %w", err)
	}

	ctx, cancel := context.WithTimeout(ctx, gather)
	defer cancel()
	var all []Instance
	for {
		m, err := answers.NextMsgWithContext(ctx)
		if err != nil || len(m.Data) == 0 { // nobody else, or nobody at all
			return all, nil
		}
		all = append(all, instance(m.Data))
	}
}

// instance reads what a service says of itself. An answer that cannot be read is
// an answer all the same.
func instance(data []byte) Instance {
	var p micro.Ping
	_ = json.Unmarshal(data, &p)
	return Instance{Version: p.Version, Host: p.Metadata[metaHost], Process: p.Metadata[metaProcess]}
}
