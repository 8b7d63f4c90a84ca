package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// nothingFound answers every request with an empty list.
type nothingFound struct{}

func (nothingFound) Answer(context.Context, string, []byte) ([]byte, error) {
	return []byte(`{"items":[]}`), nil
}

// TestACommandIsPartOfATrace: of the one that whoever started it names, which goes on to the
// service; its own span is sent before it ends.
func TestACommandIsPartOfATrace(t *testing.T) {
	t.Parallel()
	collected := make(chan string, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { collected <- r.URL.Path }))
	t.Cleanup(collector.Close)

	url := natsserver.Start(t, &natsserver.Options{}).ClientURL()
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	s := control.New(nc, bus.Names{}, "1.2.3", nothingFound{}, nil, slog.New(slog.DiscardHandler))
	asked := make(chan string, 1)
	s.Trace = func(ctx context.Context, name string, header nats.Header) (context.Context, func(error)) {
		asked <- name + " " + header.Get(telemetry.TraceParent)
		return ctx, func(error) {}
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	_, err = control.Find(waits.Context(t, time.Minute), nc, bus.Names{}, waits.Stretch(time.Minute))
	require.NoError(t, err)

	cmd := exec.CommandContext(t.Context(), os.Args[0], "conflicts", "list")
	cmd.Env = append(os.Environ(), mainVariable+"=1", "MKSYNC_NATS_URL="+url, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL,
		"TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Regexp(t, `^mksync\.conflicts\.list 00-4bf92f3577b34da6a3ce929d0e0e4736-`, <-asked)
	require.Equal(t, "/v1/traces", <-collected)
	stop()
	require.NoError(t, <-stopped)
}
