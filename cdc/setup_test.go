package cdc

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

// as is the database's URL for another user.
func (r *rig) as(user, password string) string {
	r.t.Helper()
	u, err := url.Parse(r.url)
	require.NoError(r.t, err)
	u.User = url.UserPassword(user, password)
	return u.String()
}

// role makes a role for this test alone.
func (r *rig) role(options string) (name, url string) {
	r.t.Helper()
	name = testenv.SlotName(r.t)
	r.exec("CREATE ROLE " + quoteIdent(name) + " LOGIN PASSWORD 'geheim-4711' " + options)
	r.t.Cleanup(func() {
		r.exec("DROP OWNED BY " + quoteIdent(name))
		r.exec("DROP ROLE " + quoteIdent(name))
	})
	return name, r.as(name, "geheim-4711")
}

func TestSetupProblemsAreSaidInOneLine(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	for name, tc := range map[string]struct {
		ddl     []string // in place of the good table
		arrange func(r *rig)
		what    string
		do      string
	}{
		"missing table": {
			arrange: func(r *rig) { r.cfg.Table = "public.nothing" },
			what:    "table public.nothing does not exist", do: "correct the table's name",
		},
		"missing key column": {
			arrange: func(r *rig) { r.cfg.KeyColumn = "uuid" },
			what:    `table public.items has no column "uuid"`, do: "key column",
		},
		"no primary key": {
			ddl:  []string{"CREATE TABLE items (id int)"},
			what: `column "id" is not part of the primary key`, do: `ALTER TABLE "public"."items" ADD PRIMARY KEY ("id")`,
		},
		"identity nothing": {
			ddl:  []string{itemsTable, "ALTER TABLE items REPLICA IDENTITY NOTHING"},
			what: `column "id" is not part of the primary key`, do: "REPLICA IDENTITY FULL",
		},
		"key outside the primary key": {
			ddl:  []string{"CREATE TABLE items (id int, other int PRIMARY KEY)"},
			what: `column "id" is not part`, do: "ADD PRIMARY KEY",
		},
		"database": {
			arrange: func(r *rig) { r.cfg.DatabaseURL = strings.Replace(r.url, "/test_", "/no_", 1) },
			what:    "does not exist", do: "correct the name in the database URL",
		},
		"replication right": {
			arrange: func(r *rig) { _, r.cfg.DatabaseURL = r.role("") },
			what:    "may not replicate", do: "REPLICATION",
		},
		"right to read": {
			arrange: func(r *rig) { _, r.cfg.DatabaseURL = r.role("REPLICATION") },
			what:    "may not read public.items", do: "GRANT SELECT",
		},
		"right to publish": {
			arrange: func(r *rig) {
				var name string
				name, r.cfg.DatabaseURL = r.role("REPLICATION")
				r.exec("GRANT SELECT ON items TO " + quoteIdent(name))
			},
			what: "may not make it", do: "CREATE PUBLICATION",
		},
		"publication without the table": {
			arrange: func(r *rig) { r.exec("CREATE PUBLICATION " + quoteIdent(r.cfg.Publication)) },
			what:    "does not hold table public.items", do: "ADD TABLE",
		},
		"publication without deletes": {
			arrange: func(r *rig) {
				r.exec("CREATE PUBLICATION " + quoteIdent(r.cfg.Publication) + " FOR TABLE items WITH (publish = 'insert')")
			},
			what: "leaves out some operations", do: "SET (publish =",
		},
		"publication of the partitions": {
			ddl: []string{"CREATE TABLE items (id int PRIMARY KEY) PARTITION BY RANGE (id)"},
			arrange: func(r *rig) {
				r.exec("CREATE PUBLICATION " + quoteIdent(r.cfg.Publication) + " FOR TABLE items")
			},
			what: "publishes the partitions of public.items under their own names", do: "SET (publish_via_partition_root = true)",
		},
		"view": {
			arrange: func(r *rig) { r.kind("VIEW seen AS SELECT 1 AS id", "seen") },
			what:    "public.seen is a view", do: "name the table behind it",
		},
		"materialized view": {
			arrange: func(r *rig) { r.kind("MATERIALIZED VIEW kept AS SELECT 1 AS id", "kept") },
			what:    "public.kept is a view", do: "name the table behind it",
		},
		"foreign table": {
			arrange: func(r *rig) {
				r.exec("CREATE FOREIGN DATA WRAPPER far; CREATE SERVER far FOREIGN DATA WRAPPER far")
				r.kind("FOREIGN TABLE away (id int) SERVER far", "away")
			},
			what: "public.away is a foreign table", do: "name that server",
		},
		"unlogged table": {
			arrange: func(r *rig) { r.kind("UNLOGGED TABLE fast (id int PRIMARY KEY)", "fast") },
			what:    "table public.fast is unlogged", do: `ALTER TABLE "public"."fast" SET LOGGED`,
		},
		"table with heirs": {
			ddl:  []string{itemsTable, "CREATE TABLE IF NOT EXISTS heirs () INHERITS (items)"},
			what: "other tables inherit from public.items", do: "NO INHERIT",
		},
		"slot of something else": {
			arrange: func(r *rig) { r.exec("SELECT pg_create_logical_replication_slot($1, 'test_decoding')", r.cfg.Slot) },
			what:    "is in use for something else", do: "a name that is free (MKSYNC_SLOT)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRigAt(t, url, "DROP TABLE IF EXISTS items CASCADE", cmp.Or(strings.Join(tc.ddl, ";"), itemsTable))
			if tc.arrange != nil {
				tc.arrange(r)
			}
			requireSetupError(t, r.start().failure(), tc.what, tc.do)
			requireFinding(t, r.cfg, tc.what, tc.do)
		})
	}
}

