package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/migrations"
)

// schemaFacts is where mksync's tables go and what the role may do there.
type schemaFacts struct {
	schema    string // empty: the search path leads nowhere
	role      string
	mayCreate bool
	denied    []string // mksync's tables that the role may not read and write, or whose rows are hidden from it
}

const schemaQuery = `
SELECT coalesce(current_schema(), ''), current_user,
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
       ARRAY(SELECT c.relname::text FROM pg_class c
             WHERE c.relkind = 'r' AND pg_table_is_visible(c.oid)
               AND (c.relname = 'metakocka_contact_mappings' OR c.relname LIKE 'mksync\_%')
               AND (row_security_active(c.oid) OR NOT has_table_privilege(c.oid, 'SELECT')
                    OR c.relname <> 'mksync_migrations' AND NOT (has_table_privilege(c.oid, 'INSERT')
                        AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')))
             ORDER BY 1)`

// checkSchema says whether mksync's own tables are there, as this build wants
// them, and usable; and where they are not there, whether they can be made.
func checkSchema(ctx context.Context, conn *pgx.Conn, databaseURL string) (Finding, error) {
	var f schemaFacts
	err := conn.QueryRow(ctx, schemaQuery).Scan(&f.schema, &f.role, &f.mayCreate, &f.denied)
	if err != nil {
		return Finding{}, err
	}
	if len(f.denied) > 0 {
		return f.closed(), nil
	}
	steps, err := migrations.Look(ctx, databaseURL)
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
	case applied < known && f.schema == "":
		return fail(nameSchema, "they are missing, and the role's search_path names no schema that exists",
			fmt.Sprintf("run: ALTER ROLE %s SET search_path = public", role))
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
