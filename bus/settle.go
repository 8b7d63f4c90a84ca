package bus

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/crmmind/mksync/coded"
)

// settleTimeout bounds the calls that settle a batch, which a stop does not cut short.
const settleTimeout = 10 * time.Second

// Work is what a handler applies: all that waits for one key, oldest first.
type Work struct {
	Key        string
	Deliveries []Delivery

	c         *consumption
	aside     bool // its dead letter is stored
	forgotten bool // the dead letters of its key are removed
}

// PutAside stores the dead letter of the work. The handler returns Reject then, which
// stores it else. It is for handlers that lock out others who work on the same and might
// succeed: what is stored before the lock is given up does not outlast a success that
// follows.
func (w *Work) PutAside(ctx context.Context, reason coded.Text) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return w.putAside(ctx, reason)
}

func (w *Work) putAside(ctx context.Context, reason coded.Text) error {
	if err := w.c.b.storeDeadLetter(ctx, w.c.cfg, w.Key, w.Deliveries, reason); err != nil {
		return err
	}
	w.c.b.deadLetters.add(eventsOf{w.c.cfg.Stream, w.Key}, w.c.cfg.Durable)
	w.c.b.log.WarnContext(ctx, "event put aside as a dead letter", "consumer", w.c.cfg.Durable, "key", w.Key)
	w.aside = true
	return nil
}

// Forgot notes that the dead letters of a key were removed while the handler worked: those
// of the work's own are not removed again at its success, for what is put aside since is
// about something later.
func (w *Work) Forgot(key string) {
	if w.Key == key {
		w.forgotten = true
	}
}

// settle does with the messages of a key what the handler's answer asks for, and tells
// what became of them.
func (c *consumption) settle(ctx context.Context, w *Work, result error) Outcome {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	var reject *rejectError
	switch {
	case result == nil:
		c.ackAll(ctx, w.Key)
		if !w.forgotten {
			c.b.forgetDeadLetters(ctx, eventsOf{c.cfg.Stream, w.Key})
		}
		return Done
	case errors.As(result, &reject):
		return c.reject(ctx, w, reject.reason)
	default:
		return c.putOff(ctx, w.Key, c.delay(result, w.Deliveries), result)
	}
}

func (c *consumption) ackAll(ctx context.Context, key string) {
	for _, h := range c.queue.running(key) {
		if err := h.source.settled(ctx, h); err != nil {
			c.b.log.WarnContext(ctx, "acknowledgement not sent, its event comes again", "consumer", c.cfg.Durable, "error", err)
		}
	}
}

// reject stores the dead letter first: an event is never in neither place
// (invariant 14).
func (c *consumption) reject(ctx context.Context, w *Work, reason coded.Text) Outcome {
	if !w.aside {
		if err := w.putAside(ctx, reason); err != nil {
			return c.putOff(ctx, w.Key, c.backoff(w.Deliveries), err)
		}
	}
	c.ackAll(ctx, w.Key)
	return PutAside
}

func (c *consumption) putOff(ctx context.Context, key string, d time.Duration, cause error) Outcome {
	c.b.log.DebugContext(ctx, "event put off", "consumer", c.cfg.Durable, "key", key, "delay", d, "error", cause)
	for _, h := range c.queue.running(key) {
		if err := h.msg.NakWithDelay(d); err != nil {
			c.b.log.WarnContext(ctx, "event not put off, it comes again after the acknowledgement wait", "consumer", c.cfg.Durable, "error", err)
		}
	}
	return PutOff
}

func (c *consumption) delay(err error, ds []Delivery) time.Duration {
	var r *retryError
	if errors.As(err, &r) && r.after > 0 {
		return r.after
	}
	return c.backoff(ds)
}

// backoff doubles with each attempt, up to its limit, and spreads by a tenth so that what
// failed together does not come again together.
func (c *consumption) backoff(ds []Delivery) time.Duration {
	attempts := uint64(1)
	for _, d := range ds {
		attempts = max(attempts, d.Attempts)
	}
	d := c.cfg.MinBackoff
	for ; attempts > 1 && d < c.cfg.MaxBackoff; attempts-- {
		d *= 2
	}
	d = min(d, c.cfg.MaxBackoff)
	return d - time.Duration(rand.Int64N(int64(d)/10+1)) //nolint:gosec // not a secret
}
