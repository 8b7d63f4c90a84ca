package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/pgserver"
)

// lab is what the sections share: a Postgres, mksync's binary, a directory that
// is removed in the end.
type lab struct {
	options
	machine machine
	pg      *pgserver.Server
	mksync  build
	dir     string
	out     io.Writer // progress

	statements bool // Postgres tells what statements cost
}

// newLab starts a Postgres that syncs to disk as one in production does, and
// builds mksync. Every competitor meets the same server.
func newLab(ctx context.Context, o options, out io.Writer) (l *lab, err error) {
	l = &lab{options: o, out: out}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
			l = nil
		}
	}()

	if l.dir, err = os.MkdirTemp("", "mksync-bench-"); err != nil {
		return l, fmt.Errorf("make a directory: %w", err)
	}

	l.mksync = build{whoMksync, filepath.Join(l.dir, "mksync")}
	compile := exec.CommandContext(ctx, "go", "build", "-o", l.mksync.Path, "github.com/crmmind/mksync/cmd/mksync")
	compile.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := compile.CombinedOutput(); err != nil {
		return l, fmt.Errorf("build mksync: %w: %s", err, text)
	}

	if l.pg, err = pgserver.Start(ctx, pgserver.Options{Own: true, Durable: true}); err != nil {
		return l, fmt.Errorf("start Postgres: %w", err)
	}
	if err = l.trackStatements(ctx); err != nil {
		return l, err
	}

	if l.machine, err = describeMachine(ctx, l.pg.URL()); err != nil {
		return l, err
	}

	n, err := l.startNATS(ctx)
	if err != nil {
		return l, err
	}
	l.machine.NATS = n.conn.ConnectedServerVersion()
	n.stop()
	return l, nil
}

// builds are the labs of this build of mksync, and of the others that are to be measured
// beside it: what one of them makes is that build's. Another one is the first in each round.
func (l *lab) builds(round int) []*lab {
	all := []*lab{l}
	for _, b := range l.Builds {
		other := *l
		other.mksync = b
		all = append(all, &other)
	}
	return rotate(all, round)
}

// ours reports whether the lab is of this build.
func (l *lab) ours() bool { return l.mksync.Who == whoMksync }

// close ends the server and removes every file.
func (l *lab) close() error {
	var errs []error
	if l.pg != nil {
		errs = append(errs, l.pg.Stop())
	}
	if l.dir != "" {
		errs = append(errs, os.RemoveAll(l.dir))
	}
	return errors.Join(errs...)
}

// say tells how far the run is.
func (l *lab) say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.out, format+"\n", args...)
}

// count is an amount of work, scaled, and at least one.
func (l *lab) count(n int) int { return max(int(float64(n)*l.Scale), 1) }

// rand is a source of its own for a purpose, the same in each run of a seed.
func (l *lab) rand(purpose string) *rand.Rand {
	var seed [32]byte
	copy(seed[:], fmt.Sprintf("%d %s", l.Seed, purpose))
	return rand.New(rand.NewChaCha8(seed))
}

// database makes a database with an empty contacts table and mksync's tables.
func (l *lab) database(ctx context.Context, name string) (url string, err error) {
	if url, err = l.pg.CreateDatabase(ctx, name); err != nil {
		return "", err
	}
	if err := execute(ctx, url, pgserver.ContactsSchema); err != nil {
		return "", err
	}
	up := exec.CommandContext(ctx, l.mksync.Path, "migrate", "up") //nolint:gosec // the caller's own binary
	up.Env = append(os.Environ(), "MKSYNC_DATABASE_URL="+url)
	if text, err := up.CombinedOutput(); err != nil {
		return "", fmt.Errorf("make mksync's tables: %w: %s", err, text)
	}
	return url, nil
}

// natsServer is a NATS server in a process of its own.
type natsServer struct {
	*process
	url  string // with the token
	dir  string
	conn *nats.Conn

	profiled bool
}

// startNATS starts a server with an empty file store.
func (l *lab) startNATS(ctx context.Context) (*natsServer, error) {
	dir, err := os.MkdirTemp(l.dir, "nats-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}

	n := &natsServer{dir: dir, profiled: l.Profile != ""}
	if n.process, err = l.part("nats", natsConfig{Dir: dir}); err != nil {
		return nil, err
	}

	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = n.await(limited, 5*time.Millisecond, func() (ok bool, err error) {
		n.url, ok = embedded.Lookup(dir)
		return ok, nil
	})

	if err == nil {
		n.conn, err = bus.Connect(limited, n.url, bus.ConnectOptions{Name: "bench"})
	}
	if err != nil {
		n.stop()
		return nil, err
	}
	return n, nil
}

// stop ends the server and removes its files.
func (n *natsServer) stop() {
	if n.conn != nil {
		n.conn.Close()
	}
	if n.profiled {
		n.process.stop()
	}
	n.kill() // its files are of no use any more
	_ = os.RemoveAll(n.dir)
}

// startMksync starts mksync with the given variables and no others of its own.
func (l *lab) startMksync(variables map[string]string, args ...string) (*process, error) {
	cmd := exec.Command(l.mksync.Path, args...) //nolint:gosec,noctx // the caller's own binary; stop ends it
	cmd.Dir = l.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.dir, "TMPDIR=" + os.TempDir()}
	for _, name := range []string{"GOMAXPROCS", "GODEBUG", "GOGC", "GOMEMLIMIT"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	for name, v := range variables {
		cmd.Env = append(cmd.Env, name+"="+v)
	}
	return startProcess(l.mksync.Who, cmd)
}
