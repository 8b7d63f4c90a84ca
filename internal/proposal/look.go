package proposal

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/pgsession"
)

// A look is a guest's: it ends rather than keep anybody waiting.
const (
	lookTimeout   = "20s" // of one statement
	sampleTimeout = "5s"
	lockPatience  = "2s"
)

// sampled is how many rows are looked at, at most, for what a column holds.
const sampled = 100_000

// few is how many values of a column are named.
const few = 4

// hosts are schemas in which a hosted Postgres keeps its own tables.
var hosts = []string{
	"information_schema", "auth", "storage", "realtime", "_realtime", "vault", "extensions", "graphql", "graphql_public", "net",
	"supabase_functions", "supabase_migrations", "pgsodium", "pgbouncer", "cron", "_analytics", "_timescaledb_catalog",
	"_timescaledb_internal", "_timescaledb_config", "_timescaledb_cache", "hdb_catalog", "topology", "tiger", "neon_auth",
}

const databaseQuery = `
SELECT current_database()::text, current_user::text,
       coalesce((SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'), 'UTC'),
       ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role') ORDER BY 1),
       coalesce((SELECT database::text FROM pg_replication_slots WHERE slot_name = 'mksync' AND database <> current_database()), '')`

const tablesQuery = `
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind IN ('v', 'm'), c.relpersistence <> 'p' OR c.relkind = 'f',
       row_security_active(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname <> ALL($1)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname <> 'public', n.nspname, c.relname`

// columnsQuery reads no expression of a default: for that Postgres locks the table.
const columnsQuery = `
SELECT a.attrelid, a.attname::text, format_type(a.atttypid, a.atttypmod), b.oid::regtype::text, b.typcategory::text, a.attnotnull OR beneath.filled,
       a.atthasdef OR t.typdefaultbin IS NOT NULL, a.attgenerated <> '' OR a.attidentity = 'a', a.attidentity <> '',
       coalesce((SELECT bool_or(i.indisprimary) FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indnkeyatts = 1), false),
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indnkeyatts = 1 AND i.indisunique
               AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL),
       EXISTS (SELECT FROM pg_depend p WHERE p.classid = 'pg_policy'::regclass AND p.refclassid = 'pg_class'::regclass
               AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum),
       coalesce((SELECT f.confrelid::regclass::text FROM pg_constraint f
                 WHERE f.contype = 'f' AND f.conrelid = a.attrelid AND f.conkey = ARRAY[a.attnum] ORDER BY f.conname LIMIT 1), ''),
       ARRAY(SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k
             WHERE k.contype = 'c' AND k.conrelid = a.attrelid AND k.conkey = ARRAY[a.attnum] ORDER BY k.conname),
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = b.oid ORDER BY e.enumsortorder)
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
` + pgsession.Beneath + `
JOIN pg_type b ON b.oid = beneath.type
WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`

// triggersQuery: tgtype's first bit says for each row, the second before.
const triggersQuery = `
SELECT g.tgrelid, g.tgname::text, pg_get_triggerdef(g.oid), p.prosrc
FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
WHERE g.tgrelid = ANY($1) AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 3 = 3
ORDER BY g.tgrelid, g.tgname`

// Look reads what the database is made of. It reads the catalog alone.
func Look(ctx context.Context, conn *pgx.Conn) (Database, error) {
	var d Database
	if err := readOnly(ctx, conn); err != nil {
		return d, err
	}
	if err := conn.QueryRow(ctx, databaseQuery).Scan(&d.Name, &d.Role, &d.Zone, &d.Public, &d.SlotOf); err != nil {
		return d, fmt.Errorf("look at the database: %w", err)
	}

	at, oids, err := d.lookAtTables(ctx, conn)
	if err != nil {
		return d, fmt.Errorf("look at the tables: %w", err)
	}
	if err := d.lookAtColumns(ctx, conn, at, oids); err != nil {
		return d, fmt.Errorf("look at the columns: %w", err)
	}
	if err := d.lookAtTriggers(ctx, conn, at, oids); err != nil {
		return d, fmt.Errorf("look at the triggers: %w", err)
	}
	return d, nil
}

