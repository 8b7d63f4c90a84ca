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
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// refused expects that neither a process nor a command works on the database.
func (w *world) refused(why string) {
	w.t.Helper()
	log := telemetry.NewLogger(w.t.Output(), telemetry.LogConfig{Level: "info", Format: "text"})
	for _, role := range service.AllRoles {
		_, err := service.New(w.t.Context(), w.cfg, service.Options{Version: buildVersion(), Pace: quickPace, Roles: []string{role}}, log)
		require.ErrorIs(w.t, config.ExplainDatabase(w.cfg, err), cdc.ErrSystemChanged, role)
		require.ErrorContains(w.t, err, why)
	}
	for _, command := range []string{"sync --all", "import --all", "check --repair", "deletions approve --all", "status"} {
		said := w.mksync(strings.Fields(command)...)
		require.ErrorContains(w.t, said.err, why, command)
		require.ErrorContains(w.t, said.err, "mksync listener accept", command)
	}
	doctor := w.mksync("doctor")
	require.Contains(w.t, doctor.stdout, why)
}

// confirmed waits until the slot stands at lsn, or beyond it.
func (w *world) confirmed(lsn string) {
	w.t.Helper()
	w.eventually(func() error {
		if at := w.one("SELECT max(confirmed_flush_lsn)::text FROM pg_replication_slots WHERE slot_name = $1 AND confirmed_flush_lsn < $2::text::pg_lsn", w.cfg.Slot, lsn); at != "" {
			return fmt.Errorf("the slot stands at %s, not %s", at, lsn)
		}
		return nil
	})
}

// copied makes a copy of the database by its server, as for a test system, and leaves
// the world in it. Nobody else may be connected.
func (w *world) copied() {
	w.t.Helper()
	u, err := url.Parse(w.cfg.DatabaseURL.Reveal())
	require.NoError(w.t, err)
	origin := strings.TrimPrefix(u.Path, "/")
	w.db.Close()
	ctx := context.Background()
	admin := func(sql string) {
		at := *u
		at.Path = "/postgres"
		conn, err := pgx.Connect(ctx, at.String())
		require.NoError(w.t, err)
		defer func() { _ = conn.Close(ctx) }()
		testenv.Eventually(w.t, 20*time.Second, func() error {
			_, err := conn.Exec(ctx, sql)
			return err
		})
	}
	admin(fmt.Sprintf("CREATE DATABASE %s_copy TEMPLATE %s", origin, origin))
	w.t.Cleanup(func() { admin(fmt.Sprintf("DROP DATABASE %s_copy WITH (FORCE)", origin)) })
	u.Path += "_copy"
	w.cfg.DatabaseURL = config.Secret(u.String())
	w.db = openPool(w.t, u.String())
}

// TestCopyOfTheDatabaseTouchesNothing: a test system has a copy of production's database
// and of its settings. Its contacts are nobody's edits.
func TestCopyOfTheDatabaseTouchesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.left(2)
	w.copied()
	w.set(ids[0], mapping.FieldPhone, "040 123 456")
	rows, writes := w.rows(), w.erp.Calls().Writes()
	w.refused("it is a copy")
	require.Equal(t, rows, w.rows())
	require.Equal(t, writes, w.erp.Calls().Writes())

	said := w.mksync("listener", "accept")
	require.ErrorContains(t, said.err, "belongs to database")
	require.ErrorContains(t, said.err, "both would write to the same partners")
	w.refused("it is a copy")
}

// TestRestoredDumpIsNotOverwritten: contacts that were deleted and their partners
// anonymized are back. Nothing happens until a person accepts the database; and then
// what mksync itself made of the partners is no edit.
func TestRestoredDumpIsNotOverwritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.DeletePolicy, w.cfg.AutoImport = "anonymize", true
	ids := w.left(2)
	tables := []string{"contacts", "metakocka_contact_mappings", "mksync_partners", "mksync_state"}
	for _, table := range tables {
		w.exec(fmt.Sprintf("CREATE TABLE dump_%s AS SELECT * FROM %s", table, table))
	}
	_, stop := w.start()
	w.exec("DELETE FROM contacts WHERE id = $1", ids[0])
	w.status(ids[0], "deleted")
	later := w.insert("Nova Oseba", "nova@primer.si") // the dump knows nothing of it
	w.status(later, "synced")
	w.exec("DELETE FROM contacts WHERE id = $1", later)
	w.status(later, "deleted")
	stop()

	// The tables are others, with the same rows as then.
	w.exec("TRUNCATE contacts, metakocka_contact_mappings, mksync_partners CASCADE")
	w.exec("CREATE TABLE fresh (LIKE mksync_state INCLUDING ALL); DROP TABLE mksync_state; ALTER TABLE fresh RENAME TO mksync_state")
	for _, table := range tables {
		w.exec(fmt.Sprintf("INSERT INTO %s OVERRIDING SYSTEM VALUE SELECT * FROM dump_%s", table, table))
	}
	rows, writes := w.rows(), w.erp.Calls().Writes()
	w.refused("a dump was restored")
	require.Equal(t, rows, w.rows())
	require.Equal(t, writes, w.erp.Calls().Writes())

	require.Contains(t, w.mksync("listener", "accept").lines()[0], "accepted")
	s, _ := w.start()
	w.recovered("accepted")
	w.partnerIs(ids[0], "Oseba A", func(p metakocka.Partner) any { return p.Customer })
	w.contactIs(ids[0], mapping.FieldName, "Oseba A")
	w.contactIs(ids[0], mapping.FieldEmail, "oseba0@primer.si")
	w.polls(2)
	w.pushed(s)
	require.Equal(t, 2, w.count("SELECT count(*) FROM contacts"), "a partner that mksync anonymized is nobody to import")
}

// TestDumpRestoredWhileRunning: nothing is worked on with links of another time, and the
// process ends.
func TestDumpRestoredWhileRunning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	s := w.parts()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	s.Roles = service.AllRoles
	go func() { done <- s.Run(ctx) }()
	id := w.insert("Oseba A", "a@primer.si")
	w.status(id, "synced")
	w.exec("BEGIN; CREATE TABLE fresh (LIKE mksync_state INCLUDING ALL); INSERT INTO fresh SELECT * FROM mksync_state; DROP TABLE mksync_state; ALTER TABLE fresh RENAME TO mksync_state; COMMIT")
	err := s.Store.WithContact(t.Context(), id, func(session store.Session) error {
		_, err := session.Load(t.Context())
		return err
	})
	require.ErrorIs(t, err, pgstore.ErrTablesReplaced)
	require.ErrorIs(t, <-done, cdc.ErrSystemChanged)
}
