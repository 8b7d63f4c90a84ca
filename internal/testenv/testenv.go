// Package testenv gives tests the real thing to run against: a Postgres with
// wal_level=logical and a database of their own in it.
//
// A package's TestMain calls Main. The server starts when the first test asks
// for a database and is shared by the tests of the process; each database is
// dropped, with its replication slots, when its test ends. Names of slots are
// known to the whole server, so tests that run in parallel take theirs from
// SlotName.
package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/testenv/pgcontainer"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// shared is the Postgres of this process's tests.
var shared cluster

// cluster starts its server once, when it is first asked for.
type cluster struct {
	once sync.Once
	srv  *pgserver.Server
	err  error

	mu        sync.Mutex // guards templates
	templates []string   // databases that outlive a test
}

func (c *cluster) server() (*pgserver.Server, error) {
	c.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
		c.srv, c.err = pgserver.Start(ctx, pgserver.Options{
			Logger: log, Kept: true, Ways: []pgserver.Way{pgcontainer.Way(), pgserver.Local(), pgserver.Installed()},
		})
	})
	return c.srv, c.err
}

// keep notes a database that is dropped at the end, for the server may not be ours.
func (c *cluster) keep(database string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.templates = append(c.templates, database)
}

func (c *cluster) stop() error {
	if c.srv == nil {
		return nil
	}
	var errs []error
	for _, name := range c.templates {
		errs = append(errs, c.srv.DropDatabase(context.Background(), name))
	}
	return errors.Join(append(errs, c.srv.Stop())...)
}

// Main runs a package's tests, stops what they shared and fails when a
// goroutine is left over. It does not return.
func Main(m *testing.M, options ...goleak.Option) {
	flag.Parse() //nolint:revive // it stands for a package's TestMain
	if err := besideEachOther(runtime.GOMAXPROCS(0)); err != nil {
		slog.Default().Error("set how many tests run at once", "error", err)
	}
	collectRarely()
	goleak.VerifyTestMain(runner{m}, options...)
}

// besideEachOther lets more tests run at once than there are processors, unless
// -parallel says how many: mostly they wait. More than two for each would take more of
// the processors and not less time, for a service works while its test waits for its
// turn: twice as many took a fifth more. A server has connections for 16.
func besideEachOther(processors int) error {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if asked {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(max(processors, min(2*processors, 16))))
}

// collectRarely gives up memory for time, unless GOGC says how much: a collection looks
// at all that many tests hold, and a service with a NATS server in it would have one
// come often.
func collectRarely() {
	if os.Getenv("GOGC") == "" {
		_ = os.Setenv("GOGC", "400")
		debug.SetGCPercent(400)
	}
}

// runner is a testing.M that cleans up before goroutines are counted.
type runner struct{ m *testing.M }

func (r runner) Run() int {
	code := r.m.Run()
	if err := shared.stop(); err != nil {
		slog.Default().Error("stop Postgres", "error", err)
		return max(code, 1)
	}
	return code
}

// Server is the Postgres that the tests of this process share.
func Server(t testing.TB) *pgserver.Server {
	t.Helper()
	srv, err := shared.server()
	require.NoError(t, err)
	return srv
}

// DB makes an empty database for one test and returns its URL, whose role is a
// superuser.
func DB(t testing.TB) string {
	t.Helper()
	return copyOf(t, "template1")
}

// copyOf makes a database for one test.
func copyOf(t testing.TB, template string) string {
	t.Helper()
	srv := Server(t)
	name := "test_" + strings.ToLower(rand.Text())
	ctx, cancel := context.WithTimeout(context.Background(), waits.Stretch(time.Minute))
	defer cancel()
	url, err := srv.CopyDatabase(ctx, name, template)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), waits.Stretch(time.Minute))
		defer cancel()
		require.NoError(t, srv.DropDatabase(ctx, name))
	})
	return url
}

// Template is a database that is prepared once, for tests that begin with a copy
// of it.
type Template struct {
	prepare func(ctx context.Context, url string) error
	once    sync.Once
	name    string
	err     error
}

// NewTemplate is a template that prepare fills when the first copy is asked for.
func NewTemplate(prepare func(ctx context.Context, url string) error) *Template {
	return &Template{prepare: prepare}
}

// DB makes a copy of the template for one test and returns its URL.
func (m *Template) DB(t testing.TB) string {
	t.Helper()
	srv := Server(t)
	m.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), waits.Stretch(time.Minute))
		defer cancel()
		m.name = "template_" + strings.ToLower(rand.Text())
		shared.keep(m.name)
		var url string
		if url, m.err = srv.CreateDatabase(ctx, m.name); m.err == nil {
			m.err = m.prepare(ctx, url)
		}
	})
	require.NoError(t, m.err)
	return copyOf(t, m.name)
}

// MemoryDir makes an empty directory for one test, in memory where that has room. It is
// for NATS servers, which write dozens of small files as they begin.
func MemoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(pgserver.Memory(), "mksync-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// SlotName makes a name for a replication slot or publication that no other
// test uses.
func SlotName(t testing.TB) string {
	t.Helper()
	return "mksync_" + strings.ToLower(rand.Text())
}

// Eventually calls check until it returns nil, and fails the test with its last
// error when it has not within the limit, which grows with the machine's load.
func Eventually(t testing.TB, limit time.Duration, check func() error) {
	t.Helper()
	waits.Eventually(t, limit, check)
}
