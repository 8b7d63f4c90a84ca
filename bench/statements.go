package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/crmmind/mksync/internal/pgserver"
)

// trackStatements has Postgres tell what statements cost, where it has the
// extension for it and can be restarted.
func (l *lab) trackStatements(ctx context.Context) error {
	var there bool
	err := withRow(ctx, l.pg.URL(), "SELECT count(*) > 0 FROM pg_available_extensions WHERE name = 'pg_stat_statements'", &there)
	if err != nil || !there {
		return err
	}
	if err := execute(ctx, l.pg.URL(), "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'"); err != nil {
		return fmt.Errorf("load pg_stat_statements: %w", err)
	}
	err = l.pg.Restart(ctx)
	if errors.Is(err, pgserver.ErrNotRestartable) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restart Postgres with pg_stat_statements: %w", err)
	}
	l.statements = true
	return nil
}

// databaseTime is what the sessions of a database have taken so far, in seconds.
type databaseTime struct {
	active  float64 // waiting for locks and disks included; the slot's reader apart
	working float64 // planning and executing statements; NaN: this Postgres does not tell
}

func (t databaseTime) minus(o databaseTime) databaseTime {
	return databaseTime{t.active - o.active, t.working - o.working}
}
