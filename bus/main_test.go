package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, wire.Leaks()...) }

const patience = 15 * time.Second

// testServer is a real server that can be restarted at the same address.
type testServer struct {
	*embedded.Server
	cfg embedded.Config
}

func startServer(t *testing.T) *testServer {
	t.Helper()
	s := &testServer{cfg: embedded.Config{Dir: t.TempDir(), Port: natsserver.FreePorts(t, 1)[0]}}
	s.start(t)
	t.Cleanup(func() { s.Shutdown() })
	return s
}

func (s *testServer) start(t *testing.T) {
	t.Helper()
	var err error
	s.Server, err = embedded.Start(t.Context(), s.cfg)
	require.NoError(t, err)
}

func (s *testServer) restart(t *testing.T) {
	t.Helper()
	s.Shutdown()
	s.start(t)
}

func (s *testServer) connect(t *testing.T) *nats.Conn {
	t.Helper()
	nc, err := Connect(t.Context(), s.URL(), ConnectOptions{
		Log:   slog.New(slog.DiscardHandler),
		Extra: []nats.Option{nats.ReconnectWait(20 * time.Millisecond), nats.ReconnectJitter(0, 0)},
	})
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func (s *testServer) bus(t *testing.T) *Bus {
	t.Helper()
	b, err := Open(t.Context(), s.connect(t), DefaultConfig(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return b
}

func newBus(t *testing.T) *Bus {
	t.Helper()
	return startServer(t).bus(t)
}

func event(n int) Message {
	return Message{
		Subject: ContactSubject("update", fmt.Sprint("c", n%7)),
		ID:      fmt.Sprint("e-", n),
		Header:  nats.Header{"ce-id": {fmt.Sprint("e-", n)}},
		Data:    fmt.Appendf(nil, `{"n":%d}`, n),
	}
}

// publish stores one event for a key and returns its sequence. A try is lost where the
// server was restarted a moment ago; its id keeps the next one from storing it twice.
func publish(t *testing.T, b *Bus, key, id string) (seq uint64) {
	t.Helper()
	eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var err error
		seq, err = b.PublishSync(ctx, StreamContacts, Message{Subject: ContactSubject("update", key), ID: id, Data: []byte(id)})
		return err == nil
	}, "event is not stored")
	return seq
}

// ids returns the ids of all messages of a stream, in order.
func ids(t *testing.T, b *Bus, stream string) []string {
	t.Helper()
	var out []string
	require.NoError(t, b.Replay(t.Context(), stream, Range{}, func(m Stored) error {
		out = append(out, m.ID)
		return nil
	}))
	return out
}

func eventually(t *testing.T, cond func() bool, what string) {
	t.Helper()
	waits.Eventually(t, patience, func() error {
		if !cond() {
			return errors.New(what)
		}
		return nil
	})
}

// consume runs a consumer until the returned func is called, which waits for its end.
func consume(t *testing.T, b *Bus, cfg ConsumerConfig, h Handler) (stop func()) {
	t.Helper()
	if cfg.Stream == "" {
		cfg.Stream = StreamContacts
	}
	if cfg.Durable == "" {
		cfg.Durable = "pusher"
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Consume(ctx, cfg, h) }()
	var stopped bool
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		err, stopped := waits.Within(patience, done)
		require.True(t, stopped, "consumer does not stop")
		require.NoError(t, err)
	}
	t.Cleanup(stop)
	return stop
}
