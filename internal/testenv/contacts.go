package testenv

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// ContactsSchema makes a contacts table as a CRM would have it. Its replica
// identity is the default, the primary key.
const ContactsSchema = `
CREATE TABLE public.contacts (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name         text NOT NULL,
    company_name text,
    email        text,
    phone        text,
    address      text,
    country      varchar(2),
    tax_number   varchar(32),
    notes        text,
    website      text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
)`

// ContactsTable makes the contacts table in the database at url.
func ContactsTable(t testing.TB, url string) {
	t.Helper()
	Exec(t, url, ContactsSchema)
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
