package testenv_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(ctx) })
	return conn
}

func TestDatabasesAreSeparate(t *testing.T) {
	t.Parallel()
	first, second := testenv.DB(t), testenv.DB(t)
	require.NotEqual(t, first, second)
	testenv.ContactsTable(t, first)
	testenv.ContactsTable(t, second)
	testenv.Exec(t, first, "INSERT INTO contacts (name) VALUES ($1)", "Ana")
	var n int
	require.NoError(t, connect(t, second).QueryRow(t.Context(), "SELECT count(*) FROM contacts").Scan(&n))
	require.Zero(t, n)
}

func TestDatabaseWithSlotAndOpenConnectionIsDropped(t *testing.T) {
	t.Parallel()
	slot := testenv.SlotName(t)
	var url string
	t.Run("a test that leaves all behind", func(t *testing.T) {
		url = testenv.DB(t)
		testenv.Exec(t, url, "SELECT pg_create_logical_replication_slot($1, 'pgoutput')", slot)
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
	})
	_, err := pgx.Connect(t.Context(), url)
	require.ErrorContains(t, err, "does not exist")
	var n int
	admin := connect(t, testenv.Server(t).URL())
	require.NoError(t, admin.QueryRow(t.Context(),
		"SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1", slot).Scan(&n))
	require.Zero(t, n)
}

func TestEventuallyWaitsForTheCheck(t *testing.T) {
	t.Parallel()
	calls := 0
	testenv.Eventually(t, time.Minute, func() error {
		if calls++; calls < 3 {
			return context.DeadlineExceeded
		}
		return nil
	})
	require.Equal(t, 3, calls)
}
