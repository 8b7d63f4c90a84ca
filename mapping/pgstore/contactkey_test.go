package pgstore_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/migrations"
)

// keys are contacts' keys of one type, by number, and in their order by number.
type kind struct {
	typ     string
	another string // SQL for a key that no contact has
	of      func(n int) string
}

// kinds are the types of keys that this package's tests run with, all of them.
var kinds = map[string]kind{
	"uuid": {"uuid", "gen_random_uuid()", func(n int) string {
		return fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	}},
	"text": {"text", "gen_random_uuid()::text", func(n int) string {
		return fmt.Sprintf("a.b c/š'*>\\%%%06d", n)
	}},
	"varchar": {`varchar(40) COLLATE "sl-x-icu"`, "gen_random_uuid()::text", func(n int) string {
		return fmt.Sprintf("Č-%06d", n)
	}},
	"bigint": {"bigint", "(random() * 1e15)::bigint", func(n int) string {
		return strconv.Itoa(n - 1_000_000)
	}},
}

// testKey names the kind of keys that the tests run with where it is not uuid.
const testKey = "MKSYNC_TEST_KEY"

func keyed() kind {
	if kind := os.Getenv(testKey); kind != "" {
		return kinds[kind]
	}
	return kinds["uuid"]
}

// contactsSchema makes the contacts table with keys of the type.
func contactsSchema(key string) string {
	return strings.Replace(pgserver.ContactsSchema, "uuid PRIMARY KEY DEFAULT gen_random_uuid()", key+" PRIMARY KEY DEFAULT "+keyed().another, 1)
}

// comparing are the tests of what compares and orders keys.
const comparing = "Paged|Link|Session|Held|Merge|Orphan|Replay"

// TestTheStoreWithKeysOfOtherTypes runs this package's tests again, with each; of the two
// texts one with those alone that compare and order.
func TestTheStoreWithKeysOfOtherTypes(t *testing.T) {
	t.Parallel()
	long.Only(t)
	if os.Getenv(testKey) != "" {
		t.Skip("one of the runs")
	}
	for kind, which := range map[string]string{"text": ".", "bigint": ".", "varchar": comparing} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.count=1", "-test.run", which)
			cmd.Env = append(os.Environ(), testKey+"="+kind)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
}

