package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/syncer/operations"
)

// Client asks a running service; it is a syncer.Answerer.
type Client struct {
	nc    *nats.Conn
	names bus.Names
}

// NewClient returns a Client that asks the service of these names over nc.
func NewClient(nc *nats.Conn, names bus.Names) *Client { return &Client{nc, names} }

// ask sends the request; one that the context's Watch watches outlives ctx until
// the service has stopped.
func (c *Client) ask(ctx context.Context, name string, request []byte) (*nats.Msg, error) {
	if watch := operations.WatchOf(ctx); watch != nil {
		return c.watched(ctx, name, request, watch)
	}
	m := c.message(ctx, name, request)
	if deadline, bounded := ctx.Deadline(); bounded {
		m.Header.Set(headerDeadline, deadline.UTC().Format(time.RFC3339Nano))
	}
	return c.nc.RequestMsgWithContext(ctx, m)
}

// message is a request, with the trace that ctx is in among its headers.
func (c *Client) message(ctx context.Context, name string, request []byte) *nats.Msg {
	return &nats.Msg{Subject: c.names.Subject(subjectPrefix + name), Data: request, Header: telemetry.Headers(ctx)}
}

// Answer implements syncer.Answerer. Errors: ErrNoService when nobody got the
// request, *syncer.RequestError when it was answered with one.
func (c *Client) Answer(ctx context.Context, name string, request []byte) ([]byte, error) {
	m, err := c.ask(ctx, name, request)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, ErrNoService
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return nil, errUnanswered
	case err != nil:
		return nil, fmt.Errorf("ask the running service: %w", err)
	}
	var a operations.Reply
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return nil, fmt.Errorf("read the running service's answer: %w", err)
	}
	switch {
	case a.Error != nil:
		return nil, a.Error
	case !a.Success:
		return nil, errBadAnswer
	}
	return a.Data, nil
}
