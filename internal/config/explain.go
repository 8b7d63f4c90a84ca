package config

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/pgsession"
)

// ExplainDatabase says what a person has to do about an error of the database,
// without quoting the address, which holds the password.
func ExplainDatabase(config Config, err error) error {
	pc, parseErr := pgx.ParseConfig(config.DatabaseURL.Reveal())
	if parseErr != nil {
		return err
	}
	where := net.JoinHostPort(pc.Host, fmt.Sprint(pc.Port))
	role := pgx.Identifier{pc.User}.Sanitize()

	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var setup *cdc.SetupError

	switch {
	case errors.As(err, &setup):
		return setup
	case errors.Is(err, pgsession.ErrPooled):
		return fmt.Errorf("%s: %w", where, pgsession.ErrPooled)
	case errors.As(err, &pg):
		return explainRefusal(pg, pc, role, config.Schema, err)
	case errors.As(err, &connect):
		return fmt.Errorf("no Postgres answers at %s (%s): start it, or correct MKSYNC_DATABASE_URL", where, connectCause(connect))
	default:
		return err
	}
}

// connectCause is why a connection was not made, without the attempts that led
// to it.
func connectCause(err *pgconn.ConnectError) string {
	var (
		op  *net.OpError
		dns *net.DNSError
	)
	switch {
	case errors.As(err, &dns):
		return dns.Err
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return strings.Join(strings.Fields(err.Unwrap().Error()), " ")
}

func explainRefusal(pg *pgconn.PgError, pc *pgx.ConnConfig, role, schema string, err error) error {
	switch pg.Code {
	case "28P01", "28000":
		return fmt.Errorf("postgres refuses role %s (%s): correct user and password in MKSYNC_DATABASE_URL", role, pg.Message)
	case "3D000":
		return fmt.Errorf("database %q does not exist: correct its name in MKSYNC_DATABASE_URL", pc.Database)
	case "3F000":
		return fmt.Errorf("schema %s does not exist: correct MKSYNC_SCHEMA, or make it with mksync migrate up", schema)
	case "42501":
		return fmt.Errorf("role %s lacks a right (%s): run as the owner GRANT USAGE, CREATE ON SCHEMA %s TO %s, or migrate as the role that owns mksync's tables", role, pg.Message, schema, role)
	case "55P03":
		return fmt.Errorf("somebody else's session keeps a lock that mksync needs (%s): see pg_locks, and try again", pg.Message)
	case "42P07":
		return fmt.Errorf("a table of that name exists, which mksync did not make (%s): rename it, or give mksync a schema of its own (MKSYNC_SCHEMA=mksync)", pg.Message)
	default:
		return err
	}
}
