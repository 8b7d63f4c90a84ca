package migrations_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/migrations"
)

// usual is an installation without any setting.
var usual = migrations.Installation{Schema: "public", ContactsTable: "public.contacts", CompanyID: "1", Slot: "mksync", Publication: "mksync"}

func in(schema string, of migrations.Installation) migrations.Installation {
	of.Schema = schema
	return of
}

// instance is an installation beside others.
func instance(name, table, company string) migrations.Installation {
	return migrations.Installation{
		Schema: "mksync_" + name, Instance: name, ContactsTable: table, CompanyID: company, Slot: "mksync_" + name, Publication: "mksync_" + name,
	}
}

// hold holds a lock with others, as a service does, until the connection is closed.
func hold(t *testing.T, database, lock string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	_, err = conn.Exec(t.Context(), "SELECT pg_advisory_lock_shared(hashtextextended($1, 0))", lock)
	require.NoError(t, err)
	return conn
}

func noLocks(string) []string { return nil }

func up(t *testing.T, database string, i migrations.Installation) {
	t.Helper()
	_, err := migrations.Up(t.Context(), database, i)
	require.NoError(t, err)
}

// own are the tables of mksync's in a schema.
func own(t *testing.T, database, schema string) string {
	t.Helper()
	return one(t, database, `SELECT count(*)::text FROM pg_tables WHERE schemaname = '`+schema+`'`)
}

// TestASchemaThatChangedIsNoNewInstallation: whatever asks is told where the tables are, and
// no empty ones are made, which would match and make every contact a second time.
func TestASchemaThatChangedIsNoNewInstallation(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	up(t, database, usual)
	for _, moved := range []migrations.Installation{
		in("mksync", usual),                        // another schema
		instance("acme", "public.contacts", "1"),   // the same under a name
		instance("acme", "contacts", ""),           // perhaps the same
		in("elsewhere", migrations.Installation{}), // nothing is known of it
	} {
		refused := func(err error) {
			require.ErrorIs(t, err, migrations.ErrElsewhere, moved.Schema)
			require.ErrorContains(t, err, "schema public")
			require.ErrorContains(t, err, "mksync migrate move")
		}
		_, err := migrations.Up(t.Context(), database, moved)
		refused(err)
		_, err = migrations.Look(t.Context(), database, moved)
		refused(err)
		_, err = migrations.Down(t.Context(), database, moved, nil)
		refused(err)
		refused(migrations.Check(t.Context(), database, moved))
		require.Equal(t, "0", own(t, database, moved.Schema))
	}
	require.NoError(t, migrations.Check(t.Context(), database, usual))

	// Others are let in: of another company, and over other contacts.
	up(t, database, instance("acme", "public.contacts", "2"))
	up(t, database, instance("other", "sales.contacts", "1"))
	require.NoError(t, migrations.Check(t.Context(), database, usual))

	// What belongs to one is not another's.
	_, err := migrations.Up(t.Context(), database, in("mksync_acme", instance("other", "sales.contacts", "1")))
	require.ErrorIs(t, err, migrations.ErrElsewhere)
	require.ErrorContains(t, err, "the instance acme")
}

// TestTablesOfAnEarlierVersionTellNothing: whose they are is not known until that one was
// started once, so no other is made beside them.
func TestTablesOfAnEarlierVersionTellNothing(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	up(t, database, usual)
	testenv.Exec(t, database, "DELETE FROM mksync_state")
	other := instance("acme", "sales.contacts", "2")
	_, err := migrations.Up(t.Context(), database, other)
	require.ErrorIs(t, err, migrations.ErrElsewhere)
	require.ErrorContains(t, err, "Start the other one once")
	up(t, database, usual)
	up(t, database, other)
}

// TestACRMsTableOfOurName is in the way in its schema alone.
func TestACRMsTableOfOurName(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	testenv.Exec(t, database, "CREATE TABLE metakocka_contact_mappings (id text PRIMARY KEY, contact text)")
	_, err := migrations.Up(t.Context(), database, usual)
	require.Error(t, err)
	up(t, database, in("mksync", usual))
	require.Equal(t, "id contact", one(t, database, "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'public.metakocka_contact_mappings'::regclass AND attnum > 0"))
	require.Equal(t, "false", one(t, database, "SELECT relrowsecurity::text FROM pg_class WHERE oid = 'public.metakocka_contact_mappings'::regclass"))
}

