package migrations_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/migrations"
)

// supabase is what a Supabase project is made with, as far as it is about rights: every
// new table in public is open to whoever has the project's public key.
const supabase = `
	CREATE ROLE anon NOLOGIN NOINHERIT;
	CREATE ROLE authenticated NOLOGIN NOINHERIT;
	CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
	CREATE ROLE authenticator LOGIN NOINHERIT PASSWORD 'x';
	GRANT anon, authenticated, service_role TO authenticator;
	CREATE ROLE crm LOGIN REPLICATION CREATEROLE BYPASSRLS PASSWORD 'x';
	GRANT anon, authenticated, service_role TO crm;
	GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
	GRANT ALL ON SCHEMA public TO crm;
	SET ROLE crm;
	ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
	ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
	ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
	CREATE TABLE notes AS SELECT 'open' AS text;`

// TestOnSupabaseNobodyButTheOwnerReadsTheTables: whoever comes through the project's API,
// signed in or not, and with the service's key.
func TestOnSupabaseNobodyButTheOwnerReadsTheTables(t *testing.T) {
	long.Only(t)
	t.Parallel()
	server, err := pgserver.Start(t.Context(), pgserver.Options{Own: true, Kept: true}) // roles are the whole server's
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	database, err := server.CreateDatabase(t.Context(), "project")
	require.NoError(t, err)
	testenv.Exec(t, database, supabase)
	as := func(role string) string {
		u, err := url.Parse(database)
		require.NoError(t, err)
		u.User = url.UserPassword(role, "x")
		return u.String()
	}
	_, err = migrations.Up(t.Context(), as("crm"), usual)
	require.NoError(t, err)

	for _, role := range []string{"anon", "authenticated", "service_role"} {
		asRole := "SET ROLE " + role + "; "
		require.NoError(t, ask(t, as("authenticator"), asRole+"SELECT * FROM notes"), "the project's other tables stay open")
		for _, name := range made(t) {
			for _, sql := range []string{"SELECT count(*) FROM ", "DELETE FROM ", "TRUNCATE "} {
				require.ErrorContains(t, ask(t, as("authenticator"), asRole+sql+name), "permission denied for table", "%s: %s", role, name)
			}
		}
		require.Equal(t, "0", one(t, database, `SELECT count(*)::text FROM pg_sequence WHERE has_sequence_privilege('`+role+`', seqrelid, 'USAGE, SELECT, UPDATE')`), role)
	}
	for _, name := range made(t) {
		reads(t, as("crm"), name)
		require.Equal(t, "true", one(t, database, "SELECT relrowsecurity::text FROM pg_class WHERE oid = '"+name+"'::regclass"), name)
	}
}
