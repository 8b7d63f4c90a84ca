package metakocka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// Endpoints of the API that are used.
const (
	EndpointGet    = "get_partner"
	EndpointAdd    = "add_partner"
	EndpointUpdate = "update_partner"
)

// Client calls one company's MetaKocka. It is safe for concurrent use.
type Client struct {
	*shared
	lane Lane
}

// Lane is the client whose calls go in a lane. All of one New share its slots, its rate
// and its breaker.
func (c *Client) Lane(l Lane) *Client { return &Client{shared: c.shared, lane: l} }

// shared is what a client's lanes have in common.
type shared struct {
	cfg      Config // without the secret key
	secret   *string
	log      *slog.Logger
	http     *http.Client
	redact   *redactor
	slots    *slots
	breaker  *breaker
	limiter  *rate.Limiter // nil: no limit
	inFlight atomic.Int64
}

// New makes a ready client, in the live lane; an error names every problem of the configuration.
func New(cfg Config, log *slog.Logger) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure MetaKocka client: %w", err)
	}
	if plainRemote(cfg.URL) {
		log.Warn("the MetaKocka address is not https: the secret key travels unencrypted")
	}
	secret := cfg.SecretKey
	cfg.SecretKey = ""
	c := &shared{
		cfg: cfg, secret: &secret, log: log,
		http:    cfg.httpClient(),
		redact:  newRedactor(secret),
		slots:   newSlots(cfg.Concurrency),
		breaker: newBreaker(cfg, log),
	}
	if cfg.RatePerSecond > 0 {
		c.limiter = rate.NewLimiter(rate.Limit(cfg.RatePerSecond), 1)
	}
	return &Client{shared: c}, nil
}

// Close lets go of idle connections; calls in flight are not touched.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// State shows how the calls go.
func (c *Client) State() State {
	s := c.breaker.state()
	s.InFlight = int(c.inFlight.Load())
	s.Waiting = c.slots.waiting()
	return s
}

// Find searches partners. Nothing found is an empty Found and no error.
func (c *Client) Find(ctx context.Context, q Query) (Found, error) {
	args := q.arguments()
	if len(args) == 0 && !q.All {
		return Found{}, ErrEmptyQuery
	}
	a, err := c.call(ctx, EndpointGet, args, always, q.Memory.buffer(), nil)
	if errors.Is(err, ErrNotFound) {
		return Found{}, nil
	}
	if err != nil {
		return Found{}, err
	}
	return a.found(EndpointGet, q.Memory)
}

// Get reads one partner. ErrNotFound only when MetaKocka says that there is no
// such partner; an answer with other partners is an error, not an absence.
func (c *Client) Get(ctx context.Context, mkID string) (Partner, error) {
	found, err := c.Find(ctx, Query{ID: mkID})
	if err != nil {
		return Partner{}, err
	}
	for _, p := range found.Partners {
		if p.MKID == mkID {
			return p, nil
		}
	}
	if len(found.Partners) > 0 {
		return Partner{}, unreadable(EndpointGet, errors.New("other partners than the one asked for"))
	}
	return Partner{}, ErrNotFound
}

// Add makes a new partner. MetaKocka never matches an existing one, so the
// request is sent once and repeated only when it certainly was not sent. After
// an error that is Uncertain the partner may exist: look it up first.
func (c *Client) Add(ctx context.Context, n NewPartner, before Prepare) (Added, error) {
	a, err := c.call(ctx, EndpointAdd, n.arguments(), ifNotSent, &bytes.Buffer{}, before)
	if err != nil {
		return Added{}, err
	}
	return a.added(EndpointAdd)
}

// Update changes a partner and gives it as it then is: MetaKocka's answer, or
// where that holds no whole partner, a read after it. Compare it with what was
// sent: values may be cut, dropped or left. It is sent once: before another try
// the partner has to be read again, or an edit made in the ERP meanwhile is lost.
func (c *Client) Update(ctx context.Context, u Update, before Prepare) (Partner, error) {
	if err := u.validate(); err != nil {
		return Partner{}, err
	}
	a, err := c.call(ctx, EndpointUpdate, u.arguments(), never, &bytes.Buffer{}, before)
	if err != nil {
		return Partner{}, err
	}
	p, ok, err := a.updated(EndpointUpdate, u.MKID)
	if err != nil || ok {
		return p, err
	}
	return c.readBack(ctx, u.MKID)
}

// readBack reads what an update stored. Its failures, a refusal as well, leave the
// update's outcome open: what was sent has been processed.
func (c *Client) readBack(ctx context.Context, mkID string) (Partner, error) {
	p, err := c.Get(ctx, mkID)
	if err == nil || errors.Is(err, ErrNotFound) {
		return p, err
	}
	if IsRefusal(err) {
		err = errors.New(err.Error()) // it is none of the update
	}
	return Partner{}, &TransientError{Endpoint: EndpointUpdate, Sent: true, Err: err}
}
