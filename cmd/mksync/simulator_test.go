package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/metakocka"
)

// simulatorProcess is a running `mksync simulator`.
type simulatorProcess struct {
	stdout, stderr keeper.Log
	stop           context.CancelFunc
	ended          chan error
}

func startSimulator(t *testing.T, flags ...string) *simulatorProcess {
	t.Helper()
	s := &simulatorProcess{ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	s.stop = cancel
	cmd := newSimulatorCommand(&cliEnv{stdout: &s.stdout, stderr: &s.stderr})
	cmd.SetArgs(flags)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	go func() { s.ended <- cmd.ExecuteContext(ctx) }()
	t.Cleanup(cancel)
	testenv.Eventually(t, 10*time.Second, func() error {
		if strings.Contains(s.stdout.String(), "/control/reset\n") {
			return nil
		}
		return io.ErrNoProgress
	})
	return s
}

// said is the value that the simulator printed for a variable.
func (s *simulatorProcess) said(t *testing.T, name string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^  export ` + name + `=(.+)$`).FindStringSubmatch(s.stdout.String())
	require.Len(t, found, 2, s.stdout.String())
	return found[1]
}

func (s *simulatorProcess) end(t *testing.T) {
	t.Helper()
	s.stop()
	err, ended := waits.Within(10*time.Second, s.ended)
	require.True(t, ended, "the simulator does not end")
	require.NoError(t, err)
}

func (s *simulatorProcess) client(t *testing.T) *metakocka.Client {
	t.Helper()
	c, err := metakocka.New(metakocka.Config{
		URL:       s.said(t, "MKSYNC_METAKOCKA_URL"),
		CompanyID: s.said(t, "MKSYNC_METAKOCKA_COMPANY_ID"), SecretKey: s.said(t, "MKSYNC_METAKOCKA_SECRET_KEY"),
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestSimulatorRunsUntilItIsStopped(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, "--addr", "127.0.0.1:0", "--company-id", "77", "--secret-key", "of-my-own",
		"--notes", "kept", "--list-all", "all", "--answer-cap", "1", "--verbose")
	require.Empty(t, s.stderr.String())
	c := s.client(t)
	for _, name := range []string{"Ana Novak", "Borut Kranjc"} {
		_, err := c.Add(t.Context(), metakocka.NewPartner{Customer: name, Notes: "a note", Buyer: true}, nil)
		require.NoError(t, err)
	}
	found, err := c.Find(t.Context(), metakocka.Query{All: true})
	require.NoError(t, err)
	require.Len(t, found.Partners, 1)
	require.Equal(t, "a note", found.Partners[0].Notes)
	require.Contains(t, s.stderr.String(), `add_partner {"company_id":"77"`)
	require.NotContains(t, s.stderr.String(), "of-my-own")

	base := strings.TrimSuffix(s.said(t, "MKSYNC_METAKOCKA_URL"), "/rest/eshop/v1")
	resp, err := http.Get(base + "/control/partners") //nolint:gosec // our own server
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	http.DefaultClient.CloseIdleConnections()
	s.end(t)
}

// A call that waits for its latency does not hold up the end.
func TestSimulatorEndsDuringACall(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, "--addr", "127.0.0.1:0", "--latency", "1h", "--serial")
	c := s.client(t)
	called := make(chan error, 1)
	go func() {
		_, err := c.Find(context.WithoutCancel(t.Context()), metakocka.Query{Name: "a"})
		called <- err
	}()
	testenv.Eventually(t, 10*time.Second, func() error {
		if c.State().InFlight == 1 {
			return nil
		}
		return io.ErrNoProgress
	})
	s.end(t)
	require.Error(t, <-called)
}

func TestSimulatorErrorRate(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, "--addr", "127.0.0.1:0", "--error-rate", "1")
	_, err := s.client(t).Find(t.Context(), metakocka.Query{Name: "a"})
	require.True(t, metakocka.IsTransient(err), "%v", err)
	s.end(t)
}

func TestSimulatorWarnsWhenOthersCanReachIt(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, "--addr", "0.0.0.0:0")
	require.Contains(t, s.stderr.String(), "warning: 0.0.0.0:0 can be reached from other machines")
	require.Contains(t, s.stdout.String(), "listens on http://127.0.0.1:")
	s.end(t)
}

func TestSimulatorRefusesFlagsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for flags, says := range map[string]string{
		"--error-rate=2":      "--error-rate",
		"--notes=keep":        `--notes: "keep" is not one of kept, dropped, refused; did you mean kept?`,
		"--latency=-1s":       "--latency",
		"--answer-cap=-1":     "--answer-cap",
		"--secret-key=":       "--secret-key",
		"--addr=nowhere":      "choose another --addr",
		"--list-all=whatever": "--list-all",
	} {
		cmd := newRootCommand(&cliEnv{stdout: io.Discard, stderr: io.Discard})
		cmd.SetArgs([]string{"simulator", flags})
		require.ErrorContains(t, cmd.ExecuteContext(t.Context()), says)
	}
}
