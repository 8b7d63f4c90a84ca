package pgstore_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/migrations"
	"github.com/crmmind/mksync/pgsession"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// prepared is a database with contacts and mksync's tables, both empty.
var prepared = testenv.NewTemplate(func(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, pgserver.ContactsSchema); err != nil {
		return err
	}
	_, err = migrations.Up(ctx, url)
	return err
})

// openStore is a store as a process of its own has it.
func openStore(t *testing.T, url string) (*pgstore.Store, *pgxpool.Pool) {
	t.Helper()
	pc, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	pc.MaxConns = 20
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
