package config

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/pgsession"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestBoundsOfSettings: the last value that is taken, and the first that is not. What is told
// of one that is not names its variable.
func TestBoundsOfSettings(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	for variable, values := range map[string]struct{ taken, refused []string }{
		"HEARTBEAT_INTERVAL":    {[]string{"0s", "1s"}, []string{"999ms"}},
		"HISTORY_MAX_AGE":       {[]string{"0s", "24h"}, []string{"23h59m"}},
		"CHECK_INTERVAL":        {[]string{"0s", "1m"}, []string{"59s"}},
		"POLL_INTERVAL":         {[]string{"1s"}, []string{"0s", "999ms"}},
		"METAKOCKA_TIMEOUT":     {[]string{"1s"}, []string{"0s", "999ms"}},
		"METAKOCKA_CONCURRENCY": {[]string{"1", "64"}, []string{"0", "65"}},
		"STREAM_REPLICAS":       {[]string{"1"}, []string{"0", "6", "3"}}, // three need a cluster
		"MAX_DELETES":           {[]string{"0"}, []string{"-1"}},
		"API_RATE":              {[]string{"1"}, []string{"0", "-1"}},
		"METAKOCKA_URL":         {[]string{"http://127.0.0.1:1/x", "https://mk.test"}, []string{"ftp://mk.test", "https://", "https://a:b@mk.test", "https://mk.test?a=b", "https://mk.test#a"}},
		"API_JWT_SECRET":        {[]string{long[:httpapi.MinJWTSecret]}, []string{long[:httpapi.MinJWTSecret-1]}},
		"API_TOKEN":             {[]string{long[:minToken], "crm:" + long[:minToken] + ":viewer"}, []string{long[:minToken-1], "crm:" + long[:minToken-1], "crm:" + long + ":owner", "a b:" + long}},
		"API_ORIGINS":           {[]string{"https://crm.test"}, []string{"crm.test"}},
		"API_JWKS_URL":          {[]string{"https://a.test/k"}, []string{"http://a.test/k"}},
		"API_JWT_ROLES":         {[]string{"a=viewer"}, []string{"a=owner"}},
		"API_JWT_ROLE_CLAIM":    {[]string{"app_metadata.role"}, []string{"user_metadata.role"}},
		"INSTANCE":              {[]string{long[:32], "mksync_1"}, []string{long[:33], "A", "mksync", "crm", "metakocka"}},
		"SCHEMA":                {[]string{"crm_1"}, []string{"pg_crm", "Crm", long[:64]}},
		"SLOT":                  {[]string{long[:63]}, []string{long[:64]}},
		"PUBLICATION":           {[]string{long[:63], "My Pub"}, []string{long[:64], `a"b`}},
		"CONTACTS_KEY":          {[]string{"Id"}, []string{long[:64]}},
		"CONTACTS_TABLE":        {[]string{"contacts", "crm.Contacts"}, []string{"a.b.c", "a b"}},
		"HTTP_ADDR":             {[]string{":8080", "[::1]:65535"}, []string{"8080", "host:65536", "host:http"}},
		"DEBUG_ADDR":            {[]string{"127.0.0.1:6060"}, []string{"6060"}},
		"NATS_URL":              {[]string{"nats://a.test:4222, tls://b.test", "a.test"}, []string{"http://a.test"}},
		"FIRST_SYNC":            {[]string{"review"}, []string{"ask"}},
		"REMOTE_DELETE_POLICY":  {[]string{"delete"}, []string{"deactivate"}},
		"TIE_WINNER":            {[]string{"metakocka"}, []string{"newest"}},
		"LOG_FORMAT":            {[]string{"json"}, []string{"xml"}},
	} {
		for _, value := range values.taken {
			_, err := Load("", []string{"MKSYNC_" + variable + "=" + value})
			require.NoError(t, err, "%s=%s", variable, value)
		}
		for _, value := range values.refused {
			_, err := Load("", []string{"MKSYNC_" + variable + "=" + value})
			require.ErrorContains(t, err, "MKSYNC_"+variable, "%s=%s", variable, value)
		}
	}
	_, err := Load("", []string{"MKSYNC_STREAM_REPLICAS=5", "MKSYNC_NATS_URL=nats://a.test"})
	require.NoError(t, err)
	_, err = Load("", []string{"MKSYNC_STREAM_REPLICAS=6", "MKSYNC_NATS_URL=nats://a.test"})
	require.ErrorContains(t, err, "6 is not between 1 and 5")
}

