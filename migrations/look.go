package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"slices"

	"github.com/pressly/goose/v3"
)

// versionTable is where goose keeps which migrations have been applied.
const versionTable = "mksync_migrations"

// Look lists all migrations, oldest first, and which are applied. It changes
// nothing and takes no lock: it needs no right to create a table. Migrations
// that the database has and this build does not know come last, without a name.
// Errors: ErrElsewhere.
func Look(ctx context.Context, databaseURL string, i Installation) ([]Step, error) {
	all, err := known()
	if err != nil {
		return nil, err
	}
	db, err := open(databaseURL, i.Schema)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	if err := i.elsewhere(ctx, db); err != nil {
		return nil, err
	}

	applied, err := appliedVersions(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("look up migrations: %w", err)
	}

	for i := range all {
		all[i].Applied = slices.Contains(applied, all[i].Version)
	}

	// A newer version has applied what this one does not know.
	for _, version := range applied {
		if !slices.ContainsFunc(all, func(s Step) bool { return s.Version == version }) {
			all = append(all, Step{Version: version, Applied: true})
		}
	}
	return all, nil
}

// known are the migrations of this build, oldest first.
func known() ([]Step, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var all []Step
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, fmt.Errorf("read name of migration %s: %w", name, err)
		}
		all = append(all, Step{Version: version, Name: name})
	}
	slices.SortFunc(all, func(a, b Step) int { return int(a.Version - b.Version) })
	return all, nil
}

func appliedVersions(ctx context.Context, db *sql.DB) ([]int64, error) {
	var exists bool
	err := db.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", versionTable).Scan(&exists)
	if err != nil || !exists {
		return nil, err
	}
	rows, err := db.QueryContext(ctx,
		"SELECT version_id FROM "+versionTable+" WHERE is_applied AND version_id > 0 ORDER BY version_id")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var versions []int64
	for rows.Next() {
		var version int64
		if err := rows.Scan(&version); err != nil {
			return nil, err
		}
		versions = append(versions, version)
	}
	return versions, rows.Err()
}