// readOnly lets the session write nothing, and wait for nobody.
func readOnly(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SET default_transaction_read_only = on; SET lock_timeout = '"+lockPatience+"'; SET statement_timeout = '"+lookTimeout+"'")
	if err != nil {
		return fmt.Errorf("make the session read only: %w", err)
	}
	return nil
}

// lookAtTables says where in d.Tables each table is, by its oid.
func (d *Database) lookAtTables(ctx context.Context, conn *pgx.Conn) (at map[uint32]int, oids []uint32, err error) {
	rows, err := conn.Query(ctx, tablesQuery, hosts)
	if err != nil {
		return nil, nil, err
	}
	at = map[uint32]int{}
	var oid uint32
	var t Table
	_, err = pgx.ForEachRow(rows, []any{&oid, &t.Schema, &t.Name, &t.View, &t.Unlogged, &t.Hidden}, func() error {
		at[oid] = len(d.Tables)
		oids = append(oids, oid)
		d.Tables = append(d.Tables, t)
		return nil
	})
	return at, oids, err
}

func (d *Database) lookAtColumns(ctx context.Context, conn *pgx.Conn, at map[uint32]int, oids []uint32) error {
	rows, err := conn.Query(ctx, columnsQuery, oids)
	if err != nil {
		return err
	}
	for rows.Next() {
		var oid uint32
		var c Column
		err := rows.Scan(&oid, &c.Name, &c.Type, &c.Base, &c.Category, &c.NotNull, &c.HasDefault, &c.Computed, &c.Identity,
			&c.Primary, &c.Unique, &c.Policy, &c.Refers, &c.Checks, &c.Labels)
		if err != nil {
			rows.Close()
			return err
		}
		t := &d.Tables[at[oid]]
		t.Columns = append(t.Columns, c)
	}
	return rows.Err()
}

func (d *Database) lookAtTriggers(ctx context.Context, conn *pgx.Conn, at map[uint32]int, oids []uint32) error {
	rows, err := conn.Query(ctx, triggersQuery, oids)
	if err != nil {
		return err
	}
	var oid uint32
	var g Trigger
	_, err = pgx.ForEachRow(rows, []any{&oid, &g.Name, &g.Definition, &g.Source}, func() error {
		t := &d.Tables[at[oid]]
		t.Triggers = append(t.Triggers, g)
		return nil
	})
	return err
}

// sampleQuery takes a column, twice, and a table.
const sampleQuery = `
WITH s AS MATERIALIZED (SELECT %[1]s::text AS v FROM %[2]s LIMIT %[3]d)
SELECT (SELECT count(*) FROM s) < %[3]d, EXISTS (SELECT FROM s WHERE v IS NULL),
       ARRAY(SELECT DISTINCT v FROM s WHERE v IS NOT NULL ORDER BY 1 LIMIT %[4]d)`

// Sample looks at what those columns hold on which a proposal for the table depends:
// marks of deletion and whose a contact is, never what a contact says. What the role
// may not read, or what takes too long, stays unknown.
func Sample(ctx context.Context, conn *pgx.Conn, c *Candidate) error {
	if _, err := conn.Exec(ctx, "SET statement_timeout = '"+sampleTimeout+"'"); err != nil {
		return fmt.Errorf("bound the look at the contacts: %w", err)
	}
	table := pgx.Identifier{c.Table.Schema, c.Table.Name}.Sanitize()
	for i := range c.Table.Columns {
		column := &c.Table.Columns[i]
		if !c.toSample(*column) {
			continue
		}
		var h Held
		query := fmt.Sprintf(sampleQuery, pgx.Identifier{column.Name}.Sanitize(), table, sampled+1, few)
		if err := conn.QueryRow(ctx, query).Scan(&h.Whole, &h.Null, &h.Values); err == nil {
			column.Held = &h
		}
		if ctx.Err() != nil {
			return fmt.Errorf("look at the contacts: %w", ctx.Err())
		}
	}
	c.is = taken(c.Table, c.Key.Name)
	return nil
}
