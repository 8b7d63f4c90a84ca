package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/doctor"
)

// askTimeout bounds the connection to a running service and its answer.
const askTimeout = 5 * time.Second

// registerTimeout is how long a service that starts may take to answer requests.
const registerTimeout = 2 * time.Second

// Client asks a running service.
type Client struct {
	*control.Client
	Instance control.Instance

	nc      *nats.Conn
	version string // of this program
}

// askAgain is the pause before a service that is starting is asked again.
const askAgain = 50 * time.Millisecond

// Answer implements syncer.Answerer. A service that has just started takes its
// operations on one after another; one that still does not know this one by then
// is of another version.
func (c *Client) Answer(ctx context.Context, name string, request []byte) ([]byte, error) {
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for began := time.Now(); ; {
		answer, err := c.Client.Answer(ctx, name, request)
		switch {
		case !errors.Is(err, control.ErrNoService):
			return answer, err
		case time.Since(began) >= registerTimeout:
			return nil, fmt.Errorf("the running service (%s) does not know this request, or has just stopped; this command is of mksync %s: use the same version", c.Instance, c.version)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// Reach connects to the running service, for a command of a version. Close it.
// Errors: control.ErrNoService where none runs.
func Reach(ctx context.Context, cfg config.Config, version string) (*Client, error) {
	nc, err := Dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	// Who holds the data directory and does not answer yet may be starting.
	wait := registerTimeout
	if cfg.NATSURL != "" {
		wait = 0
	}

	bounded, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	instance, err := control.Find(bounded, nc, cfg.Names(), wait)
	if err != nil {
		nc.Close()
	}

	if errors.Is(err, control.ErrNoService) && cfg.NATSURL == "" {
		return nil, fmt.Errorf("a service runs on %s but answers no requests: it is still starting (try again), or runs without the role %s", cfg.DataDir, RoleAPI)
	}
	return &Client{Client: control.NewClient(nc, cfg.Names()), Instance: instance, nc: nc, version: version}, err
}

// Close ends the connection.
func (c *Client) Close() { c.nc.Close() }

// Dial connects to the NATS server that the service uses, without waiting for
// one.
func Dial(ctx context.Context, cfg config.Config) (*nats.Conn, error) {
	url := cfg.NATSURL.Reveal()
	if url == "" {
		var ok bool
		if url, ok = embedded.Lookup(cfg.DataDir); !ok {
			return nil, control.ErrNoService
		}
	}
	return connect(ctx, cfg, url, bus.ConnectOptions{Name: "mksync command"})
}

// connect signs in to NATS as the settings say; its error says what to do.
func connect(ctx context.Context, cfg config.Config, url string, o bus.ConnectOptions) (*nats.Conn, error) {
	o.Extra = cfg.NATSOptions()
	nc, err := bus.Connect(ctx, url, o)
	if err != nil {
		f := doctor.NATSProblem(err, cfg.NATSSignIn())
		return nil, fmt.Errorf("connect to NATS: %s: %s", f.Detail, f.Do)
	}
	return nc, nil
}
