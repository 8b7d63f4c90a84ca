package telemetry_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/crmmind/mksync/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLogIsJSONElsewhereAndTextWhenAsked(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	telemetry.NewLogger(&out, telemetry.LogConfig{Level: "warn"}).Warn("slot lost", "slot", "mksync")
	require.Contains(t, out.String(), `"level":"WARN","msg":"slot lost","slot":"mksync"`)

	out.Reset()
	log := telemetry.NewLogger(&out, telemetry.LogConfig{Format: "text"})
	log.Debug("not this")
	log.Info("started", "port", 8080)
	require.Regexp(t, `^\d\d:\d\d:\d\d INF started port=8080\n$`, out.String())
}

func scrape(t *testing.T, reg *prometheus.Registry) string {
	t.Helper()
	rec := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	telemetry.Handler(reg, slog.New(slog.DiscardHandler)).ServeHTTP(rec, req)
	require.Equal(t, http.StatusOK, rec.Code)
	return rec.Body.String()
}

func TestMetricsAreServed(t *testing.T) {
	t.Parallel()
	reg := telemetry.NewRegistry("1.2.3")
	lag := 3.0
	telemetry.OnScrape(reg, func() []telemetry.Sample {
		return []telemetry.Sample{
			{Name: "mksync_lag_bytes", Help: "Lag.", Value: lag},
			{Name: "mksync_mappings", Help: "Mappings.", Labels: prometheus.Labels{"status": "synced"}, Value: 7},
			{Name: "mksync_mappings", Help: "Mappings.", Labels: prometheus.Labels{"status": "error"}, Value: 1},
		}
	})
	text := scrape(t, reg)
	for _, line := range []string{
		`mksync_build_info{version="1.2.3"} 1`,
		`mksync_lag_bytes 3`,
		`mksync_mappings{status="synced"} 7`,
		`mksync_mappings{status="error"} 1`,
		`go_goroutines`,
	} {
		require.Contains(t, text, line)
	}
	lag = 4
	require.Contains(t, scrape(t, reg), "mksync_lag_bytes 4")
}

func TestOneBadSampleDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	reg := telemetry.NewRegistry("1.2.3")
	telemetry.OnScrape(reg, func() []telemetry.Sample {
		return []telemetry.Sample{{Name: "not a name", Value: 1}, {Name: "mksync_good", Help: "Good.", Value: 2}}
	})
	require.Contains(t, scrape(t, reg), "mksync_good 2")
}

// addrLog hands on the address that is logged.
type addrLog chan string

func (a addrLog) Write(p []byte) (int, error) {
	_, addr, _ := strings.Cut(strings.TrimSpace(string(p)), "addr=")
	a <- addr
	return len(p), nil
}

func TestProfilesAreServedOnLoopbackUntilTheEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	logged, done := make(addrLog, 1), make(chan error, 1)
	log := slog.New(slog.NewTextHandler(logged, nil))
	go func() { done <- telemetry.ServeProfiles(ctx, ":0", log) }()
	addr := <-logged
	require.True(t, strings.HasPrefix(addr, "127.0.0.1:"), addr)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/debug/pprof/cmdline", http.NoBody)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	cancel()
	require.NoError(t, <-done)
	require.ErrorContains(t, telemetry.ServeProfiles(t.Context(), "nonsense", log), "MKSYNC_DEBUG_ADDR")
}
