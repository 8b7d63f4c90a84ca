package main

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
)

// initialise runs `mksync init` with the environment alone, and not on a terminal.
func initialise(t *testing.T, environ []string, flags ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, notes bytes.Buffer
	app := &cliEnv{stdin: strings.NewReader(""), stdout: &out, stderr: &notes, environ: environ}
	root := newRootCommand(app)
	root.SetArgs(append([]string{"init"}, flags...))
	err = root.ExecuteContext(t.Context())
	return out.String(), notes.String(), err
}

// passwordOf the database's role, which is given one.
func passwordOf(t *testing.T, environ []string) (with []string, password string) {
	t.Helper()
	const secret = "geheim-4711-geheim"
	for _, line := range environ {
		if address, is := strings.CutPrefix(line, "MKSYNC_DATABASE_URL="); is {
			role := testenv.SlotName(t)
			testenv.Exec(t, address, "CREATE ROLE "+role+" LOGIN SUPERUSER PASSWORD '"+secret+"'")
			t.Cleanup(func() { testenv.Exec(t, address, "DROP ROLE "+role) })
			u, err := url.Parse(address)
			require.NoError(t, err)
			u.User = url.UserPassword(role, secret)
			line = "MKSYNC_DATABASE_URL=" + u.String()
		}
		with = append(with, line)
	}
	return with, secret
}

// TestInitProposesAFileThatWorks: what it prints is a configuration file and nothing else,
// without a secret, and the doctor finds nothing wrong with it.
func TestInitProposesAFileThatWorks(t *testing.T) {
	t.Parallel()
	environ, password := passwordOf(t, healthyEnvironment(t))
	stdout, stderr, err := initialise(t, environ)
	require.NoError(t, err, stderr)
	require.Contains(t, stderr, "ok    MetaKocka key          accepted\n")
	require.True(t, strings.HasSuffix(stderr, "\nnothing is wrong\n"), stderr)
	require.NotContains(t, stdout+stderr, password)
	cfg, err := config.Parse("proposal", []byte(stdout), environ)
	require.NoError(t, err, stdout)
	require.Equal(t, "public.contacts", cfg.ContactsTable)

	file := filepath.Join(t.TempDir(), "mksync.yaml")
	require.NoError(t, os.WriteFile(file, []byte(stdout), 0o600))
	out, err := checkUp(t, append(environ, "MKSYNC_CONFIG="+file))
	require.NoError(t, err, out)
}

// TestInitNamesWhatIsNotSetYet, which is no fault of the proposal.
func TestInitNamesWhatIsNotSetYet(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	testenv.ContactsTable(t, database)
	_, stderr, err := initialise(t, []string{"MKSYNC_DATABASE_URL=" + database, "MKSYNC_DATA_DIR=" + t.TempDir()})
	require.NoError(t, err, stderr)
	require.Contains(t, stderr, "skip  MetaKocka              not checked: set MKSYNC_METAKOCKA_COMPANY_ID and MKSYNC_METAKOCKA_SECRET_KEY, then run mksync doctor\n")

	_, _, err = initialise(t, nil)
	require.ErrorContains(t, err, "MKSYNC_DATABASE_URL")
	_, _, err = initialise(t, []string{"MKSYNC_DATABASE_URL=postgres://localhost:1/crm"})
	require.ErrorContains(t, err, "no Postgres answers at localhost:1")
}

// TestInitWritesAFile, which may be the one that the configuration is to be read from, and
// overwrites none unasked.
func TestInitWritesAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mksync.yaml")
	environ := append(healthyEnvironment(t), "MKSYNC_CONFIG="+file)
	stdout, stderr, err := initialise(t, environ, "--write", file)
	require.NoError(t, err, stdout)
	require.True(t, strings.HasPrefix(stdout, "written: "+file+"\n\n"), stdout)
	require.Empty(t, stderr)
	_, err = config.Load(file, environ)
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(file, []byte("poll_interval: 5m\n"), 0o600))
	_, _, err = initialise(t, environ, "--write", file)
	require.ErrorContains(t, err, file+" is there already")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "poll_interval: 5m\n", string(text))

	stdout, _, err = initialise(t, environ, "--write", file, "--force")
	require.NoError(t, err, stdout)
	text, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), "contacts_table: public.contacts\n")

	_, _, err = initialise(t, environ, "--force")
	require.Equal(t, exitUsage, exitStatus(err, false), err)
}

// TestInitSaysWhatIsWrong: with the contacts, in place of a proposal; with the rest,
// behind it.
func TestInitSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	environ := []string{"MKSYNC_DATABASE_URL=" + database, "MKSYNC_DATA_DIR=" + t.TempDir()}
	testenv.Exec(t, database, "CREATE VIEW contacts AS SELECT 1 AS id, 'Ana' AS name; CREATE TABLE things (id uuid PRIMARY KEY, name text)")
	stdout, _, err := initialise(t, environ)
	require.ErrorContains(t, err, "looks like contacts")
	require.ErrorContains(t, err, "not possible: public.contacts (a view")
	require.Empty(t, stdout)
	require.Equal(t, exitFailed, exitStatus(err, false))

	for _, named := range [][]string{{"--table", "public.things"}, nil} {
		variable := append(environ, "MKSYNC_CONTACTS_TABLE=public.things")
		if named != nil {
			variable = environ
		}
		stdout, _, err = initialise(t, variable, named...)
		require.NoError(t, err)
		require.Contains(t, stdout, "contacts_table: public.things\n")
	}
	_, _, err = initialise(t, environ, "--table", "public.contacts")
	require.ErrorContains(t, err, "public.contacts cannot be the contacts' table: a view")

	role := testenv.SlotName(t)
	testenv.Exec(t, database, "CREATE ROLE "+role+" LOGIN PASSWORD 'x'; GRANT SELECT ON things TO "+role)
	t.Cleanup(func() { testenv.Exec(t, database, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	environ[0] = "MKSYNC_DATABASE_URL=" + world.AsRole(t, database, role)
	stdout, stderr, err := initialise(t, environ, "--table", "things")
	require.Equal(t, exitPart, exitStatus(err, false), err)
	require.Contains(t, stdout, "contacts_table: public.things\n")
	require.Contains(t, stderr, "FAIL  replication right")
	require.Contains(t, stderr, "to be put right\n")
}

// TestInitAsksWhichTableIsMeant, on a terminal alone.
func TestInitAsksWhichTableIsMeant(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Exec(`ALTER TABLE contacts RENAME TO clients; CREATE TABLE customers (LIKE clients INCLUDING ALL)`)
	for typed, want := range map[string]string{"\n": "public.clients", "2\n": "public.customers", "3\n": "", "\x03": ""} {
		file := filepath.Join(t.TempDir(), "mksync.yaml")
		s := onPTY(w, 80, "init", "--write", file)
		s.until("Which of these tables holds the contacts? [1]")
		_, err := s.master.WriteString(typed)
		require.NoError(t, err)
		status, shown := s.wait()
		text, err := os.ReadFile(file)
		if want == "" {
			require.NotZero(t, status, shown)
			require.ErrorIs(t, err, os.ErrNotExist)
			continue
		}
		require.NoError(t, err, shown)
		require.Contains(t, string(text), "contacts_table: "+want+"\n")
	}
}
