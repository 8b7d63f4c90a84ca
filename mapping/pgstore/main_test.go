package pgstore_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/migrations"
	"github.com/crmmind/mksync/pgsession"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// prepared is a database with contacts and mksync's tables, both empty.
var prepared = testenv.NewTemplate(func(ctx context.Context, url string) error {
	return prepare(ctx, url, keyed().typ)
})

// prepare makes the contacts, with a key of the type, and mksync's tables.
func prepare(ctx context.Context, url, key string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, contactsSchema(key)); err != nil {
		return err
	}
	if _, err = migrations.Up(ctx, url, migrations.Installation{Schema: "public"}); err != nil {
		return err
	}
	return pgstore.FitKeys(ctx, conn, "public", contactsTable())
}

// openStore is a store as a process of its own has it.
func openStore(t *testing.T, url string) (*pgstore.Store, *pgxpool.Pool) {
	t.Helper()
	pool := openPool(t, url)
	kept, err := pgstore.New(t.Context(), pool, "public", contactsTable())
	require.NoError(t, err)
	return kept, pool
}

func openPool(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pc, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	pc.MaxConns = 20
	pgsession.Prepare(&pc.ConnConfig.Config)
	pool, err := pgxpool.NewWithConfig(t.Context(), pc)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// contactsTable is the table of these tests, with a column for every field.
func contactsTable() pgstore.ContactsConfig {
	fields := map[mapping.Field]pgstore.Place{}
	for _, f := range mapping.Fields() {
		fields[f] = pgstore.Place{Column: string(f)}
	}
	return pgstore.ContactsConfig{Table: "public.contacts", KeyColumn: "id", UpdatedAt: "updated_at", Fields: fields}
}

// keeping is a store with a database of its own, and what a test does to the tables
// below it.
type keeping struct {
	*pgstore.Store
	t    *testing.T
	pool *pgxpool.Pool
}

func keep(t *testing.T) *keeping {
	t.Helper()
	s, pool := openStore(t, prepared.DB(t))
	return &keeping{s, t, pool}
}

// with is another store over the same database, whose contacts table is set up otherwise.
func (k *keeping) with(change func(*pgstore.ContactsConfig)) *keeping {
	k.t.Helper()
	cfg := contactsTable()
	change(&cfg)
	s, err := pgstore.New(k.t.Context(), k.pool, "public", cfg)
	require.NoError(k.t, err)
	return &keeping{s, k.t, k.pool}
}

// as is the same store for a role of its own, which owns mksync's tables and has the rights
// that are granted to it (%[1]s).
func (k *keeping) as(t *testing.T, grants string) *keeping {
	t.Helper()
	role, database := testenv.SlotName(t), k.pool.Config().ConnString()
	k.exec("CREATE ROLE " + role + " LOGIN PASSWORD 'x'")
	t.Cleanup(func() {
		testenv.Exec(t, database, "DROP OWNED BY "+role)
		testenv.Exec(t, database, "DROP ROLE "+role)
	})
	k.exec(fmt.Sprintf(grants, role))
	testenv.OwnTables(t, database, role)
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "x")
	s, pool := openStore(t, u.String())
	return &keeping{s, t, pool}
}

func (k *keeping) exec(sql string, args ...any) {
	k.t.Helper()
	_, err := k.pool.Exec(k.t.Context(), sql, args...)
	require.NoError(k.t, err)
}

// is checks what a query for one value gives.
func (k *keeping) is(want any, sql string, args ...any) {
	k.t.Helper()
	var got any
	require.NoError(k.t, k.pool.QueryRow(k.t.Context(), sql, args...).Scan(&got))
	require.EqualValues(k.t, want, got, sql)
}

// contacts adds contacts named after their numbers.
func (k *keeping) contacts(numbers ...int) {
	k.t.Helper()
	for _, n := range numbers {
		k.exec("INSERT INTO contacts (id, name) VALUES ($1, $2)", numbered(n), fmt.Sprint("contact ", n))
	}
}

// within loads a contact and works on it.
func (k *keeping) within(id string, use func(store.Session, store.State)) {
	k.t.Helper()
	load(k.t, k.Store, id, use)
}

// save stores a change of a contact's link and returns the link.
func (k *keeping) save(id string, ch store.Change) (l store.Link) {
	k.t.Helper()
	ch.Link.ContactID = id
	k.within(id, func(s store.Session, _ store.State) { require.NoError(k.t, s.Save(k.t.Context(), &ch)) })
	return ch.Link
}

// link stores a link of contact n in a state, with a partner of the same number.
func (k *keeping) link(n int, status store.Status) store.Link {
	k.t.Helper()
	return k.save(numbered(n), store.Change{Link: store.Link{MetaKockaID: partnerID(n), Status: status}})
}

// linkOf is the contact's link as it is stored.
func (k *keeping) linkOf(id string) *store.Link {
	k.t.Helper()
	found, err := k.Links(k.t.Context(), store.LinkQuery{ContactID: id})
	require.NoError(k.t, err)
	if len(found) == 0 {
		return nil
	}
	return &found[0]
}

// numbered is the id of contact n; partnerID that of its partner. In both orders they are
// ordered by number.
func numbered(n int) string  { return keyed().of(n) }
func partnerID(n int) string { return fmt.Sprintf("7%03d", n) }

// paged reads all pages of a list and checks that all but the last are full; next is given
// the last one of the page before, nil at first.
func paged[T any](t *testing.T, size int, next func(last *T) ([]T, error)) (all []T) {
	t.Helper()
	var last *T
	for {
		page, err := next(last)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), size)
		all = append(all, page...)
		if len(page) < size {
			return all
		}
		last = &all[len(all)-1]
		require.Less(t, len(all), 100, "the pages begin anew")
	}
}

// each gives one thing of everything in a list.
func each[T, V any](list []T, of func(T) V) []V {
	out := make([]V, len(list))
	for i := range list {
		out[i] = of(list[i])
	}
	return out
}
