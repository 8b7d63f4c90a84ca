package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// world is a CRM's database, an ERP, and mksync between the two as a process of
// its own.
type world struct {
	*lab
	name  string
	url   string // of the database
	db    *pgxpool.Pool
	erp   *sim.Server
	calls *callLog
	http  *httptest.Server
	dir   string // of mksync's embedded NATS server

	mksync *process // nil: it does not run
	addr   string   // of its HTTP API
}

// apiToken is what the benchmark shows to mksync's HTTP API.
const apiToken = "bench-token-0123456789abcdef0123456789"

// newWorld makes a database and an ERP; mksync does not run yet.
func (l *lab) newWorld(ctx context.Context, name string, opts sim.Options) (w *world, err error) {
	w = &world{lab: l, name: "bench_" + name}
	defer func() {
		if err != nil {
			w.close()
		}
	}()

	if w.url, err = l.database(ctx, w.name); err != nil {
		return w, err
	}
	if l.statements {
		if err = execute(ctx, w.url, "CREATE EXTENSION pg_stat_statements"); err != nil {
			return w, fmt.Errorf("make pg_stat_statements: %w", err)
		}
	}

	if w.db, err = pgxpool.New(ctx, w.url); err != nil {
		return w, fmt.Errorf("connect to Postgres: %w", err)
	}
	if w.dir, err = os.MkdirTemp(l.dir, "data-"); err != nil {
		return w, fmt.Errorf("make a directory: %w", err)
	}

	w.serve(opts)
	return w, nil
}

// serve puts a new ERP in place of the one there was.
func (w *world) serve(opts sim.Options) {
	w.unserve()
	w.erp = sim.New(opts)
	w.calls = &callLog{}
	w.erp.OnCall(w.calls.add)
	w.http = httptest.NewServer(w.erp)
}

func (w *world) unserve() {
	if w.http != nil {
		w.http.Close()
		w.erp.Close()
	}
}

// close stops mksync and removes everything.
func (w *world) close() {
	w.stop()
	w.unserve()
	if w.db != nil {
		w.db.Close()
	}
	_ = os.RemoveAll(w.dir)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := w.pg.DropDatabase(ctx, w.name); err != nil {
		w.say("%v", err)
	}
}

// variables configure mksync.
func (w *world) variables() map[string]string {
	return map[string]string{
		"MKSYNC_DATABASE_URL": w.url, "MKSYNC_DATA_DIR": w.dir, "MKSYNC_SLOT": w.name, "MKSYNC_PUBLICATION": w.name,
		"MKSYNC_METAKOCKA_URL": w.http.URL + "/rest/eshop/v1", "MKSYNC_METAKOCKA_COMPANY_ID": sim.DefaultCompanyID,
		"MKSYNC_METAKOCKA_SECRET_KEY": sim.DefaultSecretKey, "MKSYNC_HTTP_ADDR": w.addr, "MKSYNC_API_TOKEN": apiToken,
		"MKSYNC_LOG_LEVEL": "warn", "MKSYNC_LOG_FORMAT": "text",
	}
}

// start runs mksync with its defaults, but for settings and flags, and waits until it
// is ready and reads the database's log.
func (w *world) start(ctx context.Context, settings map[string]string, flags ...string) (err error) {
	if w.addr, err = freeAddress(); err != nil {
		return err
	}
	variables := w.variables()
	maps.Copy(variables, settings)
	if w.mksync, err = w.startMksync(variables, append([]string{"run"}, flags...)...); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return w.mksync.await(limited, 5*time.Millisecond, func() (bool, error) {
		_, err := w.get(limited, "/readyz")
		if err != nil {
			return false, nil //nolint:nilerr // not yet
		}
		metrics, err := w.get(limited, "/metrics")
		return strings.Contains(metrics, "\nmksync_listener_streaming 1"), err
	})
}

// stop ends mksync, if it runs.
func (w *world) stop() {
	w.mksync.stop()
	w.mksync = nil
}

// freeAddress is one that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		return "", fmt.Errorf("find a free address: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// get asks mksync's HTTP API; any status but 200 is an error.
func (w *world) get(ctx context.Context, path string) (string, error) {
	return get(ctx, w.addr, path)
}

func get(ctx context.Context, addr, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("ask for %s: %w", path, err)
	}
	req.Header.Set("Authorization", "Bearer "+apiToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask for %s: %w", path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d: %.200s", path, resp.StatusCode, body)
	}
	return string(body), err
}

// exec runs SQL in the CRM's database.
func (w *world) exec(ctx context.Context, sql string, args ...any) error {
	_, err := w.db.Exec(ctx, sql, args...)
	return err
}

// ownStatement begins the benchmark's questions, which are none of mksync's work.
const ownStatement = "/* bench */ "

// number reads one number; null, or none, is 0.
func (w *world) number(ctx context.Context, sql string, args ...any) (v float64, err error) {
	var got *float64
	err = w.db.QueryRow(ctx, ownStatement+sql, args...).Scan(&got)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && got == nil {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("ask the database: %w", err)
	}
	return *got, nil
}

// reaches waits until sql, asked now and then, gives at least a number.
func (w *world) reaches(ctx context.Context, within time.Duration, least float64, sql string, args ...any) error {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var v float64
	err := w.mksync.await(limited, 20*time.Millisecond, func() (ok bool, err error) {
		v, err = w.number(limited, sql, args...)
		return v >= least, err
	})
	if err != nil {
		return fmt.Errorf("%s: %g, not %g: %w", strings.TrimSpace(sql), v, least, err)
	}
	return nil
}

// latency is how long each call to MetaKocka takes from now on.
func (w *world) latency(d time.Duration) error { return w.erp.SetFaults(sim.Faults{Latency: d}) }

// effort is what a piece of work took.
type effort struct {
	seconds  float64
	cpu      float64 // seconds of mksync
	peak     float64 // MiB, mksync's largest resident set so far
	database databaseTime
	calls    callCount
}

// measure tells what f takes. What the benchmark itself asks the database is in it.
func (w *world) measure(ctx context.Context, f func() error) (e effort, err error) {
	before, err := w.used()
	if err != nil {
		return e, err
	}

	databaseBefore, err := w.databaseTime(ctx)
	if err != nil {
		return e, err
	}

	callsBefore, began := w.calls.count(), time.Now()
	if err := f(); err != nil {
		return e, err
	}
	e.seconds = time.Since(began).Seconds()
	e.calls = w.calls.count().minus(callsBefore)

	after, err := w.mksync.usage()
	if err != nil {
		return e, err
	}
	e.cpu = after.cpu - before.cpu
	e.peak = after.peak
	databaseAfter, err := w.databaseTime(ctx)
	e.database = databaseAfter.minus(databaseBefore)
	return e, err
}

// used is what mksync has taken so far; nothing before it runs.
func (w *world) used() (usage, error) {
	if w.mksync == nil {
		return usage{}, nil
	}
	return w.mksync.usage()
}

// databaseTime waits a second first: so late a session may tell what it took.
func (w *world) databaseTime(ctx context.Context) (t databaseTime, err error) {
	if err := syncer.Pause(ctx, 1100*time.Millisecond); err != nil {
		return t, err
	}
	t.working = math.NaN()
	if w.statements {
		t.working, err = w.number(ctx, `SELECT sum(total_exec_time + total_plan_time) / 1000 FROM pg_stat_statements
			WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query NOT LIKE '`+ownStatement+`%'`)
		if err != nil {
			return t, err
		}
	}
	t.active, err = w.number(ctx, "SELECT active_time / 1000 FROM pg_stat_database WHERE datname = current_database()")
	return t, err
}
