// Package pgserver starts a throw-away Postgres with wal_level=logical, for
// tests and for the demo.
//
// It takes the first of these that works: the server named by
// MKSYNC_TEST_DATABASE_URL, local Postgres binaries, a container where the docker
// program can run one, and Postgres installed with apt-get where that needs no
// password; Options.Ways says otherwise. Each server is empty, keeps nothing, and
// is gone after Stop; one whose process was killed is swept up by the next Start.
package pgserver

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// URLVariable names a server to use in place of a throw-away one. Its role
// must be a superuser, and the server must run with wal_level=logical.
const URLVariable = "MKSYNC_TEST_DATABASE_URL"

// Options says how Start is to look for a server. The zero value is good.
type Options struct {
	// Logger is told which way was taken and why others were not; nil is silent.
	Logger *slog.Logger
	// Dir is where a local cluster's files go; empty is memory where that has
	// room, else the system's temporary directory. It is not used where the
	// server's user cannot reach it.
	Dir string
	// Own asks for a server that nobody else uses, so that it can be
	// restarted: URLVariable is not looked at.
	Own bool
	// Durable asks for a server that syncs each commit to disk, as one in
	// production does. A server of URLVariable is as it is.
	Durable bool
	// Kept lets a local cluster begin as a copy of one that is kept in the user's cache
	// directory, for making one takes a processor most of a second. All copies have the
	// same password and the same system identifier.
	Kept bool
	// Bin is the directory of the binaries of a local server; empty: those that are found.
	Bin string
	// Env are variables, as NAME=value, for the server's processes besides this
	// one's own. Only a local server can have them.
	Env []string
	// Ways are the ways to try, in this order; nil: Local, Docker, Installed.
	Ways []Way
	// NoInstall forbids the installation of Postgres packages. The variable
	// MKSYNC_TEST_NO_INSTALL=1 does the same.
	NoInstall bool
}

// Server is a running Postgres.
type Server struct {
	url  string
	host host

	opening sync.Once     // guards what follows
	admin   *pgxpool.Pool // of the maintenance database; nil: not asked for yet
	openErr error
}

// host is what a server runs on.
type host interface {
	// restart stops the server as a crash would and starts it again.
	restart(ctx context.Context) error
	// crash stops it so, until it is restarted.
	crash() error
	// stop ends the server and removes what it kept.
	stop() error
}

// Way is one way of getting a server.
type Way struct {
	Name  string
	Start func(ctx context.Context, opts Options) (*Server, error)
}

// Local is a server of binaries that are installed here.
func Local() Way { return Way{"local binaries", startLocal} }

// Docker is a server in a container that the docker program runs.
func Docker() Way { return Way{"docker", startDocker} }

// Installed is a server of binaries that are installed for it.
func Installed() Way { return Way{"apt-get", startInstalled} }

// Start gives a running server, or an error that says in one line why no way
// of getting one worked.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}

	if raw := os.Getenv(URLVariable); raw != "" && !opts.Own {
		return startExternal(ctx, raw)
	}

	if opts.Ways == nil {
		opts.Ways = []Way{Local(), Docker(), Installed()}
	}

	var tried []error
	for _, w := range opts.Ways {
		srv, err := w.Start(ctx, opts)
		if err == nil {
			opts.Logger.DebugContext(ctx, "started a throw-away Postgres", "way", w.Name)
			return srv, nil
		}
		opts.Logger.DebugContext(ctx, "no Postgres this way", "way", w.Name, "reason", err)
		tried = append(tried, fmt.Errorf("%s: %w", w.Name, err))
		if ctx.Err() != nil {
			return nil, fmt.Errorf("start Postgres: %w", ctx.Err())
		}
	}

	return nil, &UnavailableError{Tried: tried}
}

// URL is the superuser's connection string of the maintenance database.
func (s *Server) URL() string { return s.url }

// Restart ends every connection as a crash would and brings the server up
// again under the same URL. Only a local server can: ErrNotRestartable.
func (s *Server) Restart(ctx context.Context) error {
	if s.admin != nil {
		s.admin.Reset()
	}
	return s.host.restart(ctx)
}

// Crash ends every connection and the server as a crash would, until Restart.
func (s *Server) Crash() error { return s.host.crash() }

// Stop ends the server and removes its files. A server that was named by
// URLVariable is left alone.
func (s *Server) Stop() error {
	if s.admin != nil {
		s.admin.Close()
	}
	return s.host.stop()
}

// CreateDatabase makes an empty database and returns its URL.
func (s *Server) CreateDatabase(ctx context.Context, name string) (string, error) {
	return s.CopyDatabase(ctx, name, "template1")
}

// CopyDatabase makes a database as a copy of another, which nobody may be
// connected to, and returns its URL.
func (s *Server) CopyDatabase(ctx context.Context, name, of string) (string, error) {
	create := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize() + " TEMPLATE " + pgx.Identifier{of}.Sanitize()
	pool, err := s.maintenance()
	if err != nil {
		return "", err
	}

	var newer bool
	err = pool.QueryRow(ctx, "SELECT current_setting('server_version_num')::int >= 150000").Scan(&newer)
	if err == nil {
		if newer {
			create += " STRATEGY file_copy" // else all of it goes through the log, and so through each walsender
		}
		_, err = pool.Exec(ctx, create)
	}
	if err != nil {
		return "", fmt.Errorf("create database %s: %w", name, err)
	}
	return s.databaseURL(name)
}

// databaseURL is the server's URL with another database in it.
func (s *Server) databaseURL(name string) (string, error) {
	u, err := url.Parse(s.url)
	if err != nil {
		return "", fmt.Errorf("parse server url: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// dropSlots frees and drops what keeps a database from being dropped. A
// walsender that was told to end takes a moment, so it is asked again.
const dropSlots = `
SELECT CASE WHEN active THEN pg_terminate_backend(active_pid)::text
            ELSE pg_drop_replication_slot(slot_name)::text END
FROM pg_replication_slots WHERE database = $1`

// DropDatabase drops a database with its replication slots, whoever is still
// connected. A database that is not there is no error.
func (s *Server) DropDatabase(ctx context.Context, name string) error {
	drop := "DROP DATABASE IF EXISTS " + pgx.Identifier{name}.Sanitize() + " WITH (FORCE)"
	pool, err := s.maintenance()
	if err != nil {
		return err
	}

	for range 50 {
		if _, err = pool.Exec(ctx, dropSlots, name); err == nil {
			if _, err = pool.Exec(ctx, drop); err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("drop database %s: %w", name, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("drop database %s: %w", name, err)
}

// maintenance is where databases are made and dropped. Its connections are kept: with
// one for each statement, many tests would spend much of their time on them.
func (s *Server) maintenance() (*pgxpool.Pool, error) {
	s.opening.Do(func() { s.admin, s.openErr = pgxpool.New(context.Background(), s.url) })
	return s.admin, s.openErr
}
