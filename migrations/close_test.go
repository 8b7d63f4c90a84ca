package migrations_test

import (
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/migrations"
	"github.com/crmmind/mksync/pgsession"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// role makes a role, and gives the database's address as that role.
func role(t *testing.T, database, options string) (name, address string) {
	t.Helper()
	name = testenv.SlotName(t)
	testenv.Exec(t, database, "CREATE ROLE "+name+" LOGIN PASSWORD 'x' "+options)
	t.Cleanup(func() {
		testenv.Exec(t, database, "DROP OWNED BY "+name)
		testenv.Exec(t, database, "DROP ROLE "+name)
	})
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.User = url.UserPassword(name, "x")
	return name, u.String()
}

// TestNobodyButTheOwnerReadsTheTables: also where the schema gives every new table to
// roles that anybody has, to everybody, and to a role that no row is hidden from, as a
// Supabase project does.
func TestNobodyButTheOwnerReadsTheTables(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	owner, asOwner := role(t, database, "REPLICATION")
	anon, asAnon := role(t, database, "")
	service, asService := role(t, database, "BYPASSRLS")
	testenv.Exec(t, database, "GRANT USAGE, CREATE ON SCHEMA public TO "+owner)
	testenv.Exec(t, database, "ALTER DEFAULT PRIVILEGES FOR ROLE "+owner+" IN SCHEMA public GRANT ALL ON TABLES TO PUBLIC, "+anon+", "+service)
	testenv.Exec(t, database, "ALTER DEFAULT PRIVILEGES FOR ROLE "+owner+" IN SCHEMA public GRANT ALL ON SEQUENCES TO "+anon)
	up := func() {
		_, err := migrations.Up(t.Context(), asOwner, usual)
		require.NoError(t, err)
	}
	up()
	require.Equal(t, made(t), tables(t, database), "each table that a migration makes, and no other")
	for _, name := range tables(t, database) {
		require.Equal(t, "true", one(t, database, "SELECT relrowsecurity::text FROM pg_class WHERE oid = '"+name+"'::regclass"), name)
		reads(t, asOwner, name)
		for _, stranger := range []string{asAnon, asService} {
			for _, sql := range []string{"SELECT count(*) FROM ", "DELETE FROM ", "TRUNCATE "} {
				require.ErrorContains(t, ask(t, stranger, sql+name), "permission denied", name)
			}
		}
	}
	require.Equal(t, "0", one(t, database, `SELECT count(*)::text FROM pg_sequence WHERE has_sequence_privilege('`+anon+`', seqrelid, 'USAGE')`))

	// A right that is given afterwards shows no row; what the owner gives stands.
	testenv.Exec(t, database, "INSERT INTO mksync_state (key, value) VALUES ('x', '1')")
	testenv.Exec(t, database, "GRANT SELECT ON mksync_state TO "+anon+", "+service)
	up()
	const count = "SELECT count(*)::text FROM mksync_state WHERE key = 'x'"
	require.Equal(t, "0", one(t, asAnon, count))
	require.Equal(t, "1", one(t, asService, count))

	// A table of a later migration is closed as well.
	require.NoError(t, ask(t, asOwner, "CREATE TABLE mksync_later (id int)"))
	require.NoError(t, ask(t, asAnon, "SELECT count(*) FROM mksync_later"))
	up()
	require.ErrorContains(t, ask(t, asAnon, "SELECT count(*) FROM mksync_later"), "permission denied")
}

// TestWhoRunsMksyncWithoutOwningItsTablesGoesOn: tables that another role made, and gave
// to the one that runs mksync, stay open to it.
func TestWhoRunsMksyncWithoutOwningItsTablesGoesOn(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	owner, asOwner := role(t, database, "")
	runs, asRuns := role(t, database, "REPLICATION")
	anon, asAnon := role(t, database, "")
	testenv.Exec(t, database, "GRANT USAGE, CREATE ON SCHEMA public TO "+owner)
	testenv.Exec(t, database, "ALTER DEFAULT PRIVILEGES FOR ROLE "+owner+" IN SCHEMA public GRANT ALL ON TABLES TO "+runs+", "+anon)
	_, err := migrations.Up(t.Context(), asOwner, usual)
	require.NoError(t, err)
	for _, name := range tables(t, database) {
		reads(t, asRuns, name)
		require.ErrorContains(t, ask(t, asAnon, "SELECT count(*) FROM "+name), "permission denied", name)
	}
}

// made are the tables that the migrations make, and their own.
func made(t *testing.T) []string {
	t.Helper()
	names := []string{"mksync_migrations"}
	dir := os.DirFS(".")
	files, err := fs.Glob(dir, "*.sql")
	require.NoError(t, err)
	for _, file := range files {
		text, err := fs.ReadFile(dir, file)
		require.NoError(t, err)
		up, _, _ := strings.Cut(string(text), "-- +goose Down")
		for _, m := range regexp.MustCompile(`(?mi)^\s*CREATE TABLE (\S+)`).FindAllStringSubmatch(up, -1) {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return names
}

func tables(t *testing.T, database string) []string {
	t.Helper()
	names := strings.Fields(one(t, database, "SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'"))
	slices.Sort(names)
	return names
}

// reads is whether mksync, to which hidden rows are an error, may read the table.
func reads(t *testing.T, address, table string) {
	t.Helper()
	conn, err := pgsession.Connect(t.Context(), address)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), "SELECT count(*) FROM "+table)
	require.NoError(t, err, table)
}

// ask asks as any program does.
func ask(t *testing.T, address, sql string) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), sql)
	return err
}

func one(t *testing.T, address, sql string) (text string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&text))
	return text
}
