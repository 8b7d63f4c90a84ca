package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/coded"
)

// ReadPairs reads ids of contacts and partners from a table of another integration, whose
// columns choose picks by name; blank counts the rows that lack one of the two. A table that
// is named without a schema is in beside, and one of mksync's own (in schema) is refused.
// Errors: *TableError, or that of choose.
func ReadPairs(ctx context.Context, conn *pgx.Conn, table, beside, schema string, choose func(columns []string) (contact, partner string, err error)) (pairs [][2]string, blank int, err error) {
	if !strings.Contains(table, ".") {
		table = beside + "." + table
	}
	ident := pgx.Identifier(strings.Split(table, ".")).Sanitize()

	columns, err := columnsOf(ctx, conn, ident, schema)
	if err != nil || len(columns) == 0 {
		return nil, 0, orNoTable(err, table)
	}

	contact, partner, err := choose(columns)
	if err != nil {
		return nil, 0, fmt.Errorf("table %s: %w", table, err)
	}

	rows, err := conn.Query(ctx, fmt.Sprintf("SELECT coalesce(btrim(%s::text), ''), coalesce(btrim(%s::text), '') FROM %s ORDER BY 1, 2",
		pgx.Identifier{contact}.Sanitize(), pgx.Identifier{partner}.Sanitize(), ident))
	if err != nil {
		return nil, 0, unreadable(err, table)
	}
	var pair [2]string
	_, err = pgx.ForEachRow(rows, []any{&pair[0], &pair[1]}, func() error {
		if pair[0] == "" || pair[1] == "" {
			blank++
			return nil
		}
		pairs = append(pairs, pair)
		return nil
	})
	return pairs, blank, unreadable(err, table)
}

// columnsOf are the columns of a table, none where it is not there. Errors: *TableError
// where it is mksync's own.
func columnsOf(ctx context.Context, conn *pgx.Conn, ident, schema string) ([]string, error) {
	var own bool
	err := conn.QueryRow(ctx, `SELECT coalesce(to_regclass($1) = to_regclass(quote_ident($2) || '.metakocka_contact_mappings'), false)`, ident, schema).Scan(&own)
	if err != nil {
		return nil, fmt.Errorf("look up table %s: %w", ident, err)
	}
	if own {
		return nil, &TableError{coded.Say("doctor.pairs.own", "table {table} is mksync's own", ident), coded.Say("doctor.pairs.own_do", "name that of the integration that was there before")}
	}

	rows, err := conn.Query(ctx, "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum", ident)
	if err != nil {
		return nil, fmt.Errorf("look up table %s: %w", ident, err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look up table %s: %w", ident, err)
	}
	return names, nil
}

func orNoTable(err error, table string) error {
	if err != nil {
		return err
	}
	return &TableError{coded.Say("doctor.pairs.none", "there is no table {table} that this role may see", table), coded.Say("doctor.pairs.none_do", "name it as schema.table")}
}

// unreadable is why a table's rows could not be read.
func unreadable(err error, table string) error {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pg) && pg.Code == "42501":
		return &TableError{
			coded.Say("doctor.pairs.unread", "table {table} may not be read, or row level security hides some of its rows", table),
			coded.Say("doctor.pairs.unread_do", "GRANT SELECT ON {table} to mksync's role, and ALTER ROLE … BYPASSRLS or a policy that shows it all rows", table),
		}
	}
	return fmt.Errorf("read table %s: %w", table, err)
}
