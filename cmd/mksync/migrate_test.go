package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

// runMigrate runs `mksync migrate` against a database.
func runMigrate(t *testing.T, databaseURL string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	app := &cliEnv{stdout: &out, stderr: &out, environ: []string{"MKSYNC_DATABASE_URL=" + databaseURL}}
	cmd := newMigrateCommand(app)
	cmd.SetArgs(args)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestMigrateUpAndDown(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	status := func() (s migrationStatus) {
		out, err := runMigrate(t, database, "status", "--json")
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(out), &s))
		return s
	}
	require.False(t, status().UpToDate)
	all := len(status().Migrations)
	require.Equal(t, all, status().Missing)
	out, err := runMigrate(t, database, "status")
	require.NoError(t, err)
	require.Regexp(t, "^missing   00001_links.sql\n", out)
	require.Contains(t, out, "missing: run `mksync migrate up`\n")

	out, err = runMigrate(t, database, "up")
	require.NoError(t, err)
	require.Regexp(t, "^applied   00001_links.sql\n(applied .*\n)*mksync's tables are up to date\n$", out)
	require.True(t, status().UpToDate)
	out, err = runMigrate(t, database, "up")
	require.NoError(t, err)
	require.Equal(t, "nothing to do: mksync's tables are up to date\n", out)

	for range all {
		out, err = runMigrate(t, database, "down")
		require.NoError(t, err)
		require.Regexp(t, "^taken back  [0-9]+_[a-z_]+.sql\n$", out)
	}
	require.Equal(t, all, status().Missing)
	out, err = runMigrate(t, database, "down")
	require.NoError(t, err)
	require.Equal(t, "nothing to do: no migration is applied\n", out)
}

func TestMigrateSaysWhatToDo(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	as := func(change func(*url.URL)) string {
		u, err := url.Parse(database)
		require.NoError(t, err)
		change(u)
		return u.String()
	}
	role := testenv.SlotName(t)
	testenv.Exec(t, database, "CREATE ROLE "+role+" LOGIN PASSWORD 'geheim-4711'")
	t.Cleanup(func() { testenv.Exec(t, testenv.Server(t).URL(), "DROP ROLE "+role) })
	testenv.Exec(t, database, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	restricted := as(func(u *url.URL) { u.User = url.UserPassword(role, "geheim-4711") })

	for name, c := range map[string]struct{ database, says string }{
		"no server":   {"postgres://u:geheim-4711@127.0.0.1:1/crm", "no Postgres answers at 127.0.0.1:1 (connect: connection refused): start it, or correct MKSYNC_DATABASE_URL"},
		"no database": {as(func(u *url.URL) { u.Path = "/nothing" }), `database "nothing" does not exist`},
		"password":    {as(func(u *url.URL) { u.User = url.UserPassword(role, "geheim-wrong") }), "refuses role"},
		"rights":      {restricted, "run as the owner GRANT USAGE, CREATE ON SCHEMA public TO"},
	} {
		_, err := runMigrate(t, c.database, "up")
		require.ErrorContains(t, err, c.says, name)
		require.NotContains(t, err.Error(), "geheim", name)
		require.NotContains(t, err.Error(), "\n", name)
	}

	out, err := runMigrate(t, restricted, "status")
	require.NoError(t, err, "looking needs no right to make tables")
	require.Contains(t, out, "missing   00001_links.sql")

	testenv.Exec(t, database, "CREATE TABLE metakocka_contact_mappings (id int)")
	_, err = runMigrate(t, database, "up")
	require.ErrorContains(t, err, "which mksync did not make")
	_, err = runMigrate(t, "", "up")
	require.ErrorContains(t, err, "MKSYNC_DATABASE_URL")
}

// TestMigrateMove says what it moved, and from then on the tables are found there alone.
func TestMigrateMove(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	run := func(schema string, args ...string) (string, error) {
		var out bytes.Buffer
		cmd := newMigrateCommand(&cliEnv{stdout: &out, stderr: &out, environ: []string{"MKSYNC_DATABASE_URL=" + database, "MKSYNC_SCHEMA=" + schema}})
		cmd.SetArgs(args)
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	_, err := run("public", "up")
	require.NoError(t, err)
	_, err = run("mksync", "up")
	require.ErrorContains(t, err, "they are in schema public, and MKSYNC_SCHEMA is mksync")
	out, err := run("mksync", "move")
	require.NoError(t, err)
	require.Contains(t, out, "moved   table metakocka_contact_mappings\n")
	require.Contains(t, out, "mksync's tables are in schema mksync now; they were in public\n")
	out, err = run("mksync", "move")
	require.NoError(t, err)
	require.Equal(t, "nothing to do: mksync's tables are in schema mksync\n", out)
	_, err = run("public", "up")
	require.ErrorContains(t, err, "they are in schema mksync")
}
