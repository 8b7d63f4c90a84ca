package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Moved is what Move did.
type Moved struct {
	From string   `json:"from"` // empty: there was nothing to move
	To   string   `json:"to"`
	What []string `json:"moved"`
}

var (
	// ErrRuns says that a service, or a command, works on the tables.
	ErrRuns = errors.New("mksync runs on these tables: stop every process of it first")
	// ErrNotFound says that there is nothing to move.
	ErrNotFound = errors.New("no schema of this database holds mksync's tables that could be this installation's")
)

// Move moves the tables of this installation from the schema they are in, and with them
// whose they are, in one transaction. From names the schema where several may be meant.
// Locks are those that whoever works on the tables of a schema holds. What is there
// already is not moved again. Errors: ErrRuns, ErrNotFound.
func Move(ctx context.Context, databaseURL string, to Installation, from string, locks func(schema string) []string) (Moved, error) {
	moved := Moved{To: to.Schema, What: []string{}}
	err := with(databaseURL, to.Schema, func(m migrator) error {
		there, o, err := to.read(ctx, m.db, to.Schema)
		if err != nil {
			return err
		}
		switch {
		case !there:
			if o, err = to.origin(ctx, m.db, from); err == nil {
				err = to.makeSchema(ctx, m.db)
			}
		case !to.sameAs(o):
			err = fmt.Errorf("%w: those in schema %s are those of %s", ErrNotFound, to.Schema, o)
		}
		if err != nil {
			return err
		}

		tx, err := m.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if err := unused(ctx, tx, append(locks(o.Schema), locks(to.Schema)...)); err != nil {
			return err
		}
		if !there {
			moved.From = o.Schema
			if moved.What, err = move(ctx, tx, o.Schema, to.Schema); err != nil {
				return err
			}
		}
		if err := to.note(ctx, tx); err != nil {
			return err
		}
		return tx.Commit()
	})
	return moved, err
}

// origin is the one installation that is meant.
func (i Installation) origin(ctx context.Context, db *sql.DB, from string) (Other, error) {
	others, err := i.others(ctx, db)
	if err != nil {
		return Other{}, err
	}

	var meant []Other
	var names []string
	for _, o := range others {
		if i.sameAs(o) && (from == "" || o.Schema == from) {
			meant = append(meant, o)
			names = append(names, o.Schema)
		}
	}

	switch {
	case len(meant) == 0 && from != "":
		return Other{}, fmt.Errorf("%w: the schema %s holds none, or those of another installation", ErrNotFound, from)
	case len(meant) == 0:
		return Other{}, ErrNotFound
	case len(meant) > 1:
		return Other{}, fmt.Errorf("several schemas hold tables that may be this installation's (%s): say which with --from", strings.Join(names, ", "))
	}
	return meant[0], nil
}

// unused takes the locks for as long as the transaction goes on.
func unused(ctx context.Context, tx *sql.Tx, locks []string) error {
	for _, name := range locks {
		var free bool
		err := tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", name).Scan(&free)
		if err != nil {
			return err
		}
		if !free {
			return ErrRuns
		}
	}
	return nil
}

// listSQL is what is mksync's in a schema, with the beginning of the statement that moves
// it. Indexes, constraints, rights, and sequences of columns go with their tables.
const listSQL = `SELECT 'table ' || c.relname, format('ALTER TABLE %I.%I', $1::text, c.relname) FROM pg_class c
	WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relkind = 'r' AND (c.relname = 'metakocka_contact_mappings' OR c.relname LIKE 'mksync\_%')
	UNION ALL SELECT 'sequence ' || c.relname, format('ALTER SEQUENCE %I.%I', $1, c.relname) FROM pg_class c
	WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relkind = 'S' AND c.relname LIKE 'mksync\_%'
		AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i'))
	UNION ALL SELECT 'type ' || t.typname, format('ALTER TYPE %I.%I', $1, t.typname) FROM pg_type t
	WHERE t.typnamespace = to_regnamespace(quote_ident($1)) AND t.typname LIKE 'mksync\_%' AND t.typtype IN ('d', 'e')
	UNION ALL SELECT 'function ' || p.proname, format('ALTER ROUTINE %s', p.oid::regprocedure) FROM pg_proc p
	WHERE p.pronamespace = to_regnamespace(quote_ident($1)) AND p.proname LIKE 'mksync\_%' ORDER BY 1`

// move moves everything, and tells what.
func move(ctx context.Context, tx *sql.Tx, from, to string) (all []string, err error) {
	rows, err := tx.QueryContext(ctx, listSQL, from)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()

	var statements []string
	for rows.Next() {
		var what, statement string
		if err := rows.Scan(&what, &statement); err != nil {
			return nil, err
		}
		all = append(all, what)
		statements = append(statements, statement)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}

	// Once all are read: a connection does one thing at a time.
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement+" SET SCHEMA "+pgx.Identifier{to}.Sanitize()); err != nil {
			return nil, err
		}
	}
	return all, nil
}
