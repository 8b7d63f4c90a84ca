package bus

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// settleTimeout bounds the calls that settle a batch, which a stop does not cut short.
const settleTimeout = 10 * time.Second

// settle does with the messages of a key what the handler's answer asks for.
func (c *consumption) settle(ctx context.Context, key string, ds []Delivery, result error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	var reject *rejectError
	switch {
	case result == nil:
		c.ackAll(ctx, key)
		c.b.ForgetDeadLetters(ctx, key)
	case errors.As(result, &reject):
		c.reject(ctx, key, ds, reject.reason)
	default:
		c.putOff(key, c.delay(result, ds), result)
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
func (c *consumption) reject(ctx context.Context, key string, ds []Delivery, reason string) {
	if err := c.b.storeLetter(ctx, c.cfg, key, ds, reason); err != nil {
		c.putOff(key, c.backoff(ds), err)
		return
	}
	c.b.letters.add(key)
	c.b.log.Warn("event put aside as a dead letter", "consumer", c.cfg.Durable, "key", key)
	c.ackAll(ctx, key)
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
