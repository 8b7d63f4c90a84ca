package pgserver

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// elsewhere is a server that somebody else runs.
type elsewhere struct{ end func() error }

func (elsewhere) restart(context.Context) error { return ErrNotRestartable }
func (elsewhere) crash() error                  { return ErrNotRestartable }
func (e elsewhere) stop() error                 { return e.end() }

// Elsewhere is a server that somebody else runs, and end gives back. It cannot be
// restarted.
func Elsewhere(url string, end func() error) *Server { return &Server{url: url, host: elsewhere{end}} }

// startExternal checks that the named server is fit for the tests.
func startExternal(ctx context.Context, raw string) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	level, err := setting(ctx, raw, "wal_level")
	if err != nil {
		return nil, fmt.Errorf("use the server of %s: %w", URLVariable, err)
	}
	if level != "logical" {
		return nil, fmt.Errorf("use the server of %s: it runs with wal_level=%s; set wal_level=logical and restart it", URLVariable, level)
	}
	return Elsewhere(raw, func() error { return nil }), nil
}

// setting reads a parameter of the server.
func setting(ctx context.Context, raw, name string) (value string, err error) {
	conn, err := pgx.Connect(ctx, raw)
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := conn.QueryRow(ctx, "SHOW "+name).Scan(&value); err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return value, nil
}
