package metakocka

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/crmmind/mksync/dial"
)

// Defaults of Config, used for values that are zero.
const (
	DefaultURL             = "https://main.metakocka.si/rest/eshop/v1"
	DefaultConcurrency     = 2
	DefaultTimeout         = 60 * time.Second
	DefaultBackoffInitial  = 500 * time.Millisecond
	DefaultBackoffMax      = 30 * time.Second
	DefaultBreakerFailures = 5
	DefaultBreakerCooldown = 5 * time.Second
)

// Config of a Client. It prints without its secret key.
type Config struct {
	URL       string // base address; a company may have its own host
	CompanyID string
	SecretKey string

	Concurrency   int           // calls in flight at once
	Timeout       time.Duration // of one call, its answer read
	RatePerSecond float64       // calls begun; 0: no limit

	Retries        int // repetitions of a call after a transient failure, where that is safe
	BackoffInitial time.Duration
	BackoffMax     time.Duration

	BreakerFailures int           // transient failures in a row that pause all calls
	BreakerCooldown time.Duration // pause before one call probes

	HTTPClient *http.Client // nil: one of its own; redirects are never followed
	// Transport, when set, is put around the one that sends.
	Transport func(http.RoundTripper) http.RoundTripper

	// Observe is told of every attempt when it ends: outcome is "ok",
	// "not_found", "refused", "transient", "paused" (breaker open, nothing sent)
	// or "canceled".
	Observe func(endpoint, outcome string, d time.Duration)

	// ObserveLock is told for how long a call waited in MetaKocka for the company's
	// lock, where the answer says so.
	ObserveLock func(endpoint string, d time.Duration)

	// ObserveRepeat is told of every call that is repeated after a transient failure.
	ObserveRepeat func(endpoint string)
}

// String leaves the secret key out.
func (c Config) String() string {
	return fmt.Sprintf("metakocka.Config{URL: %q, CompanyID: %q}", c.URL, c.CompanyID)
}

// GoString leaves the secret key out.
func (c Config) GoString() string { return c.String() }

// LogValue leaves the secret key out.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("url", c.URL), slog.String("company_id", c.CompanyID))
}

func (c Config) withDefaults() Config {
	c.URL = or(strings.TrimRight(c.URL, "/"), DefaultURL)
	c.Concurrency = or(c.Concurrency, DefaultConcurrency)
	c.Timeout = or(c.Timeout, DefaultTimeout)
	c.BackoffInitial = or(c.BackoffInitial, DefaultBackoffInitial)
	c.BackoffMax = or(c.BackoffMax, DefaultBackoffMax)
	c.BreakerFailures = or(c.BreakerFailures, DefaultBreakerFailures)
	c.BreakerCooldown = or(c.BreakerCooldown, DefaultBreakerCooldown)
	if c.Observe == nil {
		c.Observe = func(string, string, time.Duration) {}
	}
	if c.ObserveLock == nil {
		c.ObserveLock = func(string, time.Duration) {}
	}
	if c.ObserveRepeat == nil {
		c.ObserveRepeat = func(string) {}
	}
	return c
}

func (c Config) validate() error {
	return errors.Join(
		checkURL(c.URL),
		demand(c.CompanyID != "", "company id is empty"),
		demand(c.SecretKey != "", "secret key is empty"),
		demand(c.Concurrency > 0, "concurrency is below 1"),
		demand(c.Timeout > 0, "timeout is not positive"),
		demand(c.RatePerSecond >= 0, "rate is negative"),
		demand(c.Retries >= 0, "retries are negative"),
		demand(c.BackoffInitial > 0 && c.BackoffMax >= c.BackoffInitial, "backoff is not an interval"),
		demand(c.BreakerFailures > 0 && c.BreakerCooldown > 0, "breaker is not positive"),
	)
}

// httpClient follows no redirect: a POST would lose its body or carry the secret
// key to another host.
func (c Config) httpClient() *http.Client {
	client := http.Client{}
	if c.HTTPClient != nil {
		client = *c.HTTPClient
	} else {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = c.Concurrency
		transport.DialContext = dial.Dialer.DialContext
		client.Transport = transport
	}
	if c.Transport != nil {
		client.Transport = c.Transport(client.Transport)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return errors.New("address cannot be read as a URL")
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return errors.New("address is not an http or https URL")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("address carries more than scheme, host and path")
	}
	return nil
}

// plainRemote reports whether the secret key would travel unencrypted.
func plainRemote(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip == nil || !ip.IsLoopback()
}

func demand(ok bool, problem string) error {
	if ok {
		return nil
	}
	return errors.New(problem)
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