// kind makes what is to be followed.
func (r *rig) kind(create, name string) {
	r.t.Helper()
	r.exec("CREATE " + create)
	r.cfg.Table = "public." + name
}

func requireSetupError(t testing.TB, err error, what, do string) {
	t.Helper()
	var setup *SetupError
	require.ErrorAs(t, err, &setup)
	require.Contains(t, setup.What.String(), what)
	require.Contains(t, setup.Do.String(), do)
	require.NotContains(t, err.Error(), "\n")
	require.NotContains(t, err.Error(), "geheim")
}

func requireFinding(t testing.TB, cfg Config, what, do string) {
	t.Helper()
	findings := Check(context.Background(), cfg)
	for _, f := range findings {
		if !f.OK && strings.Contains(f.Detail.String(), what) && strings.Contains(f.Do.String(), do) {
			return
		}
	}
	require.FailNow(t, "not found", "%q in %+v", what, findings)
}

func TestServerWideSetupProblems(t *testing.T) {
	t.Parallel()
	good := serverFacts{walLevel: "logical", version: 150000, standbys: "FIRST 1 (standby_1, mksync_2)"}
	const waits = "every commit on this server would wait for mksync"
	for name, tc := range map[string]struct {
		change   func(*serverFacts)
		what, do string
	}{
		"wal_level":   {func(s *serverFacts) { s.walLevel = "replica" }, `wal_level is "replica"`, "ALTER SYSTEM SET wal_level = 'logical', then restart"},
		"standby":     {func(s *serverFacts) { s.standby = true }, "is a standby", "primary"},
		"version":     {func(s *serverFacts) { s.version = 120000 }, "Postgres 12 is too old", "version 13"},
		"any standby": {func(s *serverFacts) { s.standbys = "*" }, "synchronous_standby_names is '*', so " + waits, "name your standbys"},
		"one of some": {func(s *serverFacts) { s.standbys = "ANY 1 (standby_1,*)" }, waits, "pg_reload_conf()"},
		"by its name": {func(s *serverFacts) { s.standbys = `standby_1, "MKSYNC"` }, waits, "'' where there is none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := good
			tc.change(&server)
			requireSetupError(t, firstProblem(Config{}, facts{server: server}), tc.what, tc.do)
		})
	}
}

func TestRefusedLoginsAreExplained(t *testing.T) {
	t.Parallel()
	for code, what := range map[string]string{
		codeBadPassword: `refuses the password of role "u"`,
		codeNoPgHBA:     `refuses role "u" on database "d"`,
		codeNoDatabase:  `database "d" does not exist`,
		codeNoRight:     `role "u" may not replicate`,
	} {
		err := explainConnect(&pgconn.PgError{Code: code, Message: "m"}, &pgconn.Config{User: "u", Database: "d"})
		requireSetupError(t, err, what, "")
	}
	require.ErrorContains(t, explainConnect(io.EOF, &pgconn.Config{}), "connect to Postgres: EOF")
}

func TestWrongPasswordIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	name, _ := r.role("REPLICATION")
	r.cfg.DatabaseURL = r.as(name, "geheim-wrong")
	if Check(context.Background(), r.cfg)[0].OK {
		t.Skip("this server takes every password")
	}
	requireSetupError(t, r.start().failure(), "password", "correct the user or password")
}

func TestCheckOfAGoodDatabaseFindsNothingWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 2 {
		names := map[string]bool{}
		for _, f := range Check(context.Background(), r.cfg) {
			require.True(t, f.OK, "%+v", f)
			require.NotEmpty(t, f.Detail.String())
			names[f.Name] = true
		}
		require.Len(t, names, 9)
		r.startStreaming().stop()
	}
}

func TestRoleWithTheLeastRightsIsEnough(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	name, login := r.role("REPLICATION")
	r.exec("GRANT SELECT ON items TO " + quoteIdent(name))
	r.exec(createPublication(r.cfg.withDefaults()))
	r.cfg.DatabaseURL = login
	r.exec("INSERT INTO items VALUES (1)")
	r.startStreaming().stop()
	r.events(1)
}

func TestRowLevelSecurityIsNotMistakenForAnEmptyTable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	name, login := r.role("REPLICATION")
	r.exec("GRANT SELECT ON items TO " + quoteIdent(name))
	r.exec("ALTER TABLE items ENABLE ROW LEVEL SECURITY")
	r.exec("INSERT INTO items VALUES (1)")
	r.exec(createPublication(r.cfg.withDefaults()))
	r.cfg.DatabaseURL = login
	requireSetupError(t, r.start().failure(), "may not read all of public.items", "BYPASSRLS")
}

func TestSetupProblemAfterStreamingIsRetried(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	run := r.startStreaming()
	r.exec("ALTER PUBLICATION " + quoteIdent(r.cfg.Publication) + " SET (publish = 'insert')")
	r.exec("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1", r.cfg.Slot)
	testenv.Eventually(t, patience, func() error {
		if p := run.Status().Problem.String(); !strings.Contains(p, "leaves out some operations") {
			return fmt.Errorf("problem is %q", p)
		}
		return nil
	})
	r.exec("ALTER PUBLICATION " + quoteIdent(r.cfg.Publication) + " SET (publish = 'insert, update, delete, truncate')")
	r.exec("INSERT INTO items VALUES (1)")
	r.events(1)
	require.True(t, run.Status().Problem.IsZero())
}

func TestUnreachableServerIsRetriedAndShown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	u, err := url.Parse(r.as("somebody", "geheim-4711"))
	require.NoError(t, err)
	u.Host = "127.0.0.1:1"
	r.cfg.DatabaseURL = u.String()
	run := r.start()
	testenv.Eventually(t, patience, func() error {
		if run.Status().Problem.IsZero() {
			return fmt.Errorf("no problem shown")
		}
		return nil
	})
	require.NotContains(t, run.Status().Problem.String(), "geheim")
	run.stop()
}

func TestNewNamesEveryMistake(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Slot: "My-Slot", ConfirmDelay: -1}, nil, nil, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "DatabaseURL")
	require.ErrorContains(t, err, "My-Slot")
	require.ErrorContains(t, err, "negative")
	_, err = New(Config{DatabaseURL: "postgres://u:geheim@host:port/x"}, nil, nil, slog.New(slog.DiscardHandler))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "geheim")
}

// TestStandbysMayHaveTheSlot, of a Postgres that can do that.
func TestStandbysMayHaveTheSlot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var version int
	r.query(&version, "SELECT current_setting('server_version_num')::int")
	if version < failoverVersion {
		t.Skip("a standby of Postgres 17 or newer can have the slot of its primary")
	}
	r.startStreaming()
	var failover bool
	r.query(&failover, "SELECT failover FROM pg_replication_slots WHERE slot_name = $1", r.cfg.Slot)
	require.True(t, failover)
}
