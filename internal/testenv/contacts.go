package testenv

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/pgserver"
)

// ContactsTable makes the contacts table in the database at url.
func ContactsTable(t testing.TB, url string) {
	t.Helper()
	Exec(t, url, pgserver.ContactsSchema)
}

// EncodedDB is an empty database of an encoding of its own.
func EncodedDB(t testing.TB, encoding string) string {
	t.Helper()
	server, name := Server(t).URL(), SlotName(t)
	Exec(t, server, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING '"+encoding+"' LC_COLLATE 'C' LC_CTYPE 'C'")
	t.Cleanup(func() { Exec(t, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}

// OwnTables gives mksync's tables to the role, which they are then open to alone.
func OwnTables(t testing.TB, url, role string) {
	t.Helper()
	Exec(t, url, `DO $$ DECLARE t regclass; BEGIN
		FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND (relname = 'metakocka_contact_mappings' OR relname LIKE 'mksync\_%') LOOP
			EXECUTE format('ALTER TABLE %s OWNER TO `+role+`', t);
		END LOOP;
	END $$`)
}

// Exec runs one statement in the database at url.
func Exec(t testing.TB, url, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql, args...)
	require.NoError(t, err)
}
