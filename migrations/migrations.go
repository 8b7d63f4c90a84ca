// Package migrations holds the schema of mksync's own tables and brings a
// database up to it. The CRM's contacts table is never touched.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/crmmind/mksync/pgsession"
)

//go:embed *.sql
var files embed.FS

// closing takes mksync's tables from everybody but their owner. It may run again.
//
//go:embed close.plpgsql
var closing string

// ErrOldSchema says that the database lacks migrations that this build needs.
var ErrOldSchema = errors.New("mksync's tables are missing or older than this version needs: run `mksync migrate up`, or start with `mksync run --migrate`")

// Step is one migration and whether it has been applied.
type Step struct {
	Version int64
	Name    string
	Applied bool
}

// Up applies every missing migration, and closes the tables to others. Several processes may call it at once:
// an advisory lock lets one of them work. A schema that is missing is made. Errors:
// ErrElsewhere.
func Up(ctx context.Context, databaseURL string, i Installation) ([]Step, error) {
	var done []Step
	err := with(databaseURL, i.Schema, func(m migrator) error {
		if err := i.elsewhere(ctx, m.db); err != nil {
			return err
		}
		if err := i.makeSchema(ctx, m.db); err != nil {
			return err
		}
		results, err := m.Up(ctx)
		done = steps(results)
		if err != nil {
			return err
		}
		if err := m.close(ctx); err != nil {
			return err
		}
		return i.note(ctx, m.db)
	})
	return done, err
}

// Down takes the newest migration back. Locks are those that whoever works on the tables
// holds: what such a process loses of its links it would match anew, and make partners
// twice. Errors: ErrRuns.
func Down(ctx context.Context, databaseURL string, i Installation, locks []string) ([]Step, error) {
	var done []Step
	err := with(databaseURL, i.Schema, func(m migrator) error {
		if err := i.elsewhere(ctx, m.db); err != nil {
			return err
		}

		tx, err := m.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if err := unused(ctx, tx, locks); err != nil {
			return err
		}

		result, err := m.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return nil
		}
		if result != nil {
			done = steps([]*goose.MigrationResult{result})
		}
		return err
	})
	return done, err
}

// Check returns ErrOldSchema unless every migration has been applied, and ErrElsewhere
// where the tables are in another schema.
func Check(ctx context.Context, databaseURL string, i Installation) error {
	all, err := Look(ctx, databaseURL, i)
	if err != nil {
		return err
	}
	for _, s := range all {
		if !s.Applied {
			return ErrOldSchema
		}
	}
	return nil
}

func steps(results []*goose.MigrationResult) []Step {
	var done []Step
	for _, r := range results {
		done = append(done, Step{Version: r.Source.Version, Name: r.Source.Path, Applied: r.Direction == "up"})
	}
	return done
}

// lockID names the lock that one migrating process has: goose's own number would be
// that of a CRM that migrates with goose, too.
const lockID = 0x6d6b73796e630001

// open reaches the CRM's database with mksync's settings. The schema alone is searched:
// what a migration names is there, or it fails. No trigger of the CRM's is met here.
func open(databaseURL, schema string) (*sql.DB, error) {
	c, err := pgsession.Parse(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return stdlib.OpenDB(*c, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SELECT set_config('search_path', $1, false)", pgx.Identifier{schema}.Sanitize())
		return err
	})), nil
}

// migrator brings one database up or down.
type migrator struct {
	*goose.Provider
	db     *sql.DB
	locker lock.SessionLocker
}

// close runs closing as migrations run, one process at a time: two that change one
// table's rights at once would fail.
func (m migrator) close(ctx context.Context) error {
	conn, err := m.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := m.locker.SessionLock(ctx, conn); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, closing)
	return errors.Join(err, m.locker.SessionUnlock(context.WithoutCancel(ctx), conn))
}

func with(databaseURL, schema string, use func(migrator) error) error {
	db, err := open(databaseURL, schema)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(lockID), lock.WithLockTimeout(1, 300))
	if err != nil {
		return fmt.Errorf("make migration lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker), goose.WithTableName(schema+"."+versionTable))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if err := use(migrator{Provider: p, db: db, locker: locker}); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}
