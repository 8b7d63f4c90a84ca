// Package pgsession is how mksync behaves as a guest in the customer's Postgres.
// Every connection that mksync opens there gets its settings here, so that none
// depends on what the server, the database, the role or the URL says.
package pgsession

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/dial"
)

// How long a statement waits for somebody else's lock, and how long a transaction
// may wait for its next statement: a process that is frozen lets go of its row locks.
const (
	lockTimeout = 15 * time.Second
	idleTimeout = 15 * time.Second
)

// keepAlive is how often a quiet connection is probed, from either end. Postgres
// notices within a minute that this process's machine is gone, not after the two
// hours that are usual: until then it would keep the session's locks. Where the network
// alone was away, the next probe finds that this process has given the connection up.
const keepAlive = dial.Probe

// connectTimeout is how long a server may take to take up a session, where its address
// says nothing else.
const connectTimeout = 15 * time.Second

// setting is what a session sets, as an SQL expression.
type setting struct{ name, value string }

// settings are those of every session.
//
//   - Texts are the same whoever asks: in a pool, a snapshot or the stream. A database
//     without an encoding gives its bytes as they are, for one that is no text would
//     make an error of the whole statement; who reads them has to look.
//   - What is read behind a lock has to see what was committed before it was got.
//   - Rows that are hidden are an error, not an absence.
//   - A link that is stored is on disk before MetaKocka is called.
//   - pg_catalog comes first where functions are looked up.
var settings = []setting{
	{"client_encoding", "CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END"},
	{"datestyle", "'ISO, YMD'"},
	{"intervalstyle", "'postgres'"},
	{"extra_float_digits", "'3'"},
	{"timezone", "'UTC'"},
	{"bytea_output", "'hex'"},
	{"standard_conforming_strings", "'on'"},
	{"default_transaction_isolation", "'read committed'"},
	{"default_transaction_read_only", "'off'"},
	{"default_transaction_deferrable", "'off'"},
	{"row_security", "'off'"},
	{"synchronous_commit", "CASE current_setting('synchronous_commit') WHEN 'off' THEN 'local' ELSE current_setting('synchronous_commit') END"},
	{"search_path", `CASE WHEN 'pg_catalog' = ANY (current_schemas(false))
		THEN coalesce((SELECT string_agg(quote_ident(p.s), ', ' ORDER BY p.n) FROM unnest(current_schemas(false)) WITH ORDINALITY AS p (s, n) WHERE p.s <> 'pg_catalog'), '')
		ELSE current_setting('search_path') END`},
	{"statement_timeout", "'0'"},
	{"transaction_timeout", "'0'"},
	{"idle_session_timeout", "'0'"},
	{"tcp_keepalives_idle", seconds(keepAlive)},
	{"tcp_keepalives_interval", seconds(keepAlive)},
	{"tcp_keepalives_count", "'3'"},
	{"tcp_user_timeout", "'1min'"},
}

// limits are the time-outs of a session by its kind: one that replicates waits for the
// transactions that are open while its slot is made, and is idle in a transaction while
// somebody else reads in the snapshot it exports.
func limits(replication bool) []setting {
	lock, idle := seconds(lockTimeout), seconds(idleTimeout)
	if replication {
		lock, idle = "'0'", "'0'"
	}
	return []setting{{"lock_timeout", lock}, {"idle_in_transaction_session_timeout", idle}}
}

// seconds is a time-out as Postgres reads it: the keep-alives count in seconds, too.
func seconds(d time.Duration) string { return fmt.Sprintf("'%ds'", int(d.Seconds())) }

// Parse reads a URL whose connections are prepared. The error does not quote it.
func Parse(databaseURL string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, errors.New("it is not the address of a Postgres database")
	}
	Prepare(&c.Config)
	return c, nil
}

// Connect opens one connection that is prepared.
func Connect(ctx context.Context, databaseURL string) (*pgx.Conn, error) {
	c, err := Parse(databaseURL)
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, c)
}

// Name is what each connection of mksync's calls itself, for people who look at
// pg_stat_activity.
const Name = "mksync"

// Prepare lets every connection that is made with c have mksync's settings, or fail
// with ErrPooled. It is called when the rest of c is as it shall be.
func Prepare(c *pgconn.Config) {
	maps.DeleteFunc(c.RuntimeParams, func(name, _ string) bool { return forClient(name) })
	c.RuntimeParams["application_name"] = Name
	c.DialFunc = dial.Dialer.DialContext
	if c.ConnectTimeout == 0 { // the URL names none
		c.ConnectTimeout = connectTimeout
	}
	sql := setUp(c.RuntimeParams["replication"] != "")
	own := &atomic.Bool{}
	c.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		return prepare(ctx, c, conn, sql, own)
	}
}

// forClient is whether a parameter of the URL is for pgx or its pool: Postgres would
// refuse it.
func forClient(name string) bool {
	return strings.HasPrefix(name, "pool_") || strings.HasSuffix(name, "_cache_capacity") || name == "default_query_exec_mode"
}

// setUp is the statement that sets everything up in one round trip, but only in the
// server process %d, and tells in which process it was. Not every version knows all.
func setUp(replication bool) string {
	var values []string
	for _, s := range append(limits(replication), settings...) {
		values = append(values, fmt.Sprintf("('%s', %s)", s.name, s.value))
	}
	return "SELECT pg_backend_pid(), (SELECT count(set_config(s.name, s.value, false)) FROM (VALUES " + strings.Join(values, ", ") +
		") AS s (name, value) WHERE pg_backend_pid() = %d AND current_setting(s.name, true) IS NOT NULL)"
}

// prepare sets a session up, once it is sure that it is one: behind a pooler that
// gives statements to any server process, settings would stay with somebody else's.
// own remembers that sessions of this address are.
func prepare(ctx context.Context, c *pgconn.Config, conn *pgconn.PgConn, sql string, own *atomic.Bool) error {
	named := conn.PID()
	pid, err := backend(ctx, conn, fmt.Sprintf(sql, named))
	if err != nil || pid == named {
		return err
	}
	if !own.Load() {
		if err := sticks(ctx, c, conn); err != nil {
			return err
		}
		own.Store(true)
	}
	_, err = backend(ctx, conn, fmt.Sprintf(sql, pid))
	return err
}

// backend runs a statement whose first column is the server process that ran it. The
// simple protocol is the only one that a replication connection knows.
func backend(ctx context.Context, conn *pgconn.PgConn, sql string) (uint32, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return 0, fmt.Errorf("prepare session: %w", err)
	}
	last := results[len(results)-1]
	if len(last.Rows) != 1 {
		return 0, errors.New("prepare session: Postgres does not name its process")
	}
	pid, err := strconv.ParseUint(string(last.Rows[0][0]), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("prepare session: %w", err)
	}
	return uint32(pid), nil
}
