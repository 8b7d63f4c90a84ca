package pgstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/migrations"
)

// TestTablesInUseAreNotMoved: neither those of a process that works on them, nor of one
// whose connection was lost and made again.
func TestTablesInUseAreNotMoved(t *testing.T) {
	t.Parallel()
	k := keep(t)
	database := k.pool.Config().ConnString()
	to := migrations.Installation{Schema: "mksync", ContactsTable: "public.contacts"}
	move := func() error {
		_, err := migrations.Move(context.WithoutCancel(t.Context()), database, to, "", pgstore.RunningLocks)
		return err
	}
	stop, _, err := k.Running(t.Context())
	require.NoError(t, err)
	other, _, err := k.Running(t.Context())
	require.NoError(t, err, "several work beside each other")
	other()
	require.ErrorIs(t, move(), migrations.ErrRuns)

	const holders = `FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND a.datname = current_database()`
	var ended int
	require.NoError(t, k.pool.QueryRow(t.Context(), "SELECT l.pid "+holders).Scan(&ended))
	k.exec("SELECT pg_terminate_backend($1)", ended)

	// The one that is ended has the lock for a moment yet.
	testenv.Eventually(t, 20*time.Second, func() error {
		var holder int
		if err := k.pool.QueryRow(t.Context(), "SELECT l.pid "+holders).Scan(&holder); err != nil || holder == ended {
			return errors.New("nobody else holds them")
		}
		return nil
	})
	require.ErrorIs(t, move(), migrations.ErrRuns)

	// A process of an earlier version is known by its poller.
	stop()
	require.NoError(t, k.Alone(t.Context(), "poller", func(context.Context) error {
		require.ErrorIs(t, move(), migrations.ErrRuns)
		return nil
	}))
	require.NoError(t, move())
	_, _, err = k.Running(t.Context())
	require.ErrorIs(t, err, pgstore.ErrBeingMoved)
}

// TestTablesThatWereMovedMeanwhileEndTheProcess: it lost the connection that kept them, and
// somebody moved them before it had another one.
func TestTablesThatWereMovedMeanwhileEndTheProcess(t *testing.T) {
	t.Parallel()
	k := keep(t)
	stop, ended, err := k.Running(t.Context())
	require.NoError(t, err)
	defer stop()
	mover, err := k.pool.Acquire(t.Context())
	require.NoError(t, err)
	defer mover.Release()

	// It waits for the lock, and so is the next to have it.
	mine := make(chan error, 1)
	go func() {
		_, err := mover.Exec(context.Background(), "SELECT pg_advisory_lock(hashtextextended('mksync:running', 0))")
		mine <- err
	}()
	k.eventually("nobody waits", "SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND "+advisory)
	var holder int
	require.NoError(t, k.pool.QueryRow(t.Context(), "SELECT pid FROM pg_locks WHERE granted AND mode = 'ShareLock' AND "+advisory+" LIMIT 1").Scan(&holder))
	k.loseLocks(holder)
	require.NoError(t, <-mine)

	err, told := waits.Within(30*time.Second, ended)
	require.True(t, told)
	require.ErrorIs(t, err, pgstore.ErrBeingMoved)
	require.ErrorIs(t, k.WithContact(t.Context(), one, func(store.Session) error { return nil }), pgstore.ErrBeingMoved)
	_, err = mover.Exec(t.Context(), "SELECT pg_advisory_unlock_all()")
	require.NoError(t, err)
}

// TestTheSearchPathSaysNothing: not where mksync's tables are, and to a trigger of the
// contacts table just what it says to the role.
func TestTheSearchPathSaysNothing(t *testing.T) {
	t.Parallel()
	k := keep(t)
	database := k.pool.Config().ConnString()
	_, err := migrations.Move(t.Context(), database, migrations.Installation{Schema: "mksync", ContactsTable: "public.contacts"}, "", pgstore.RunningLocks)
	require.NoError(t, err)

	// The CRM has a table of the same name, which its trigger writes to.
	k.exec(`CREATE TABLE metakocka_contact_mappings (path text)`)
	k.exec(`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN INSERT INTO metakocka_contact_mappings VALUES (current_setting('search_path')); RETURN NEW; END $$`)
	k.exec(`CREATE TRIGGER note BEFORE INSERT OR UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION note()`)
	s, err := pgstore.New(t.Context(), k.pool, "mksync", contactsTable())
	require.NoError(t, err)
	moved := &keeping{s, t, k.pool}
	moved.contacts(1)
	link := moved.link(1, "synced")
	require.Equal(t, partnerID(1), moved.linkOf(numbered(1)).MetaKockaID)
	k.is(link.ID, "SELECT id::text FROM mksync.metakocka_contact_mappings")
	k.is(1, "SELECT count(*) FROM public.metakocka_contact_mappings WHERE path = '\"$user\", public'")
}

// TestTablesInUseAreNotTakenBack: a process whose links are gone would match everybody anew.
func TestTablesInUseAreNotTakenBack(t *testing.T) {
	t.Parallel()
	k := keep(t)
	down := func() ([]migrations.Step, error) {
		there := migrations.Installation{Schema: "public", ContactsTable: "public.contacts"}
		return migrations.Down(t.Context(), k.pool.Config().ConnString(), there, pgstore.RunningLocks("public"))
	}

	stop, _, err := k.Running(t.Context())
	require.NoError(t, err)
	defer stop()
	done, err := down()
	require.ErrorIs(t, err, migrations.ErrRuns)
	require.Empty(t, done)

	stop() // its lock is given back a moment later
	testenv.Eventually(t, 15*time.Second, func() error { done, err = down(); return err })
	require.Len(t, done, 1)
}