// TestTablesTakeTheTypeOfTheContactsKey: of every usual type, with its collation; and while
// they hold rows only where each value stays what it is.
func TestTablesTakeTheTypeOfTheContactsKey(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	_, err := migrations.Up(t.Context(), url, migrations.Installation{Schema: "public"})
	require.NoError(t, err)
	pool := openPool(t, url)
	k := &keeping{nil, t, pool}
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	fit := func() error { return pgstore.FitKeys(t.Context(), conn, "public", contactsTable()) }
	require.NoError(t, fit(), "the contacts table may come later")

	const row = "INSERT INTO mksync_replays (contact_id, until) VALUES ('1', now())"
	for i, c := range []struct{ key, becomes, then, refused string }{
		{key: "uuid", becomes: "uuid"},
		{key: "smallint", becomes: "smallint", then: row},
		{key: "integer", becomes: "integer"},
		{key: "bigint", becomes: "bigint"},
		{key: "integer", becomes: "bigint", refused: "mksync_replays names contacts by keys of type bigint, and column \"id\" of public.contacts is of type integer"},
		{key: "varchar(20)", becomes: "character varying"},
		{key: `text COLLATE "C"`, becomes: `text COLLATE "C"`},
		{key: `text COLLATE "sl-x-icu"`, becomes: `text COLLATE "sl-x-icu"`},
		{key: "uuid", becomes: `text COLLATE "sl-x-icu"`, then: "DELETE FROM mksync_replays", refused: "begin anew"},
		{key: "phone_number", becomes: "text"},
		{key: `"char"`, becomes: "text", refused: `is of type "char", and mksync names contacts by uuid`},
		{key: "text COLLATE whatever", becomes: "text", refused: "different texts are equal"},
	} {
		if i == 0 {
			k.exec("CREATE DOMAIN word AS text; CREATE DOMAIN phone_number AS word; CREATE COLLATION whatever (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
		}
		k.exec("DROP TABLE IF EXISTS contacts; CREATE TABLE contacts (id " + c.key + " PRIMARY KEY, name text NOT NULL)")
		if c.refused == "" {
			require.NoError(t, fit(), c.key)
			_, err := pgstore.New(t.Context(), pool, "public", contactsTable())
			require.NoError(t, err, c.key)
		} else {
			require.ErrorContains(t, fit(), c.refused, c.key)
			var table *pgstore.TableError
			_, err := pgstore.New(t.Context(), pool, "public", contactsTable())
			require.ErrorAs(t, err, &table)
		}
		for _, column := range namingColumns(t, k) {
			k.is(c.becomes, "SELECT "+definition+" FROM pg_attribute a LEFT JOIN pg_collation o ON o.oid = attcollation WHERE attrelid = split_part($1, '.', 1)::regclass AND attname = split_part($1, '.', 2)", column)
		}
		if c.then != "" {
			k.exec(c.then)
		}
	}
}

const definition = `format_type(atttypid, atttypmod) || CASE WHEN o.collname <> 'default' THEN format(' COLLATE %I', o.collname) ELSE '' END`

// namingColumns are all columns of mksync's tables that name a contact, by their names.
func namingColumns(t *testing.T, k *keeping) (all []string) {
	t.Helper()
	require.NoError(t, k.pool.QueryRow(t.Context(), `SELECT array_agg(c.relname || '.' || attname ORDER BY 1) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
		WHERE relkind = 'r' AND (relname LIKE 'mksync%' OR relname LIKE 'metakocka%') AND attname ~ '(contact|loser|winner)_id$'`).Scan(&all))
	require.GreaterOrEqual(t, len(all), 5)
	return all
}

// TestTablesOfAnotherKeyAreToldAtTheStart: nothing is read or written with keys of one type
// in tables for another.
func TestTablesOfAnotherKeyAreToldAtTheStart(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec("DROP TABLE contacts; CREATE TABLE contacts (id date PRIMARY KEY, name text NOT NULL, number int)")
	_, err := pgstore.New(t.Context(), k.pool, "public", contactsTable())
	require.ErrorContains(t, err, `column "id" of public.contacts is of type date`)
	k.exec("ALTER TABLE contacts ALTER number SET NOT NULL")
	cfg := contactsTable()
	cfg.KeyColumn = "number"
	_, err = pgstore.New(t.Context(), k.pool, "public", cfg)
	require.ErrorContains(t, err, "run `mksync migrate up`")
}

// TestNewKeysAreMadeAsTheTableDoes: by its identity, whatever the CRM may write itself, or
// its default; else a uuid, where that is a key.
func TestNewKeysAreMadeAsTheTableDoes(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"bigint GENERATED ALWAYS AS IDENTITY (START 7)": "^7$",
		"serial":                        "^1$",
		"text DEFAULT 'c-' || md5('a')": "^c-[0-9a-f]{32}$",
		"varchar(40)":                   "^[0-9a-f-]{36}$",
		"uuid":                          "^[0-9a-f-]{36}$",
		"smallint":                      "",
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			url := testenv.DB(t)
			pool := openPool(t, url)
			k := &keeping{nil, t, pool}
			k.exec("CREATE TABLE contacts (id " + key + " PRIMARY KEY, name text NOT NULL)")
			_, err := migrations.Up(t.Context(), url, migrations.Installation{Schema: "public"})
			require.NoError(t, err)
			conn, err := pgx.Connect(t.Context(), url)
			require.NoError(t, err)
			defer func() { _ = conn.Close(t.Context()) }()
			require.NoError(t, pgstore.FitKeys(t.Context(), conn, "public", contactsTable()))
			k.Store, err = pgstore.New(t.Context(), pool, "public", contactsTable())
			require.NoError(t, err)

			id, err := k.NewKey(t.Context())
			if want == "" {
				var refused *store.ContactRefusedError
				require.ErrorAs(t, err, &refused)
				return
			}
			require.NoError(t, err)
			require.Regexp(t, want, id)
			k.within(id, func(s store.Session, _ store.State) {
				link := store.Link{ContactID: id, Status: store.StatusSynced, Base: &mapping.Base{}}
				require.NoError(t, s.Insert(t.Context(), &store.Change{Link: link, Contact: mapping.Contact{Name: "Ana"}}))
			})
			k.is("Ana", "SELECT name FROM contacts WHERE id::text = $1", id)
		})
	}
}
