package metakocka_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

const secret = "s3cr3t/Key+with\"quote-0123456789"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logBuffer collects a client's log.
type logBuffer struct{ keeper.Log }

func (b *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&b.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type option func(*metakocka.Config)

func newClient(t testing.TB, url string, options ...option) *metakocka.Client {
	t.Helper()
	cfg := metakocka.Config{
		URL: url, CompanyID: sim.DefaultCompanyID, SecretKey: sim.DefaultSecretKey,
		Timeout: 10 * time.Second, BackoffInitial: time.Millisecond, BackoffMax: 2 * time.Millisecond,
		BreakerFailures: 1000,
	}
	for _, o := range options {
		o(&cfg)
	}
	c, err := metakocka.New(cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// simulated is a simulator behind a real HTTP server, and a client of it.
func simulated(t testing.TB, opts sim.Options, options ...option) (*sim.Server, *metakocka.Client) {
	t.Helper()
	s := sim.New(opts)
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})
	return s, newClient(t, server.URL+sim.BasePath, options...)
}

// answering is a client of a server that always gives the same answer.
func answering(t *testing.T, status int, body string, options ...option) *metakocka.Client {
	t.Helper()
	return handled(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}, options...)
}

func handled(t *testing.T, h http.HandlerFunc, options ...option) *metakocka.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return newClient(t, server.URL, options...)
}

func withRetries(n int) option { return func(c *metakocka.Config) { c.Retries = n } }

func person(name string) metakocka.NewPartner {
	return metakocka.NewPartner{
		Customer: name, Street: "Test, 4", PostNumber: "54375", Place: "Test", Country: "Slovenia",
		TaxIDNumber: "SI12345678", Buyer: true,
		Contact: &metakocka.Contact{Name: name, GSM: "041234567", Email: "Test@test.com"},
	}
}
