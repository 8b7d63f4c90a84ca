package metakocka

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// maxAnswer bounds what one answer may occupy in memory.
const maxAnswer = 256 << 20

// repetition says which transient failures a call is repeated after.
type repetition int

const (
	never     repetition = iota
	ifNotSent            // only where the request certainly was not sent
	always
)

// call makes one call, repeated after transient failures as repeat allows. The answer
// is of into's bytes, and holds until these are used for another one.
func (c *Client) call(ctx context.Context, endpoint string, args map[string]any, repeat repetition, into *bytes.Buffer, before Prepare) (answer, error) {
	body, err := c.body(args)
	if err != nil {
		return answer{}, fmt.Errorf("write %s: %w", endpoint, c.redact.err(err))
	}

	pauses := c.pauses()
	sent := false
	for left := c.cfg.Retries; ; left-- {
		a, err := c.attempt(ctx, endpoint, body, into, before)
		var transient *TransientError
		if !errors.As(err, &transient) {
			return a, err
		}

		sent = sent || transient.Sent
		transient.Sent = sent
		if left <= 0 || !worthRepeating(ctx, transient, repeat) {
			return answer{}, transient
		}

		pause := max(pauses.NextBackOff(), min(transient.RetryAfter, c.cfg.BackoffMax))
		c.log.Debug("MetaKocka call is repeated", slog.String("endpoint", endpoint),
			slog.Duration("in", pause), slog.Any("error", transient))
		if sleep(ctx, pause) != nil {
			return answer{}, transient
		}
		c.cfg.ObserveRepeat(endpoint)
	}
}

func worthRepeating(ctx context.Context, err *TransientError, repeat repetition) bool {
	if ctx.Err() != nil || errors.Is(err, ErrBreakerOpen) || errors.Is(err, ErrUnreadable) {
		return false
	}
	return repeat == always || repeat == ifNotSent && !err.Sent
}

func (c *Client) pauses() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(c.cfg.BackoffInitial),
		backoff.WithMaxInterval(c.cfg.BackoffMax),
		backoff.WithMaxElapsedTime(0),
	)
}

// attempt takes a slot, makes one request and tells breaker and observer of it.
func (c *Client) attempt(ctx context.Context, endpoint string, body []byte, into *bytes.Buffer, before Prepare) (answer, error) {
	if c.breaker.open() {
		return answer{}, c.paused(endpoint)
	}

	prepared := preparation{before: before}
	if err := prepared.fresh(ctx); err != nil {
		return answer{}, fmt.Errorf("prepare %s: %w", endpoint, err)
	}

	if err := c.slots.acquire(ctx, c.lane); err != nil {
		return answer{}, &TransientError{Endpoint: endpoint, Err: err}
	}
	defer c.slots.release()
	if err := c.takeRate(ctx); err != nil {
		return answer{}, &TransientError{Endpoint: endpoint, Err: err}
	}

	done, err := c.breaker.allow()
	if err != nil {
		return answer{}, c.paused(endpoint)
	}

	// Waiting for a turn may have taken long: what was prepared before it is looked at once more.
	if err := prepared.fresh(ctx); err != nil {
		done(context.Canceled) // says nothing about MetaKocka
		return answer{}, fmt.Errorf("prepare %s: %w", endpoint, err)
	}

	c.inFlight.Add(1)
	defer c.inFlight.Add(-1)
	start := time.Now()
	a, err := c.post(ctx, endpoint, body, into)
	done(err)
	c.cfg.Observe(endpoint, outcome(err), time.Since(start))
	return a, err
}

func (c *Client) paused(endpoint string) error {
	c.cfg.Observe(endpoint, "paused", 0)
	return &TransientError{Endpoint: endpoint, Err: ErrBreakerOpen}
}

// takeRate is asked for with the slot held, so that a live call never finds
// the rate used up by bulk calls that came before it.
func (c *Client) takeRate(ctx context.Context) error {
	if c.limiter == nil {
		return nil
	}
	return c.limiter.Wait(ctx)
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrNotFound):
		return "not_found"
	case IsRefusal(err):
		return "refused"
	case errors.Is(err, context.Canceled):
		return "canceled"
	default:
		return "transient"
	}
}

// post makes one HTTP request and reads its answer.
func (c *Client) post(ctx context.Context, endpoint string, body []byte, into *bytes.Buffer) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()

	var trace connTrace
	req, err := http.NewRequestWithContext(trace.watch(ctx), http.MethodPost, c.cfg.URL+"/"+endpoint, bytes.NewReader(body))
	if err != nil {
		return answer{}, &TransientError{Endpoint: endpoint, Err: c.redact.err(err)}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Accept", "application/json")

	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, &TransientError{Endpoint: endpoint, Err: c.redact.err(err), Sent: !trace.certainlyNotSent(err)}
	}
	defer func() { _ = resp.Body.Close() }()

	into.Reset()
	_, err = into.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && into.Len() > maxAnswer {
		err = errors.New("answer is too large")
	}
	if err != nil {
		return answer{}, &TransientError{Endpoint: endpoint, Err: fmt.Errorf("read answer: %w", c.redact.err(err)), Sent: true}
	}

	return c.parseAnswer(endpoint, resp.StatusCode, resp.Header, c.redact.data(into.Bytes()))
}

func (c *Client) body(args map[string]any) ([]byte, error) {
	m := maps.Clone(args)
	m[keySecret], m[keyCompany] = *c.secret, c.cfg.CompanyID
	return json.Marshal(m)
}

// connTrace knows whether a request got a connection. A transport that reports
// nothing counts as one that sent.
type connTrace struct{ asked, got atomic.Bool }

func (t *connTrace) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { t.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { t.got.Store(true) },
	})
}

func (t *connTrace) certainlyNotSent(err error) bool {
	if t.got.Load() {
		return false
	}
	var op *net.OpError
	return t.asked.Load() || (errors.As(err, &op) && op.Op == "dial")
}