// TestMove moves everything with its rights and its content, once.
func TestMove(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	up(t, database, usual)
	testenv.Exec(t, database, "INSERT INTO mksync_state (key, value) VALUES ('x', '1')")
	testenv.Exec(t, database, "CREATE TABLE contacts (id uuid)")
	testenv.Exec(t, database, "CREATE TYPE mksync_mood AS ENUM ('a')")
	testenv.Exec(t, database, "CREATE FUNCTION mksync_one() RETURNS int LANGUAGE sql AS 'SELECT 1'")
	testenv.Exec(t, database, "CREATE SEQUENCE mksync_later")
	tables := own(t, database, "public")
	oid := one(t, database, "SELECT 'mksync_state'::regclass::oid::text")
	to := in("mksync", usual)

	moved, err := migrations.Move(t.Context(), database, to, "", noLocks)
	require.NoError(t, err)
	require.Equal(t, []string{"public", "mksync"}, []string{moved.From, moved.To})
	for _, what := range []string{"table mksync_state", "table mksync_migrations", "table metakocka_contact_mappings", "type mksync_mood", "function mksync_one", "sequence mksync_later"} {
		require.Contains(t, moved.What, what)
	}
	require.Equal(t, "1", own(t, database, "public"), "the contacts stay")
	require.Equal(t, oid, one(t, database, "SELECT 'mksync.mksync_state'::regclass::oid::text"))
	require.Equal(t, "0", one(t, database, "SELECT count(*)::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'm%k%' AND relname <> 'contacts'"))
	require.NotEqual(t, tables, own(t, database, "public"))
	require.Equal(t, "0", one(t, database, "SELECT count(*)::text FROM pg_class WHERE relnamespace = 'mksync'::regnamespace AND relkind = 'r' AND NOT relrowsecurity"))

	again, err := migrations.Move(t.Context(), database, to, "", noLocks)
	require.NoError(t, err)
	require.Equal(t, migrations.Moved{To: "mksync", What: []string{}}, again)
	up(t, database, to)
	require.NoError(t, migrations.Check(t.Context(), database, to))

	// Back, and under another name.
	_, err = migrations.Move(t.Context(), database, usual, "elsewhere", noLocks)
	require.ErrorIs(t, err, migrations.ErrNotFound)
	named := instance("acme", "public.contacts", "1")
	moved, err = migrations.Move(t.Context(), database, named, "", noLocks)
	require.NoError(t, err)
	require.Equal(t, "mksync", moved.From)
	require.NoError(t, migrations.Check(t.Context(), database, named))
	require.ErrorIs(t, migrations.Check(t.Context(), database, usual), migrations.ErrElsewhere)
}

// TestMoveIsAllOrNothing: what is in the way, or runs, keeps all where it is.
func TestMoveIsAllOrNothing(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	up(t, database, usual)
	tables := own(t, database, "public")
	testenv.Exec(t, database, "CREATE SCHEMA mksync")
	testenv.Exec(t, database, "CREATE TABLE mksync.mksync_partners (id int)")
	to := in("mksync", usual)
	_, err := migrations.Move(t.Context(), database, to, "", noLocks)
	require.ErrorContains(t, err, "mksync_partners")
	require.Equal(t, tables, own(t, database, "public"))
	require.NoError(t, migrations.Check(t.Context(), database, usual))

	testenv.Exec(t, database, "DROP TABLE mksync.mksync_partners")
	conn := hold(t, database, "the lock")
	locks := func(schema string) []string {
		return map[string][]string{"public": {"the lock"}, "mksync": {"another"}}[schema]
	}
	_, err = migrations.Move(t.Context(), database, to, "", locks)
	require.ErrorIs(t, err, migrations.ErrRuns)
	require.Equal(t, tables, own(t, database, "public"))
	require.NoError(t, conn.Close(t.Context()))
	_, err = migrations.Move(t.Context(), database, to, "", locks)
	require.NoError(t, err)
	require.Equal(t, tables, own(t, database, "mksync"))
}

// TestASchemaThatMayNotBeMade: the statement is told, and runs.
func TestASchemaThatMayNotBeMade(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	name, address := role(t, database, "REPLICATION")
	_, err := migrations.Up(t.Context(), address, in("mksync", usual))
	require.ErrorIs(t, err, migrations.ErrNoSchema)
	statement := migrations.MakeSchema("mksync", name)
	require.ErrorContains(t, err, statement)
	testenv.Exec(t, database, statement)
	up(t, address, in("mksync", usual))
	require.NoError(t, migrations.Check(t.Context(), address, in("mksync", usual)))
}

// TestConflictsSayWhosePartnerTheyAreAbout: also those of an earlier version. Back and forth
// the tables are as they were.
func TestConflictsSayWhosePartnerTheyAreAbout(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	up(t, database, usual)
	has := func(what string) bool {
		return one(t, database, "SELECT (to_regclass('"+what+"') IS NOT NULL)::text") == "true"
	}
	for has("mksync_history_partner") {
		_, err := migrations.Down(t.Context(), database, usual, nil)
		require.NoError(t, err)
	}
	require.False(t, has("mksync_conflicts_partner"))
	require.True(t, has("mksync_history"))

	testenv.Exec(t, database, `WITH l AS (INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id) VALUES (gen_random_uuid(), '7001') RETURNING id)
		INSERT INTO mksync_conflicts (link_id, field, base_crm, base_partner, crm_value, partner_value, rule, status)
		SELECT id, 'phone', '', '', '1', '2', 'crm', 'decided' FROM l`)
	up(t, database, usual)
	require.Equal(t, "7001", one(t, database, "SELECT metakocka_id FROM mksync_conflicts"))

	conn, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), "SET enable_seqscan = off")
	require.NoError(t, err)
	rows, err := conn.Query(t.Context(), "EXPLAIN SELECT * FROM mksync_history WHERE metakocka_id = '7001' ORDER BY id DESC LIMIT 200")
	require.NoError(t, err)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, strings.Join(plan, "\n"), "Index Scan Backward using mksync_history_partner")
}
