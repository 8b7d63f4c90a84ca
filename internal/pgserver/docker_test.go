package pgserver_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/pgserver"
)

// This test binary stands for the docker program where these are set: its
// container is the Postgres at dockerServer, and its notes are in dockerDir.
const (
	dockerServer = "MKSYNC_TEST_DOCKER_SERVER"
	dockerDir    = "MKSYNC_TEST_DOCKER_DIR"
)

// dockerMain is what of the docker program a server needs.
func dockerMain() error {
	server, err := url.Parse(os.Getenv(dockerServer))
	if err != nil {
		return err
	}
	pid := filepath.Join(os.Getenv(dockerDir), "pid")
	switch os.Args[1] {
	case "version":
		fmt.Println("28.2.2")
	case "run":
		return dockerRun(server, pid)
	case "port":
		if _, err := os.Stat(pid); err != nil {
			return errors.New("no such container")
		}
		fmt.Printf("%s\n[::]:1\n", server.Host)
	case "rm":
		text, err := os.ReadFile(pid)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(text))
		if err != nil {
			return err
		}
		return syscall.Kill(n, syscall.SIGINT)
	}
	return nil
}

// dockerRun runs until it is interrupted, as an attached container does.
func dockerRun(server *url.URL, pid string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if slices.Contains(os.Args, "fsync=on") {
		return errors.New("initdb: no room")
	}
	conn, err := pgx.Connect(ctx, server.String())
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf("ALTER ROLE postgres PASSWORD '%s'", os.Getenv("POSTGRES_PASSWORD")))
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(pid), "arguments"), []byte(strings.Join(os.Args[1:], " ")), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(pid, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	<-ctx.Done()
	return os.Remove(pid)
}

// withDocker puts a docker program in front of PATH and gives its notes.
func withDocker(t *testing.T) (dir string) {
	t.Helper()
	own, err := pgserver.Start(t.Context(), pgserver.Options{Own: true, Ways: []pgserver.Way{pgserver.Local(), pgserver.Installed()}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, own.Stop()) })
	exe, err := os.Executable()
	require.NoError(t, err)
	bin, dir := t.TempDir(), t.TempDir()
	require.NoError(t, os.Symlink(exe, filepath.Join(bin, "docker")))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv(dockerServer, own.URL())
	t.Setenv(dockerDir, dir)
	return dir
}

func TestServerInAContainerOfTheDockerProgram(t *testing.T) {
	dir := withDocker(t)
	docker := pgserver.Options{Own: true, Ways: []pgserver.Way{pgserver.Docker()}}
	srv, err := pgserver.Start(t.Context(), docker)
	require.NoError(t, err)
	require.Equal(t, "logical", show(t, srv.URL(), "wal_level"))
	require.ErrorIs(t, srv.Restart(t.Context()), pgserver.ErrNotRestartable)

	arguments, err := os.ReadFile(filepath.Join(dir, "arguments"))
	require.NoError(t, err)
	require.Regexp(t, `^run --rm --name mksync-pg-\w+ -p 127\.0\.0\.1::5432 -e POSTGRES_PASSWORD postgres:\S+ -c wal_level=logical `, string(arguments))
	address, err := url.Parse(srv.URL())
	require.NoError(t, err)
	password, _ := address.User.Password()
	require.NotContains(t, string(arguments), password)

	require.NoError(t, srv.Stop())
	require.NoFileExists(t, filepath.Join(dir, "pid"), "the container is gone")
	docker.Durable = true // which this one cannot be
	_, err = pgserver.Start(t.Context(), docker)
	require.ErrorContains(t, err, "it stopped: initdb: no room")
	docker.Env = []string{"TZ=UTC"}
	_, err = pgserver.Start(t.Context(), docker)
	require.ErrorIs(t, err, pgserver.ErrLocalOnly)
}
