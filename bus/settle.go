package bus

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// settleTimeout bounds the calls that settle a batch, which a stop does not cut short.
const settleTimeout = 10 * time.Second

// hand is what a handler works on, which its context knows.
type hand struct {
	c         *consumption
	key       string
	ds        []Delivery
	aside     bool // the handler stored its dead letter
	forgotten bool // the handler removed the dead letters of its key
}

type handKey struct{}

// PutAside stores the dead letter of what a handler works on; ctx is the one that it was
// given, or there is nothing to do. The handler returns Reject then, which stores it else.
// It is for handlers that lock out others who work on the same and might succeed: what is
// stored before the lock is given up does not outlast a success that follows.
func (b *Bus) PutAside(ctx context.Context, reason string) error {
	h, ok := ctx.Value(handKey{}).(*hand)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return h.putAside(ctx, reason)
}

func (h *hand) putAside(ctx context.Context, reason string) error {
	if err := h.c.b.storeLetter(ctx, h.c.cfg, h.key, h.ds, reason); err != nil {
		return err
	}
	h.c.b.letters.add(h.key)
	h.c.b.log.Warn("event put aside as a dead letter", "consumer", h.c.cfg.Durable, "key", h.key)
	h.aside = true
	return nil
}

// settle does with the messages of a key what the handler's answer asks for.
func (c *consumption) settle(ctx context.Context, h *hand, result error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	var reject *rejectError
	switch {
	case result == nil:
		c.ackAll(ctx, h.key)
		if !h.forgotten {
			c.b.ForgetDeadLetters(ctx, h.key)
		}
	case errors.As(result, &reject):
		c.reject(ctx, h, reject.reason)
	default:
		c.putOff(h.key, c.delay(result, h.ds), result)
	}
}

func (c *consumption) ackAll(ctx context.Context, key string) {
	for _, h := range c.queue.running(key) {
		if err := h.source.settled(ctx, h); err != nil {
			c.b.log.Warn("acknowledgement not sent, its event comes again", "consumer", c.cfg.Durable, "error", err)
		}
	}
}

// reject stores the dead letter first: an event is never in neither place
// (invariant 14).
func (c *consumption) reject(ctx context.Context, h *hand, reason string) {
	if !h.aside {
		if err := h.putAside(ctx, reason); err != nil {
			c.putOff(h.key, c.backoff(h.ds), err)
			return
		}
	}
	c.ackAll(ctx, h.key)
}

func (c *consumption) putOff(key string, d time.Duration, cause error) {
	c.b.log.Debug("event put off", "consumer", c.cfg.Durable, "key", key, "delay", d, "error", cause)
	for _, h := range c.queue.running(key) {
		if err := h.msg.NakWithDelay(d); err != nil {
			c.b.log.Warn("event not put off, it comes again after the acknowledgement wait", "consumer", c.cfg.Durable, "error", err)
		}
	}
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
