package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
)

// TestOneProcessHasAPartToItself: another one that does not wait is told, one that waits
// gets it when it is free, and other parts are others'.
func TestOneProcessHasAPartToItself(t *testing.T) {
	t.Parallel()
	url := prepared.DB(t)
	first, pool := openStore(t, url)
	second, _ := openStore(t, url)
	nothing := func(context.Context) error { return nil }
	failed := fmt.Errorf("NATS does not answer: %w", context.DeadlineExceeded)
	got := make(chan error, 1)
	taken, err := first.TryAlone(t.Context(), "part", func(context.Context) error {
		taken, err := second.TryAlone(t.Context(), "part", nothing)
		require.NoError(t, err)
		require.False(t, taken)
		taken, err = second.TryAlone(t.Context(), "another part", nothing)
		require.NoError(t, err)
		require.True(t, taken)
		go func() {
			got <- second.Alone(context.Background(), "part", func(context.Context) error { return failed })
		}()
		looking(t, pool)
		return nil
	})
	require.NoError(t, err)
	require.True(t, taken)
	err, ended := waits.Within(15*time.Second, got)
	require.True(t, ended)
	require.ErrorIs(t, err, failed)
	require.NotErrorIs(t, err, store.ErrStoreAway, "it is not the database that is away")
}

// TestWhoWaitsForAPartGoesWhenItsContextEnds.
func TestWhoWaitsForAPartGoesWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	url := prepared.DB(t)
	first, pool := openStore(t, url)
	second, _ := openStore(t, url)
	require.NoError(t, first.Alone(t.Context(), "part", func(context.Context) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			ended <- second.Alone(ctx, "part", func(context.Context) error { return errors.New("it is taken") })
		}()
		looking(t, pool)
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		return nil
	}))
}

// TestWhoLosesItsLockIsTold: the context ends with the connection that held it, because
// another process may have it by now.
func TestWhoLosesItsLockIsTold(t *testing.T) {
	t.Parallel()
	url := prepared.DB(t)
	kept, pool := openStore(t, url)
	ended := make(chan error, 1)
	began := make(chan struct{})
	go func() {
		ended <- kept.Alone(context.Background(), "part", func(ctx context.Context) error {
			close(began)
			<-ctx.Done()
			return nil
		})
	}()
	<-began
	_, err := pool.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	require.NoError(t, err)
	err, told := waits.Within(30*time.Second, ended)
	require.True(t, told)
	require.ErrorContains(t, err, "lock mksync:part is lost")
	require.ErrorIs(t, err, store.ErrStoreAway)
	taken, err := kept.TryAlone(t.Context(), "part", func(context.Context) error { return nil })
	require.NoError(t, err)
	require.True(t, taken)
}

// TestALockIsGivenBack whatever its work ended with; the connection goes back to the pool
// without it.
func TestALockIsGivenBack(t *testing.T) {
	t.Parallel()
	k := keep(t)
	failed := errors.New("failed")
	require.ErrorIs(t, k.WithContact(t.Context(), one, func(store.Session) error { return failed }), failed)
	require.ErrorIs(t, k.WithContacts(t.Context(), one, other, func(_, _ store.Session) error { return failed }), failed)
	require.ErrorIs(t, k.WithPartner(t.Context(), "7", func() error { return failed }), failed)
	ctx, cancel := context.WithCancel(t.Context())
	err := k.WithContact(ctx, one, func(s store.Session) error {
		cancel()
		_, err := s.Load(ctx)
		return err
	})
	require.ErrorIs(t, err, context.Canceled)
	testenv.Eventually(t, 15*time.Second, func() error {
		var n int
		require.NoError(t, k.pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").Scan(&n))
		if n > 0 {
			return errors.New("a lock is still held")
		}
		return nil
	})
}

// TestTablesThatWereMadeAnewAreNoticed: a dump that was restored over them holds links of
// another time.
func TestTablesThatWereMadeAnewAreNoticed(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec("CREATE TABLE anew (LIKE mksync_state INCLUDING ALL); DROP TABLE mksync_state; ALTER TABLE anew RENAME TO mksync_state")
	err := k.WithContact(t.Context(), one, func(s store.Session) error { _, err := s.Load(t.Context()); return err })
	require.ErrorIs(t, err, pgstore.ErrTablesReplaced)
	restarted := k.with(func(*pgstore.ContactsConfig) {})
	restarted.within(one, func(store.Session, store.State) {})
}

// TestADatabaseThatIsAwayIsToldFromAContact that cannot be stored.
func TestADatabaseThatIsAwayIsToldFromAContact(t *testing.T) {
	t.Parallel()
	k := keep(t)
	err := k.WithContact(t.Context(), one, func(s store.Session) error {
		k.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		k.eventually("the lock is still held", "SELECT count(*) = 0 FROM pg_locks WHERE "+advisory)
		return s.Save(t.Context(), &store.Change{Link: store.Link{ContactID: one, Status: store.StatusPending}})
	})
	require.ErrorIs(t, err, store.ErrStoreAway)
	testenv.Eventually(t, 15*time.Second, func() error {
		return k.WithContact(t.Context(), one, func(s store.Session) error { _, err := s.Load(t.Context()); return err })
	})
	k.pool.Close()
	require.Error(t, k.WithContact(t.Context(), one, func(store.Session) error { return nil }))
}
