package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/migrations"
)

// world is everything around the service: a database with contacts, an ERP, a
// directory for NATS.
type world struct {
	t   testing.TB
	db  *pgxpool.Pool
	erp *sim.Server
	cfg config.Config
	// pace is the service's.
	pace service.Pace
}

// prepared is a database with contacts and mksync's tables, both empty.
var prepared = testenv.NewTemplate(prepareDatabase)

func prepareDatabase(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, pgserver.ContactsSchema); err != nil {
		return err
	}
	_, err = migrations.Up(ctx, url)
	return err
}

func newWorld(t testing.TB, opts sim.Options) *world {
	t.Helper()
	return newWorldAt(t, prepared.DB(t), opts)
}

// newWorldIn is a world whose database is at url, where it is empty.
func newWorldIn(t testing.TB, url string, opts sim.Options) *world {
	t.Helper()
	require.NoError(t, prepareDatabase(t.Context(), url))
	return newWorldAt(t, url, opts)
}

func newWorldAt(t testing.TB, url string, opts sim.Options) *world {
	t.Helper()
	db := openPool(t, url)

	erp := sim.New(opts)
	t.Cleanup(erp.Close)
	server := httptest.NewServer(erp)
	t.Cleanup(server.Close)

	cfg := config.Default()
	cfg.DatabaseURL = config.Secret(url)
	cfg.Slot = testenv.SlotName(t)
	cfg.Publication = cfg.Slot
	cfg.DataDir = t.TempDir()
	cfg.NATSSyncInterval = 0
	cfg.MetaKockaURL = server.URL + "/rest/eshop/v1"
	cfg.MetaKockaCompanyID = sim.DefaultCompanyID
	cfg.MetaKockaSecretKey = config.Secret(sim.DefaultSecretKey)
	cfg.MetaKockaTimeout = waits.Stretch(2 * time.Second)
	cfg.MetaKockaSettle = 200 * time.Millisecond
	cfg.PollInterval = 300 * time.Millisecond
	cfg.HTTPAddr = "127.0.0.1:0"
	return &world{t: t, db: db, erp: erp, cfg: cfg, pace: quickPace}
}

func openPool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	return db
}

// quickPace is for tests.
var quickPace = service.Pace{GateMin: 50 * time.Millisecond, GateMax: 300 * time.Millisecond, BreakerCooldown: 200 * time.Millisecond, AckWait: 2 * time.Second, Look: 50 * time.Millisecond, EventWait: 2 * time.Second}

// start runs the service in this process and returns how to stop it.
func (w *world) start(roles ...string) (s *service.Service, stop func()) {
	w.t.Helper()
	if len(roles) == 0 {
		roles = service.AllRoles
	}
	level := "error"
	if os.Getenv("MKSYNC_TEST_LOG") != "" {
		level = os.Getenv("MKSYNC_TEST_LOG")
	}
	log := telemetry.NewLogger(os.Stderr, telemetry.LogConfig{Level: level, Format: "text"})
	s, err := service.New(w.t.Context(), w.cfg, service.Options{Version: buildVersion(), Pace: w.pace, Roles: roles}, log)
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		require.NoError(w.t, <-done)
		s.Close()
	}
	w.t.Cleanup(stop)
	return s, stop
}

// exec runs SQL in the CRM's database.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.db.Exec(context.WithoutCancel(w.t.Context()), sql, args...)
	require.NoError(w.t, err)
}

// one reads one text.
func (w *world) one(sql string, args ...any) string {
	w.t.Helper()
	var v *string
	require.NoError(w.t, w.db.QueryRow(w.t.Context(), sql, args...).Scan(&v))
	if v == nil {
		return ""
	}
	return *v
}

func (w *world) eventually(check func() error) {
	w.t.Helper()
	testenv.Eventually(w.t, 20*time.Second, check)
}

// status waits until the mapping of the contact has a status.
func (w *world) status(contactID, want string) {
	w.t.Helper()
	w.eventually(func() error {
		var got, reason string
		err := w.db.QueryRow(w.t.Context(), `SELECT coalesce(max(sync_status), 'none'), coalesce(max(last_error), '')
			FROM metakocka_contact_mappings WHERE contact_id = $1`, contactID).Scan(&got, &reason)
		if err == nil && got != want {
			err = fmt.Errorf("mapping is %s (%s), not yet %s", got, reason, want)
		}
		return err
	})
}

// partner waits until the contact is linked and returns its partner.
func (w *world) partner(contactID string) metakocka.Partner {
	w.t.Helper()
	var p metakocka.Partner
	w.eventually(func() error {
		var id *string
		err := w.db.QueryRow(w.t.Context(), "SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1", contactID).Scan(&id)
		if err != nil {
			return err
		}
		if id == nil {
			return fmt.Errorf("contact %s has no partner yet", contactID)
		}
		var ok bool
		if p, ok = w.erp.Partner(*id); !ok {
			return fmt.Errorf("partner %s is not in the ERP", *id)
		}
		return nil
	})
	return p
}
