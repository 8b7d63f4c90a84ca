package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/migrations"
)

// schemaFacts is where mksync's tables go and what the role may do there.
type schemaFacts struct {
	schema    string
	there     bool // the schema
	role      string
	mayCreate bool     // tables in it, or the schema
	denied    []string // mksync's tables that the role may not read and write, or whose rows are hidden from it
}

const schemaQuery = `
SELECT n.oid IS NOT NULL, current_user,
       coalesce(has_schema_privilege(n.oid, 'CREATE'), has_database_privilege(current_database(), 'CREATE')),
       ARRAY(SELECT c.relname::text FROM pg_class c
             WHERE c.relkind = 'r' AND c.relnamespace = n.oid
               AND (c.relname = 'metakocka_contact_mappings' OR c.relname LIKE 'mksync\_%')
               AND (row_security_active(c.oid) OR NOT has_table_privilege(c.oid, 'SELECT')
                    OR c.relname <> 'mksync_migrations' AND NOT (has_table_privilege(c.oid, 'INSERT')
                        AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')))
             ORDER BY 1)
FROM (SELECT to_regnamespace(quote_ident($1))::oid) AS n (oid)`

// checkSchema says whether mksync's own tables are there, as this build wants
// them, and usable; and where they are not there, whether they can be made.
func checkSchema(ctx context.Context, conn *pgx.Conn, cfg Database) (Finding, error) {
	f := schemaFacts{schema: cfg.Installation.Schema}
	err := conn.QueryRow(ctx, schemaQuery, f.schema).Scan(&f.there, &f.role, &f.mayCreate, &f.denied)
	if err != nil {
		return Finding{}, err
	}
	if len(f.denied) > 0 {
		return f.closed(), nil
	}
	steps, err := migrations.Look(ctx, cfg.URL, cfg.Installation)
	if errors.Is(err, migrations.ErrElsewhere) {
		return fail(nameSchema, err.Error(), "do one of the two; nothing was changed"), nil
	}
	if err != nil {
		return Finding{}, err
	}
	return f.finding(steps), nil
}

func (f schemaFacts) finding(steps []migrations.Step) Finding {
	applied, unknown := count(steps)
	known := len(steps) - unknown
	role := pgx.Identifier{f.role}.Sanitize()
	switch {
	case unknown > 0:
		return fail(nameSchema, "they were made by a newer mksync than this one", "use that version, or a newer one")
	case !f.there && !f.mayCreate:
		return fail(nameSchema, fmt.Sprintf("they are missing, and so is schema %s, which role %q may not make", f.schema, f.role),
			"run as the database's owner: "+migrations.MakeSchema(f.schema, f.role)+"; then: mksync migrate up")
	case applied < known && !f.mayCreate:
		return fail(nameSchema, fmt.Sprintf("they are %s, and role %q may not create tables in schema %s", missing(applied), f.role, f.schema),
			fmt.Sprintf("run as the schema's owner: GRANT USAGE, CREATE ON SCHEMA %s TO %s; then: mksync migrate up",
				pgx.Identifier{f.schema}.Sanitize(), role))
	case applied > 0 && applied < known:
		return fail(nameSchema, fmt.Sprintf("they are old: %d of %d migrations are applied", applied, known), "run: mksync migrate up")
	case applied < known:
		return note(nameSchema, fmt.Sprintf("they are not there yet; role %q may create them in schema %s", f.role, f.schema),
			"run: mksync migrate up (or start with: mksync run --migrate)")
	}
	return ok(nameSchema, fmt.Sprintf("up to date in schema %s (version %d)", f.schema, steps[len(steps)-1].Version))
}

// closed: mksync's tables are their owner's alone, so it is he who runs mksync.
func (f schemaFacts) closed() Finding {
	return fail(nameSchema, fmt.Sprintf("role %q may not read and write %s", f.role, strings.Join(f.denied, ", ")),
		"let their owner run mksync, or run as a superuser, for each of them: ALTER TABLE <table> OWNER TO "+pgx.Identifier{f.role}.Sanitize())
}

func missing(applied int) string {
	if applied > 0 {
		return "old"
	}
	return "missing"
}

// count counts the migrations that are applied, and those that this build does
// not know.
func count(steps []migrations.Step) (applied, unknown int) {
	for _, s := range steps {
		switch {
		case s.Name == "":
			unknown++
		case s.Applied:
			applied++
		}
	}
	return applied, unknown
}