// TestTokensAndRoles: who is let in, and what each may; what is wrong is told without a token.
func TestTokensAndRoles(t *testing.T) {
	t.Parallel()
	const one, two = "0123456789abcdef", "fedcba9876543210"
	got, err := ParseTokens(one)
	require.NoError(t, err)
	require.Equal(t, []httpapi.Token{{Name: "api", Secret: one, Role: operations.Admin}}, got)
	got, err = ParseTokens("crm:" + one + ",books:" + two + ":decider")
	require.NoError(t, err)
	require.Equal(t, []httpapi.Token{{Name: "crm", Secret: one, Role: operations.Admin}, {Name: "books", Secret: two, Role: operations.Decider}}, got)
	got, err = ParseTokens("")
	require.NoError(t, err)
	require.Empty(t, got)

	for text, says := range map[string]string{
		"crm:" + one + "," + two:                  "entry 2 is not name:token or name:token:role",
		"crm:":                                    "entry 1 is not name:token",
		"crm:" + one + ":viewer:x":                "entry 1 is not name:token",
		"crm:" + one + ":":                        "the role of entry 1 is none of",
		":" + one:                                 "the name of entry 1 may have letters",
		"crm:" + one + ",crm:" + two:              "the name crm comes twice",
		"crm:" + one + ",books:" + one:            "two names have the same token",
		"crm:" + one + ",books:" + two + ":owner": "the role of entry 2 is none of",
	} {
		_, err := ParseTokens(Secret(text))
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), one)
		require.NotContains(t, err.Error(), two)
	}

	c := Default()
	c.APIJWTRoles, c.APIJWTSecret, c.APIJWTIssuer = "service_role, staff=viewer", "secret", "https://a.test"
	require.Equal(t, httpapi.JWT{
		Secret: "secret", Audience: "authenticated", Issuer: "https://a.test", RoleClaim: "role",
		Roles: map[string]operations.Role{"service_role": operations.Admin, "staff": operations.Viewer},
	}, c.JWT())
}

// unanswered is the error of a connection that ended with err.
func unanswered(t *testing.T, err error) error {
	t.Helper()
	c, parsed := pgconn.ParseConfig("postgres://crm:hunter2@127.0.0.1/books?sslmode=disable")
	require.NoError(t, parsed)
	c.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, err }
	_, err = pgconn.ConnectConfig(t.Context(), c)
	return err
}

// TestErrorsOfTheDatabaseSayWhatToDo, without the password.
func TestErrorsOfTheDatabaseSayWhatToDo(t *testing.T) {
	t.Parallel()
	c := Default()
	c.DatabaseURL, c.Schema = "postgres://crm:hunter2@db.test:5433/books", "mk"
	pg := func(code string) error {
		return fmt.Errorf("open: %w", &pgconn.PgError{Code: code, Message: "no"})
	}
	other := errors.New("other")
	for says, err := range map[string]error{
		`refuses role "crm" (no): correct user and password`:          pg("28P01"),
		`refuses role "crm" (no): correct user and password `:         pg("28000"),
		`database "books" does not exist`:                             pg("3D000"),
		"schema mk does not exist":                                    pg("3F000"),
		`GRANT USAGE, CREATE ON SCHEMA mk TO "crm"`:                   pg("42501"),
		"keeps a lock that mksync needs (no)":                         pg("55P03"),
		"a table of that name exists, which mksync did not make (no)": pg("42P07"),
		pg("XX000").Error():                                           pg("XX000"),
		"db.test:5433: " + pgsession.ErrPooled.Error():                fmt.Errorf("open: %w", pgsession.ErrPooled),
		other.Error():          other,
		"wal_level is replica": fmt.Errorf("open: %w", &cdc.SetupError{What: coded.Words("wal_level is replica")}),
		"no Postgres answers at db.test:5433 (no such host)":       unanswered(t, &net.DNSError{Err: "no such host", Name: "db.test"}),
		"no Postgres answers at db.test:5433 (connection refused)": unanswered(t, &net.OpError{Op: "dial", Err: errors.New("connection refused")}),
		"dial error: server refused TLS here":                      unanswered(t, errors.New("server refused\n TLS here")),
	} {
		got := ExplainDatabase(c, err)
		require.ErrorContains(t, got, strings.TrimSpace(says))
		require.NotContains(t, got.Error(), "hunter2")
	}
	c.DatabaseURL = "postgres://%"
	require.Equal(t, other, ExplainDatabase(c, other))
}
