package pgsession_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/pgsession"
)

// TestALostSessionIsEnded by the connection that follows it, and no other session that the
// server has under its number by then.
func TestALostSessionIsEnded(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	connect := func() *pgx.Conn {
		conn, err := pgsession.Connect(t.Context(), url)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(t.Context()) })
		return conn
	}
	lost, other, next := connect(), connect(), connect()
	follow := func(by *pgx.Conn, was pgsession.Backend) pgsession.Backend {
		t.Helper()
		is, err := pgsession.EndLost(t.Context(), by.PgConn(), was)
		require.NoError(t, err)
		return is
	}
	first := follow(lost, pgsession.Backend{})
	second := follow(other, pgsession.Backend{})
	require.NotEqual(t, first, second)
	require.NotZero(t, first)

	// Its number is another's by now.
	pgsession.Number(&first, second)
	follow(next, first)
	require.NoError(t, other.Ping(t.Context()))

	is := follow(next, second)
	waits.Eventually(t, time.Minute, func() error {
		if other.Ping(t.Context()) == nil {
			return errors.New("it is still there")
		}
		return nil
	})
	require.Equal(t, is, follow(next, second), "which is gone")
	require.NoError(t, lost.Ping(t.Context()))
}

// TestASessionThatIsNotShown: as one role may be set to be another, whom the server does not
// tell when the session began. Nothing is ended then, and the next connection stands.
func TestASessionThatIsNotShown(t *testing.T) {
	t.Parallel()
	url, role := testenv.DB(t), testenv.SlotName(t)
	testenv.Exec(t, url, "CREATE ROLE "+role)
	t.Cleanup(func() { testenv.Exec(t, url, "DROP ROLE "+role) })
	for was, n := (pgsession.Backend{}), 0; n < 2; n++ {
		conn, err := pgsession.Connect(t.Context(), url)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(t.Context()) })
		_, err = conn.Exec(t.Context(), "SET ROLE "+role)
		require.NoError(t, err)
		was, err = pgsession.EndLost(t.Context(), conn.PgConn(), was)
		require.NoError(t, err)
		require.Zero(t, was)
	}
}
