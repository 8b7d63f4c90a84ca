// Package pgcontainer runs the tests' Postgres in a container. It is the only
// importer of testcontainers, which removes the container also where the tests
// are killed.
package pgcontainer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/modules/postgres"

	"github.com/crmmind/mksync/internal/pgserver"
)

// errNoEngine says that no Docker engine answers.
var errNoEngine = errors.New("no Docker engine answers")

// Way is a server in a container, where a Docker engine answers.
func Way() pgserver.Way { return pgserver.Way{Name: "container", Start: start} }

// start runs the server. testcontainers takes long to notice that there is no
// engine, so one is asked for first.
func start(ctx context.Context, opts pgserver.Options) (*pgserver.Server, error) {
	if len(opts.Env) > 0 {
		return nil, pgserver.ErrLocalOnly
	}

	if err := probeEngine(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()

	inner, err := postgres.Run(ctx, pgserver.Image,
		postgres.WithUsername("postgres"),
		postgres.WithPassword(rand.Text()),
		postgres.WithDatabase("postgres"),
		postgres.BasicWaitStrategies(),
		testcontainers.WithCmdArgs(pgserver.Settings(opts.Durable)...),
		testcontainers.WithLogger(printer{opts.Logger}),
	)
	if err != nil {
		_ = testcontainers.TerminateContainer(inner)
		return nil, fmt.Errorf("run %s: %w", pgserver.Image, err)
	}

	raw, err := inner.ConnectionString(ctx, "sslmode=disable")
	if err != nil {
		_ = testcontainers.TerminateContainer(inner)
		return nil, fmt.Errorf("find the container's address: %w", err)
	}

	return pgserver.Elsewhere(raw, func() error {
		if err := testcontainers.TerminateContainer(inner); err != nil {
			return fmt.Errorf("remove container: %w", err)
		}
		return nil
	}), nil
}

// printer passes the words of testcontainers on as debug lines.
type printer struct{ log *slog.Logger }

func (p printer) Printf(format string, args ...any) {
	p.log.Debug("testcontainers", "text", fmt.Sprintf(format, args...))
}

// probeEngine asks the Docker engines that testcontainers would use for a sign
// of life, with a short time-out.
func probeEngine(ctx context.Context) error {
	for _, endpoint := range engines() {
		if pingEngine(ctx, endpoint) == nil {
			return nil
		}
	}
	return errNoEngine
}

// engines are the endpoints at which a Docker engine is usually found.
func engines() []string {
	if named := os.Getenv("DOCKER_HOST"); named != "" {
		return []string{named}
	}
	endpoints := []string{"unix:///var/run/docker.sock"}
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" {
		endpoints = append(endpoints, "unix://"+filepath.Join(run, "docker.sock"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		endpoints = append(endpoints, "unix://"+filepath.Join(home, ".docker/run/docker.sock"))
	}
	return endpoints
}

// pingEngine calls the engine's health end point.
func pingEngine(ctx context.Context, endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("parse engine address: %w", err)
	}

	network, address := "tcp", u.Host
	if u.Scheme == "unix" {
		network, address = "unix", u.Path
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()

	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 500 * time.Millisecond}).DialContext(ctx, network, address)
		},
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/_ping", nil)
	if err != nil {
		return fmt.Errorf("ask engine: %w", err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("ask engine: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("ask engine: %s", resp.Status)
	}
	return nil
}
