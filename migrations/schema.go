package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrNoSchema says that the schema of mksync's tables is missing and may not be made.
var ErrNoSchema = errors.New("the schema of mksync's tables is missing")

// makeSchema makes the schema where there is none: nobody but who makes it has a right in it.
func (i Installation) makeSchema(ctx context.Context, db *sql.DB) error {
	var there bool
	var role string
	name := pgx.Identifier{i.Schema}.Sanitize()
	if err := db.QueryRowContext(ctx, "SELECT to_regnamespace($1) IS NOT NULL, current_user", name).Scan(&there, &role); err != nil || there {
		return err
	}
	_, err := db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+name)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" {
		return fmt.Errorf("%w, and role %s may not make it: run as the database's owner: %s", ErrNoSchema, role, MakeSchema(i.Schema, role))
	}
	return err
}

// MakeSchema is the statement that makes a schema for a role.
func MakeSchema(schema, role string) string {
	return fmt.Sprintf("CREATE SCHEMA %s AUTHORIZATION %s", pgx.Identifier{schema}.Sanitize(), pgx.Identifier{role}.Sanitize())
}
