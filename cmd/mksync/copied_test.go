package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// refused expects that neither a process nor a command works on the database.
func refused(w *world.World, why string) {
	w.T.Helper()
	log := telemetry.NewLogger(w.T.Output(), telemetry.LogConfig{Level: "info", Format: "text"})
	for _, role := range service.AllRoles {
		_, err := service.New(w.T.Context(), w.Config, service.Options{Version: buildVersion(), Pace: world.QuickPace, Roles: []string{role}}, log)
		require.ErrorIs(w.T, config.ExplainDatabase(w.Config, err), cdc.ErrSystemChanged, role)
		require.ErrorContains(w.T, err, why)
	}
	for _, command := range []string{"sync --all", "import --all", "check --repair", "deletions approve --all", "status"} {
		said := mksync(w, strings.Fields(command)...)
		require.ErrorContains(w.T, said.err, why, command)
		require.ErrorContains(w.T, said.err, "mksync listener accept", command)
	}
	doctor := mksync(w, "doctor")
	require.Contains(w.T, doctor.stdout, why)
}

// copied makes a copy of the database by its server, as for a test system, and leaves
// the world in it. Nobody else may be connected.
func copied(w *world.World) {
	w.T.Helper()
	u, err := url.Parse(w.Config.DatabaseURL.Reveal())
	require.NoError(w.T, err)
	origin := strings.TrimPrefix(u.Path, "/")
	w.DB.Close()
	ctx := context.Background()
	admin := func(sql string) {
		at := *u
		at.Path = "/postgres"
		conn, err := pgx.Connect(ctx, at.String())
		require.NoError(w.T, err)
		defer func() { _ = conn.Close(ctx) }()
		testenv.Eventually(w.T, 20*time.Second, func() error {
			_, err := conn.Exec(ctx, sql)
			return err
		})
	}
	admin(fmt.Sprintf("CREATE DATABASE %s_copy TEMPLATE %s", origin, origin))
	w.T.Cleanup(func() { admin(fmt.Sprintf("DROP DATABASE %s_copy WITH (FORCE)", origin)) })
	u.Path += "_copy"
	w.Config.DatabaseURL = config.Secret(u.String())
	w.DB = world.OpenPool(w.T, u.String())
}

// TestCopyOfTheDatabaseTouchesNothing: a test system has a copy of production's database
// and of its settings. Its contacts are nobody's edits.
func TestCopyOfTheDatabaseTouchesNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Left(2)
	copied(w)
	w.Set(ids[0], mapping.FieldPhone, "040 123 456")
	rows, writes := w.Rows(), w.ERP.Calls().Writes()
	refused(w, "it is a copy")
	require.Equal(t, rows, w.Rows())
	require.Equal(t, writes, w.ERP.Calls().Writes())

	said := mksync(w, "listener", "accept")
	require.ErrorContains(t, said.err, "belongs to database")
	require.ErrorContains(t, said.err, "both would write to the same partners")
	refused(w, "it is a copy")
}

// TestRestoredDumpIsNotOverwritten: contacts that were deleted and their partners
// anonymized are back. Nothing happens until a person accepts the database; and then
// what mksync itself made of the partners is no edit.
func TestRestoredDumpIsNotOverwritten(t *testing.T) {
	long.Only(t)
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy, w.Config.AutoImport = "anonymize", true
	ids := w.Left(2)
	tables := []string{"contacts", "metakocka_contact_mappings", "mksync_partners", "mksync_state"}
	for _, table := range tables {
		w.Exec(fmt.Sprintf("CREATE TABLE dump_%s AS SELECT * FROM %s", table, table))
	}
	_, stop := w.Start()
	w.Exec("DELETE FROM contacts WHERE id = $1", ids[0])
	w.Status(ids[0], "deleted")
	later := w.Insert("Nova Oseba", "nova@primer.si") // the dump knows nothing of it
	w.Status(later, "synced")
	w.Exec("DELETE FROM contacts WHERE id = $1", later)
	w.Status(later, "deleted")
	stop()

	// The tables are others, with the same rows as then.
	w.Exec("TRUNCATE contacts, metakocka_contact_mappings, mksync_partners CASCADE")
	w.Exec("CREATE TABLE fresh (LIKE mksync_state INCLUDING ALL); DROP TABLE mksync_state; ALTER TABLE fresh RENAME TO mksync_state")
	for _, table := range tables {
		w.Exec(fmt.Sprintf("INSERT INTO %s OVERRIDING SYSTEM VALUE SELECT * FROM dump_%s", table, table))
	}
	rows, writes := w.Rows(), w.ERP.Calls().Writes()
	refused(w, "a dump was restored")
	require.Equal(t, rows, w.Rows())
	require.Equal(t, writes, w.ERP.Calls().Writes())

	require.Contains(t, mksync(w, "listener", "accept").lines()[0], "accepted")
	s, _ := w.Start()
	w.Recovered("accepted")
	w.PartnerIs(ids[0], "Oseba A", func(p metakocka.Partner) any { return p.Customer })
	w.ContactIs(ids[0], mapping.FieldName, "Oseba A")
	w.ContactIs(ids[0], mapping.FieldEmail, "oseba0@primer.si")
	w.Polls(2)
	w.WorkedOff(s)
	require.Equal(t, 2, w.Count("SELECT count(*) FROM contacts"), "a partner that mksync anonymized is nobody to import")
}

// TestDumpRestoredWhileRunning: nothing is worked on with links of another time, and the
// process ends.
func TestDumpRestoredWhileRunning(t *testing.T) {
	long.Only(t)
	t.Parallel()
	w := world.New(t, sim.Options{})
	s := w.Parts()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	s.Roles = service.AllRoles
	go func() { done <- s.Run(ctx) }()
	id := w.Insert("Oseba A", "a@primer.si")
	w.Status(id, "synced")
	w.Exec("BEGIN; CREATE TABLE fresh (LIKE mksync_state INCLUDING ALL); INSERT INTO fresh SELECT * FROM mksync_state; DROP TABLE mksync_state; ALTER TABLE fresh RENAME TO mksync_state; COMMIT")
	err := s.Store.WithContact(t.Context(), id, func(session store.Session) error {
		_, err := session.Load(t.Context())
		return err
	})
	require.ErrorIs(t, err, pgstore.ErrTablesReplaced)
	require.ErrorIs(t, <-done, cdc.ErrSystemChanged)
}
