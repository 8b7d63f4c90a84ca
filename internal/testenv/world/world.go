// Package world is everything around the service, for tests of the parts that bring
// the two sides together: a database with contacts, an ERP that is the simulator, a
// directory for NATS. A test starts the service in it, or calls its parts by hand.
//
// The demo's and the benchmark's worlds are others on purpose: they are linked into a
// program, run mksync as a process of its own with its usual pace, return errors in
// place of failing a test, and tell or measure what happens. What the three share is
// pgserver, with the contacts table, and the simulator.
package world

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/migrations"
)

// World is everything around the service: a database with contacts, an ERP, a
// directory for NATS.
type World struct {
	T      testing.TB
	DB     *pgxpool.Pool
	ERP    *sim.Server
	Config config.Config
	// File is the configuration file of commands and processes; empty: there is none.
	File string
	// Pace is the service's.
	Pace service.Pace
	// Pool is how many connections the service has for statements and locks; 0: as many as usual.
	Pool int32
	// Tracing is the service's; nil: nothing is traced.
	Tracing *telemetry.Tracing

	polling []*service.Service // those of this process that run and poll
}

// fewConnections are enough to go on with. Each new one costs Postgres 25 ms of a processor,
// for it knows nothing of the tables and has prepared nothing.
const fewConnections = 3

// Version is what the tests' services say they are.
const Version = "0.0.0-dev"

// New is a world whose database has contacts and mksync's tables, both empty.
func New(t testing.TB, opts sim.Options) *World {
	t.Helper()
	return NewAt(t, prepared.DB(t), opts)
}

// NewIn is a world whose database is at url, where it is empty.
func NewIn(t testing.TB, url string, opts sim.Options) *World {
	t.Helper()
	require.NoError(t, PrepareDatabase(t.Context(), url))
	return NewAt(t, url, opts)
}

// NewAt is a world over a database that is prepared.
func NewAt(t testing.TB, url string, opts sim.Options) *World {
	t.Helper()
	db := OpenPool(t, url)

	erp := sim.New(opts)
	t.Cleanup(erp.Close)
	server := httptest.NewServer(erp)
	t.Cleanup(server.Close)

	cfg := config.Default()
	cfg.DatabaseURL = config.Secret(url)
	cfg.Slot = testenv.SlotName(t)
	cfg.Publication = cfg.Slot
	cfg.DataDir = testenv.MemoryDir(t)
	cfg.NATSSyncInterval = 0
	cfg.MetaKockaURL = server.URL + "/rest/eshop/v1"
	cfg.MetaKockaCompanyID = sim.DefaultCompanyID
	cfg.MetaKockaSecretKey = config.Secret(sim.DefaultSecretKey)
	cfg.MetaKockaTimeout = waits.Stretch(2 * time.Second)
	cfg.MetaKockaSettle = 200 * time.Millisecond
	cfg.PollInterval = time.Second
	cfg.HTTPAddr = "127.0.0.1:0"
	return &World{T: t, DB: db, ERP: erp, Config: cfg, Pace: QuickPace, Pool: fewConnections}
}

// prepared is a database with contacts and mksync's tables, both empty.
var prepared = testenv.NewTemplate(PrepareDatabase)

// PrepareDatabase makes the contacts table and mksync's.
func PrepareDatabase(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, pgserver.ContactsSchema); err != nil {
		return err
	}
	_, err = migrations.Up(ctx, url, migrations.Installation{Schema: "public"})
	return err
}

// OpenPool connects to a database until the test ends.
func OpenPool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	return db
}

// QuickPace is for tests.
var QuickPace = service.Pace{
	GateMin: 50 * time.Millisecond, GateMax: 300 * time.Millisecond, BreakerCooldown: 200 * time.Millisecond,
	AckWait: 2 * time.Second, Look: time.Second, CheckRest: 5 * time.Second, EventWait: 2 * time.Second,
}

// Start runs the service in this process and returns how to stop it.
func (w *World) Start(roles ...string) (s *service.Service, stop func()) {
	w.T.Helper()
	if len(roles) == 0 {
		roles = service.AllRoles
	}

	level := "error"
	if os.Getenv("MKSYNC_TEST_LOG") != "" {
		level = os.Getenv("MKSYNC_TEST_LOG")
	}
	log := telemetry.NewLogger(os.Stderr, telemetry.LogConfig{Level: level, Format: "text"})

	s, err := service.New(w.T.Context(), w.Config, service.Options{Version: Version, Pace: w.Pace, Pool: w.Pool, Roles: roles, Tracing: w.Tracing}, log)
	require.NoError(w.T, err)

	ctx, cancel := context.WithCancel(w.T.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()

	if slices.Contains(roles, service.RolePoller) {
		w.polling = append(w.polling, s)
	}

	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		w.polling = slices.DeleteFunc(w.polling, func(p *service.Service) bool { return p == s })
		cancel()
		require.NoError(w.T, <-done)
		s.Close()
	}

	w.T.Cleanup(stop)
	return s, stop
}

// Up starts the service and waits until it listens; when the test fails it says
// how things stood.
func (w *World) Up() *service.Service {
	w.T.Helper()
	s, _ := w.Start()
	w.T.Cleanup(func() {
		if !w.T.Failed() {
			return
		}
		ctx := context.WithoutCancel(w.T.Context())
		status, _ := json.Marshal(s.Monitor().Status(ctx))
		letters, _ := s.Bus.DeadLetters(ctx)
		w.T.Logf("status: %s\ndead letters: %v", status, letters)
	})
	w.Eventually(func() error {
		if state := s.Listener.Status().State; state != cdc.StateStreaming {
			return errors.New("the listener is " + state)
		}
		return nil
	})
	return s
}

// Parts opens the service's parts without running any.
func (w *World) Parts() *service.Service {
	w.T.Helper()
	log := telemetry.NewLogger(w.T.Output(), telemetry.LogConfig{Level: "info", Format: "text"})
	s, err := service.New(w.T.Context(), w.Config, service.Options{Version: Version, Pace: QuickPace, Pool: w.Pool}, log)
	require.NoError(w.T, err)
	w.T.Cleanup(s.Close)
	return s
}

// Exec runs SQL in the CRM's database.
func (w *World) Exec(sql string, args ...any) {
	w.T.Helper()
	_, err := w.DB.Exec(context.WithoutCancel(w.T.Context()), sql, args...)
	require.NoError(w.T, err)
}

// One reads one text.
func (w *World) One(sql string, args ...any) string {
	w.T.Helper()
	var v *string
	require.NoError(w.T, w.DB.QueryRow(w.T.Context(), sql, args...).Scan(&v))
	if v == nil {
		return ""
	}
	return *v
}

// Count reads one number.
func (w *World) Count(sql string, args ...any) int {
	w.T.Helper()
	var n int
	require.NoError(w.T, w.DB.QueryRow(w.T.Context(), sql, args...).Scan(&n))
	return n
}

// Eventually waits until check returns nil. A write without an answer is waited for as long
// as a call may take, which a machine that was busy at the start made long.
func (w *World) Eventually(check func() error) {
	w.T.Helper()
	testenv.Eventually(w.T, 20*time.Second+3*min(w.Config.MetaKockaTimeout, time.Minute), check)
}
