package control

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/syncer/operations"
)

// Tell publishes how jobs stand, for syncer.TellJobs. It does not wait for the
// server; while NATS is away, what is told is lost.
func Tell(nc *nats.Conn, names bus.Names, log *slog.Logger) func(operations.Job) {
	return func(j operations.Job) {
		m, err := operations.JobMessage(j, time.Now())
		if err == nil {
			err = nc.PublishMsg(&nats.Msg{Subject: names.Subject(m.Subject), Header: m.Header, Data: m.Data})
		}
		if err != nil {
			log.Debug("tell progress", "job", j.ID, "error", err)
		}
	}
}

// Follow calls news whenever something of a job is told by any process, until
// stop is called. News must not block.
func Follow(nc *nats.Conn, names bus.Names, job string, news func()) (stop func(), err error) {
	sub, err := nc.Subscribe(names.Subject(bus.JobSubject(job)), func(*nats.Msg) { news() })
	if err != nil {
		return nil, fmt.Errorf("follow job %s: %w", job, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}
