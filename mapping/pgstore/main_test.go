package pgstore_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/migrations"
	"github.com/crmmind/mksync/pgsession"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// migrated is a database with contacts and mksync's tables.
func migrated(t *testing.T) (url string) {
	t.Helper()
	url = testenv.DB(t)
	testenv.ContactsTable(t, url)
	_, err := migrations.Up(t.Context(), url)
	require.NoError(t, err)
	return url
}

// openStore is a store as a process of its own has it.
func openStore(t *testing.T, url string) (*pgstore.Store, *pgxpool.Pool) {
	t.Helper()
	pc, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	pgsession.Prepare(&pc.ConnConfig.Config)
	pool, err := pgxpool.NewWithConfig(t.Context(), pc)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	columns := map[mapping.Field]string{}
	for _, f := range mapping.Fields() {
		columns[f] = string(f)
	}
	store, err := pgstore.New(t.Context(), pool, pgstore.ContactsConfig{
		Table: "public.contacts", KeyColumn: "id", UpdatedAt: "updated_at", Columns: columns,
	})
	require.NoError(t, err)
	return store, pool
}
