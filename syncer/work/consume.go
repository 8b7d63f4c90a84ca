package work

import (
	"context"
	"errors"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/syncer"
)

// WorkerConfig bounds what a pusher or puller does at once. Zero values take
// the defaults.
type WorkerConfig struct {
	Workers  int           // contacts at once, and as many of a snapshot; 4
	AckWait  time.Duration // a killed process's work goes to another after this; the bus's default
	SweepAge time.Duration // how long ago the partners may have been seen when a snapshot's contacts are begun; 15m

	// Kept, where it is set, waits until what was committed outlasts the database's server,
	// or tells why it does not yet.
	Kept func(ctx context.Context) error

	// Trace, where it is set, begins what is traced of a consumer's messages, and returns
	// how to end it.
	Trace func(ctx context.Context, consumer string, w *bus.Work) (context.Context, func(bus.Outcome))
	// Observe, where it is set, is told what became of a consumer's messages.
	Observe func(consumer string, outcome bus.Outcome, messages int)
}

func consumer(stream, durable string, workers int, cfg WorkerConfig, gate *syncer.Gate) bus.ConsumerConfig {
	c := bus.ConsumerConfig{
		Stream: stream, Durable: durable, Workers: workers, AckWait: cfg.AckWait,
		MinBackoff: 250 * time.Millisecond, MaxBackoff: 4 * time.Second, Gate: gate.Wait,
	}
	if cfg.Observe != nil {
		c.Observe = func(outcome bus.Outcome, messages int) { cfg.Observe(durable, outcome, messages) }
	}
	if cfg.Trace != nil {
		c.Trace = func(ctx context.Context, w *bus.Work) (context.Context, func(bus.Outcome)) {
			return cfg.Trace(ctx, durable, w)
		}
	}
	return c
}

// kept lets no event be acknowledged that a failover would bring back to be done (invariant
// 31).
func (c WorkerConfig) kept(handle bus.Handler) bus.Handler {
	if c.Kept == nil {
		return handle
	}
	return func(ctx context.Context, w *bus.Work) error {
		if err := handle(ctx, w); err != nil {
			return err
		}
		if err := c.Kept(ctx); err != nil {
			return bus.Retry(retryPaused, err)
		}
		return nil
	}
}

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// retryPaused is how soon work comes back that met an outage; the gate decides
// when it goes on.
const retryPaused = 500 * time.Millisecond

// settle tells the gate how a piece of work ended and the consumer what to
// do with its messages. An outage dead-letters nothing (invariant 7).
func settle(r *syncer.Reconciler, gate *syncer.Gate, key string, err error) error {
	gate.Report(err)
	wait := r.Ended(key, err)
	var rejected *syncer.RejectError
	var pending *syncer.PendingError
	switch {
	case errors.As(err, &rejected):
		return bus.Reject(rejected.Reason)
	case errors.As(err, &pending):
		return bus.Retry(pending.After, err)
	case syncer.Outage(err):
		return bus.Retry(retryPaused, err)
	case wait > 0:
		return bus.Retry(wait, err)
	}
	return err
}
