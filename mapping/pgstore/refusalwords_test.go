package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// TestWordsOfRefusals: each says what is wrong with the contact, in words that hold no value
// of it: neither Postgres's own nor a trigger's.
func TestWordsOfRefusals(t *testing.T) {
	t.Parallel()
	c := &contacts{
		key: contactKey{name: "id"}, constraints: map[string][]string{"mail": {"email"}, "both": {"id", "owner"}},
		all:    map[string]column{"id": {name: "id"}, "owner": {name: "owner"}, "email": {name: "email"}},
		places: map[mapping.Field]place{mapping.FieldEmail: {columns: []column{{plain: "email"}}}},
	}
	for says, pg := range map[string]pgconn.PgError{
		`column "owner" is required and the partner has no value for it`:                                {Code: "23502", ColumnName: "owner"},
		`another contact has the same e-mail (constraint "mail")`:                                       {Code: "23505", ConstraintName: "mail"},
		`another contact has the same value (constraint "new")`:                                         {Code: "23505", ConstraintName: "new"},
		`the key and value in column owner is none that the table knows`:                                {Code: "23503", ConstraintName: "both"},
		`constraint "mail" does not allow the e-mail`:                                                   {Code: "23514", ConstraintName: "mail"},
		"function crm.check_mail, of a trigger of the contacts table, raised an error (SQLSTATE P0001)": {Code: "P0001", Where: "PL/pgSQL function crm.check_mail() line 3 at RAISE"},
		"a value has characters that the database's encoding lacks":                                     {Code: "22P05"},
		"a value is too long for its column":                                                            {Code: "22001"},
		"a value does not fit its column's type":                                                        {Code: "22P02"},
		"mksync's role has no right to write it":                                                        {Code: "42501"},
		"a column is computed by the database and cannot be written":                                    {Code: "428C9"},
		"a rule of the contacts table replaces the write":                                               {Code: "0A000"},
		"the database does not let it be written (SQLSTATE 23P01)":                                      {Code: "23P01"},
	} {
		pg.Message, pg.Detail = "ana@novak.si", "Key (email)=(ana@novak.si) exists"
		reason := c.refusalReason(&pg).String()
		require.Contains(t, reason, says)
		require.NotContains(t, reason, "novak")
	}
}

// TestAConnectionThatIsRefusedIsNoContactsError, whatever the server's reason: a password that
// was changed, a database that is renamed for a while, a right that was taken away.
func TestAConnectionThatIsRefusedIsNoContactsError(t *testing.T) {
	t.Parallel()
	address := testenv.DB(t)
	for name, change := range map[string]func(u *url.URL){
		"password": func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "another") },
		"role":     func(u *url.URL) { u.User = url.UserPassword("nobody", "x") },
		"database": func(u *url.URL) { u.Path = "/renamed" },
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		change(u)
		_, err = pgconn.Connect(t.Context(), u.String())
		var pg *pgconn.PgError
		require.ErrorAs(t, err, &pg, name)
		require.ErrorIs(t, told(err), store.ErrStoreAway, name)
		var refused *store.ContactRefusedError
		require.NotErrorAs(t, (&contacts{}).refusal(err), &refused, name)
	}
}

// TestWhoseAnErrorIs: one contact's is never taken for the database's, which would stop all, and
// the other way it would be put on a contact.
func TestWhoseAnErrorIs(t *testing.T) {
	t.Parallel()
	for code, is := range map[string]struct{ passing, away bool }{
		"08006": {true, true}, "53300": {true, true}, "58030": {true, true}, "57P01": {true, true}, "57P02": {true, true}, "57P03": {true, true}, "25006": {true, true},
		"57014": {true, false}, "40001": {true, false}, "40P01": {true, false}, "55P03": {true, false}, "55006": {true, false}, "XX000": {true, false}, "F0000": {true, false},
		"25P02": {true, false}, "23505": {}, "22001": {}, "42501": {}, "42P01": {}, "P0001": {}, "55000": {},
	} {
		pg := &pgconn.PgError{Code: code}
		require.Equal(t, is.passing, passing(pg), code)
		require.Equal(t, is.away, away(fmt.Errorf("save: %w", pg)), code)
		require.Equal(t, is.away, errors.Is(told(pg), store.ErrStoreAway), code)
	}
	for _, err := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, &net.OpError{Op: "read", Err: errors.New("reset")}} {
		require.ErrorIs(t, told(err), store.ErrStoreAway)
		require.ErrorIs(t, told(err), err)
	}
	for _, err := range []error{nil, errors.New("other"), context.Canceled} {
		require.Equal(t, err, told(err))
	}

	for _, c := range []struct {
		pg pgconn.PgError
		of bool
	}{
		{pgconn.PgError{Code: "42703"}, true},
		{pgconn.PgError{Code: "42P01"}, true},
		{pgconn.PgError{Code: "42501", Routine: "check_enable_rls"}, true},
		{pgconn.PgError{Code: "42501"}, false},
		{pgconn.PgError{Code: "0A000", Routine: "RevalidateCachedQuery"}, true},
		{pgconn.PgError{Code: "0A000"}, false},
		{pgconn.PgError{Code: "42703", Where: "PL/pgSQL function check_mail() line 3 at SQL statement"}, false},
	} {
		require.Equal(t, c.of, ofTable(&c.pg), "%+v", c.pg)
	}
}

// TestWhenPostgresLooksAgain at how large the tables are: some times on the way up.
func TestWhenPostgresLooksAgain(t *testing.T) {
	t.Parallel()
	var s Store
	var at []int
	for n := 1; n <= 25_000; n++ {
		if s.grows() {
			at = append(at, n)
		}
	}
	require.Equal(t, []int{250, 2_500, 25_000}, at)
}
