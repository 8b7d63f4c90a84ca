package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/coded"
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
		return fail(nameSchema, coded.Of(err), coded.Say("doctor.schema.elsewhere_do", "do one of the two; nothing was changed")), nil
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
		return fail(nameSchema, coded.Say("doctor.schema.newer", "they were made by a newer mksync than this one"),
			coded.Say("doctor.schema.newer_do", "use that version, or a newer one"))
	case !f.there && !f.mayCreate:
		return fail(nameSchema, coded.Say("doctor.schema.no_schema", "they are missing, and so is schema {schema}, which role \"{role}\" may not make", f.schema, f.role),
			coded.Say("doctor.schema.no_schema_do", "run as the database's owner: {statement}; then: mksync migrate up", migrations.MakeSchema(f.schema, f.role)))
	case applied < known && !f.mayCreate:
		grant := fmt.Sprintf("GRANT USAGE, CREATE ON SCHEMA %s TO %s", pgx.Identifier{f.schema}.Sanitize(), role)
		return fail(nameSchema, f.mayNotCreate(applied), coded.Say("doctor.schema.create_do", "run as the schema's owner: {statement}; then: mksync migrate up", grant))
	case applied > 0 && applied < known:
		return fail(nameSchema, coded.Say("doctor.schema.old", "they are old: {applied} of {known} migrations are applied", applied, known),
			coded.Say("doctor.schema.old_do", "run: mksync migrate up"))
	case applied < known:
		return note(nameSchema, coded.Say("doctor.schema.later", "they are not there yet; role \"{role}\" may create them in schema {schema}", f.role, f.schema),
			coded.Say("doctor.schema.later_do", "run: mksync migrate up (or start with: mksync run --migrate)"))
	}

	return ok(nameSchema, coded.Say("doctor.schema.current", "up to date in schema {schema} (version {version})", f.schema, steps[len(steps)-1].Version))
}

// closed: mksync's tables are their owner's alone, so it is he who runs mksync.
func (f schemaFacts) closed() Finding {
	return fail(nameSchema, coded.Say("doctor.schema.closed", "role \"{role}\" may not read and write {tables}", f.role, strings.Join(f.denied, ", ")),
		coded.Say("doctor.schema.closed_do", "let their owner run mksync, or run as a superuser, for each of them: ALTER TABLE <table> OWNER TO {role}", pgx.Identifier{f.role}.Sanitize()))
}

func (f schemaFacts) mayNotCreate(applied int) coded.Text {
	if applied > 0 {
		return coded.Say("doctor.schema.old_closed", "they are old, and role \"{role}\" may not create tables in schema {schema}", f.role, f.schema)
	}
	return coded.Say("doctor.schema.missing_closed", "they are missing, and role \"{role}\" may not create tables in schema {schema}", f.role, f.schema)
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
