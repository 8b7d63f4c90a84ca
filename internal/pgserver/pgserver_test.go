package pgserver_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/crmmind/mksync/internal/pgserver"
)

func TestMain(m *testing.M) {
	if os.Getenv(dockerServer) != "" && filepath.Base(os.Args[0]) == "docker" {
		if err := dockerMain(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func show(t *testing.T, url, setting string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var value string
	require.NoError(t, conn.QueryRow(t.Context(), "SHOW "+setting).Scan(&value))
	return value
}

func TestServerLivesAndLeavesNothingBehind(t *testing.T) {
	dir := openDir(t)
	srv, err := pgserver.Start(t.Context(), pgserver.Options{Dir: dir, Own: true})
	require.NoError(t, err)
	require.Equal(t, "logical", show(t, srv.URL(), "wal_level"))

	url, err := srv.CreateDatabase(t.Context(), "Odd Name")
	require.NoError(t, err)
	require.Equal(t, "logical", show(t, url, "wal_level"))

	if err := srv.Restart(t.Context()); !errors.Is(err, pgserver.ErrNotRestartable) {
		require.NoError(t, err)
	}
	require.Equal(t, "logical", show(t, url, "wal_level"))

	require.NoError(t, srv.DropDatabase(t.Context(), "Odd Name"))
	require.NoError(t, srv.DropDatabase(t.Context(), "Odd Name"), "dropping it again is no error")
	require.NoError(t, srv.Stop())
	_, err = pgx.Connect(t.Context(), srv.URL())
	require.Error(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestKeptClustersAreCopied: the second one begins as the first did, and nothing of what was
// done in that is in it.
func TestKeptClustersAreCopied(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache) // of macOS
	identifier := map[string]bool{}
	for range 2 {
		srv, err := pgserver.Start(t.Context(), pgserver.Options{Own: true, Kept: true, Ways: []pgserver.Way{pgserver.Local(), pgserver.Installed()}})
		require.NoError(t, err)
		conn, err := pgx.Connect(t.Context(), srv.URL())
		require.NoError(t, err)
		var of string
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT system_identifier::text FROM pg_control_system()").Scan(&of))
		identifier[of] = true
		_, err = conn.Exec(t.Context(), "CREATE TABLE once (id int)")
		require.NoError(t, errors.Join(err, conn.Close(t.Context()), srv.Stop()))
	}
	require.Len(t, identifier, 1, "the second is a copy")
	unfinished, err := filepath.Glob(filepath.Join(cache, "*", "*", "unfinished-*"))
	require.NoError(t, err)
	require.Empty(t, unfinished)
}

// openDir is a directory that the server's own user may enter, too.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgserver-test-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

func TestNamedServerIsUsedAndLeftAlone(t *testing.T) {
	own, err := pgserver.Start(t.Context(), pgserver.Options{Own: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, own.Stop()) }()

	t.Setenv(pgserver.URLVariable, own.URL())
	named, err := pgserver.Start(t.Context(), pgserver.Options{})
	require.NoError(t, err)
	require.Equal(t, own.URL(), named.URL())
	require.ErrorIs(t, named.Restart(t.Context()), pgserver.ErrNotRestartable)
	require.NoError(t, named.Stop())
	require.Equal(t, "logical", show(t, own.URL(), "wal_level"))
}

func TestNothingToBeHadIsOneClearLine(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := pgserver.Start(ctx, pgserver.Options{Own: true})
	require.ErrorIs(t, err, context.Canceled)

	unavailable := &pgserver.UnavailableError{Tried: []error{errors.New("docker: none\nanswers"), errors.New("apt-get: it needs root")}}
	require.Contains(t, unavailable.Error(), "(docker: none answers; apt-get: it needs root): install Postgres")
	require.NotContains(t, unavailable.Error(), "\n")
}
