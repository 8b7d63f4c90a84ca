package service_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

// TestTheExampleOfADatabase is one that Postgres takes. Its role is the server's, so all of it
// is taken back.
func TestTheExampleOfADatabase(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../../deploy/contacts.sql")
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), testenv.DB(t))
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.PgConn().Exec(t.Context(), "BEGIN;"+string(example)).ReadAll()
	require.NoError(t, err)
	var contacts int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM public.contacts").Scan(&contacts))
	require.Positive(t, contacts)
	_, err = conn.Exec(t.Context(), "ROLLBACK")
	require.NoError(t, err)
}
