package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// startTimeout bounds the start, in which Postgres may have to be installed.
const startTimeout = 5 * time.Minute

// latency is how long the simulator thinks; the real MetaKocka takes longer.
const latency = 10 * time.Millisecond

// world is everything the demo starts. The zero parts were not started yet.
type world struct {
	Options
	service *process

	dir    string // the service's data
	pg     *pgserver.Server
	dbName string
	dbURL  string
	db     *pgxpool.Pool

	erp   *sim.Server
	web   *http.Server
	calls *callLog

	erpURL   string // of the simulator
	httpAddr string // of the service
	token    string // of its API
	// decider and viewer are tokens of those who may less.
	decider, viewer string
}

func newWorld(opts Options) *world {
	w := &world{
		Options: opts, dbName: "crm_" + strings.ToLower(rand.Text()[:8]), token: rand.Text(), decider: rand.Text(), viewer: rand.Text(),
		calls: &callLog{}, service: &process{log: &logTail{}},
	}
	if opts.Verbose {
		w.service.log.also = opts.Log
	}
	return w
}

// openDatabase starts Postgres and makes the CRM's table.
func (w *world) openDatabase(ctx context.Context) (err error) {
	log := telemetry.NewLogger(w.Log, telemetry.LogConfig{Level: "info", Format: "text"})
	if w.pg, err = pgserver.Start(ctx, pgserver.Options{Logger: log}); err != nil {
		return err
	}
	if w.dbURL, err = w.pg.CreateDatabase(ctx, w.dbName); err != nil {
		return err
	}
	if w.db, err = pgxpool.New(ctx, w.dbURL); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if _, err = w.db.Exec(ctx, pgserver.ContactsSchema); err != nil {
		return fmt.Errorf("make the contacts table: %w", err)
	}
	return nil
}

// usualFaults is MetaKocka on a good day.
func usualFaults() sim.Faults { return sim.Faults{Latency: latency, Jitter: latency} }

// origin says which Postgres is used.
func (w *world) origin() string {
	if os.Getenv(pgserver.URLVariable) != "" {
		return "the server of " + pgserver.URLVariable
	}
	return "throw-away server"
}

// openERP starts the simulator; it keeps notes and websites, so that every
// field can be compared.
func (w *world) openERP(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the simulator: %w", err)
	}
	w.erp = sim.New(sim.Options{Notes: sim.Kept, Website: sim.Kept})
	w.erp.OnCall(w.calls.note)
	w.erpURL = "http://" + listener.Addr().String()
	w.web = &http.Server{Handler: w.erp, ReadHeaderTimeout: time.Second}
	go func() { _ = w.web.Serve(listener) }()
	return w.erp.SetFaults(usualFaults())
}

// openService starts this program once more, as the service.
func (w *world) openService(ctx context.Context) (err error) {
	if w.dir, err = os.MkdirTemp("", "mksync-demo-"); err != nil {
		return fmt.Errorf("make a directory for the service: %w", err)
	}
	if w.service.path, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if w.httpAddr, err = freeAddress(ctx); err != nil {
		return err
	}
	w.service.args = []string{"run", "--migrate", "--brisk"}
	// The settings of the person's own service are not for the demo's.
	w.service.env = append(config.Foreign(w.Environ), w.environment()...)
	if err := w.service.start(); err != nil {
		return fmt.Errorf("start the service: %w", err)
	}
	return nil
}

// environment is the service's configuration.
func (w *world) environment() []string {
	firstSync := syncer.FirstSyncAuto
	if w.Review {
		firstSync = syncer.FirstSyncReview
	}

	return []string{
		"MKSYNC_FIRST_SYNC=" + firstSync,
		"MKSYNC_DATABASE_URL=" + w.dbURL,
		"MKSYNC_SLOT=" + w.dbName, // slots are known to the whole server
		"MKSYNC_PUBLICATION=mksync",
		"MKSYNC_DATA_DIR=" + filepath.Join(w.dir, "data"),
		"MKSYNC_METAKOCKA_URL=" + w.erpURL + sim.BasePath,
		"MKSYNC_METAKOCKA_COMPANY_ID=" + sim.DefaultCompanyID,
		"MKSYNC_METAKOCKA_SECRET_KEY=" + sim.DefaultSecretKey,
		"MKSYNC_METAKOCKA_TIMEOUT=1s",
		"MKSYNC_METAKOCKA_SETTLE=300ms",
		"MKSYNC_POLL_INTERVAL=1s",
		"MKSYNC_AUTO_IMPORT=true",
		"MKSYNC_HTTP_ADDR=" + w.httpAddr,
		"MKSYNC_API_TOKEN=" + strings.Join([]string{"demo:" + w.token, "decider:" + w.decider + ":decider", "viewer:" + w.viewer + ":viewer"}, ","),
		"MKSYNC_API_ORIGINS=" + w.Origin,
		"MKSYNC_LOG_FORMAT=text",
	}
}

// freeAddress is an address on which nobody listens now.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String(), nil
}

// close ends and removes everything that was started.
func (w *world) close() error {
	err := w.service.stop()
	if w.db != nil {
		w.db.Close()
	}
	if w.erp != nil {
		w.erp.Close()
		_ = w.web.Close()
	}
	if w.pg != nil {
		err = errors.Join(err, w.closeDatabase())
	}
	if w.dir != "" {
		err = errors.Join(err, os.RemoveAll(w.dir))
	}
	return err
}

// closeDatabase leaves nothing behind, also on a server that is not ours.
func (w *world) closeDatabase() error {
	if os.Getenv(pgserver.URLVariable) == "" {
		return w.pg.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(w.pg.DropDatabase(ctx, w.dbName), w.pg.Stop())
}
