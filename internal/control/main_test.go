package control

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// api answers as a test says.
type api func(ctx context.Context, name string, request []byte) ([]byte, error)

func (d api) Answer(ctx context.Context, name string, request []byte) ([]byte, error) {
	return d(ctx, name, request)
}

// broker is a NATS server with connections to it.
type broker struct {
	t        *testing.T
	url      string
	patience context.Context //nolint:containedctx // how long answers are waited for
}

func newBroker(t *testing.T) broker {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	return broker{t, server.URL(), waits.Context(t, time.Minute)}
}

func (b broker) dial() *nats.Conn {
	b.t.Helper()
	nc, err := nats.Connect(b.url)
	require.NoError(b.t, err)
	b.t.Cleanup(nc.Close)
	return nc
}

// ask sends a request and waits for its answer.
func (b broker) ask(nc *nats.Conn, m *nats.Msg) *nats.Msg {
	b.t.Helper()
	answer, err := nc.RequestMsgWithContext(b.patience, m)
	require.NoError(b.t, err)
	return answer
}

// status asks how things stand.
func (b broker) status(nc *nats.Conn) *nats.Msg {
	b.t.Helper()
	return b.ask(nc, nats.NewMsg("mksync.status"))
}

// serve runs a service with a api until the test ends, or stop is called.
func (b broker) serve(d api) (s *Service, stop func()) {
	b.t.Helper()
	nc := b.dial()
	s = New(nc, bus.Names{}, "1.2.3", d, nil, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(b.t, <-done)
		}
	}
	b.t.Cleanup(stop)
	return s, stop
}
