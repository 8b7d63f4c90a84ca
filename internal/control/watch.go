package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/crmmind/mksync/syncer/operations"
)

// A request that takes long is watched: its header names a subject, to which the
// service sends how far it is, as requests. The answer says to go on or to stop;
// where nobody answers, whoever asked is gone and the service stops as well.
const (
	headerWatch = "Mksync-Watch"
	answerStop  = "stop"
)

const (
	// watchWithin is how long the watcher may take to answer.
	watchWithin = 30 * time.Second
	// silence is how long the service may say nothing.
	silence = 60 * time.Second
)

// watchOver tells a watcher on the other side of NATS.
func watchOver(nc *nats.Conn, subject string) operations.Watch {
	return func(ctx context.Context, p operations.Progress) error {
		data, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("write progress: %w", err)
		}
		ctx, cancel := context.WithTimeout(ctx, watchWithin)
		defer cancel()
		m, err := nc.RequestWithContext(ctx, subject, data)
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", errNobodyWatches, err)
		case string(m.Data) == answerStop:
			return errStopped
		}
		return nil
	}
}

// watched asks like Answer, and tells watch how far the service is. When ctx
// ends the service is asked to stop, and its answer is still waited for.
func (c *Client) watched(ctx context.Context, name string, request []byte, watch operations.Watch) (*nats.Msg, error) {
	asking, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)

	// A service that says nothing for this long is gone.
	inbox := c.nc.NewInbox()
	quiet := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer quiet.Stop()
	var stop atomic.Bool

	sub, err := c.nc.Subscribe(inbox, func(m *nats.Msg) {
		quiet.Reset(silence)
		var p operations.Progress
		if err := json.Unmarshal(m.Data, &p); err == nil && watch(ctx, p) != nil {
			stop.Store(true)
		}
		reply := ""
		if stop.Load() || ctx.Err() != nil {
			reply = answerStop
		}
		_ = m.Respond([]byte(reply))
	})
	if err != nil {
		return nil, fmt.Errorf("watch the running service: %w", err)
	}

	defer func() { _ = sub.Unsubscribe() }()
	asked := c.message(ctx, name, request)
	asked.Header.Set(headerWatch, inbox)
	m, err := c.nc.RequestMsgWithContext(asking, asked)

	if cause := context.Cause(asking); err != nil && errors.Is(cause, errSilent) {
		return nil, errSilent
	}
	return m, err
}
