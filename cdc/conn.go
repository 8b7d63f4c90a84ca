package cdc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	connectTimeout = 15 * time.Second
	closeTimeout   = 2 * time.Second
)

// sessionSettings make the texts of a snapshot and of the stream the same,
// whatever the role's or the database's own settings are.
var sessionSettings = map[string]string{
	"application_name":   "mksync",
	"client_encoding":    "UTF8",
	"datestyle":          "ISO, YMD",
	"intervalstyle":      "postgres",
	"extra_float_digits": "3",
	"timezone":           "UTC",
	"bytea_output":       "hex",
}

// setUp switches off what would end a long snapshot or an idle session; not every
// version knows all of them. And it makes Postgres notice within a minute that this
// machine is gone, not after the two hours that are usual: until then nobody else gets
// the listener's lock, and a snapshot that is read keeps vacuum from its work.
const setUp = `SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN
('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout');
SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 15; SET tcp_keepalives_count = 3; SET tcp_user_timeout = '1min'`

// connect opens a plain connection, or one that can replicate as well.
func connect(ctx context.Context, cfg Config, replication bool) (*pgconn.PgConn, error) {
	pc, err := pgconn.ParseConfig(cfg.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("read DatabaseURL: %w", err)
	}
	dropClientSettings(pc.RuntimeParams)
	maps.Copy(pc.RuntimeParams, sessionSettings)
	if replication {
		pc.RuntimeParams["replication"] = "database"
		pc.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
			return pgproto3.NewFrontend(newGatherer(r), w)
		}
	}
	dialer := &net.Dialer{KeepAlive: 15 * time.Second}
	pc.DialFunc = dialer.DialContext

	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, pc)
	if err != nil {
		return nil, explainConnect(err, pc)
	}
	if _, err := exec(ctx, conn, setUp); err != nil {
		closeConn(conn)
		return nil, fmt.Errorf("prepare session: %w", err)
	}
	return conn, nil
}

// dropClientSettings removes what a URL may say to pgx and its pool, which
// Postgres would refuse.
func dropClientSettings(params map[string]string) {
	maps.DeleteFunc(params, func(name, _ string) bool {
		return strings.HasPrefix(name, "pool_") || strings.HasSuffix(name, "_cache_capacity") || name == "default_query_exec_mode"
	})
}

// explainConnect turns the refusals that only a person can change into a SetupError.
func explainConnect(err error, pc *pgconn.Config) error {
	switch pgCode(err) {
	case codeBadPassword:
		return &SetupError{
			What: fmt.Sprintf("Postgres refuses the password of role %q", pc.User),
			Do:   "correct the user or password in the database URL", Err: err,
		}
	case codeNoPgHBA:
		return &SetupError{
			What: fmt.Sprintf("Postgres refuses role %q on database %q (%s)", pc.User, pc.Database, pgMessage(err)),
			Do:   "correct the role in the database URL, or allow it in pg_hba.conf", Err: err,
		}
	case codeNoDatabase:
		return &SetupError{
			What: fmt.Sprintf("database %q does not exist", pc.Database),
			Do:   "correct the name in the database URL", Err: err,
		}
	case codeNoRight:
		return &SetupError{
			What: fmt.Sprintf("role %q may not replicate", pc.User),
			Do:   fmt.Sprintf("run as a superuser: ALTER ROLE %s REPLICATION", quoteIdent(pc.User)), Err: err,
		}
	}
	return fmt.Errorf("connect to Postgres: %w", err)
}

// pgMessage is what Postgres said, without the code.
func pgMessage(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Message
	}
	return err.Error()
}

// closeConn ends the session; the server may not answer any more.
func closeConn(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx)
	<-conn.CleanupDone()
}

// exec runs SQL by the simple protocol, the only one a replication connection
// knows, and returns the rows of the last statement as texts (NULL: "").
func exec(ctx context.Context, conn *pgconn.PgConn, sql string) ([][]string, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) == 0 {
		return nil, nil
	}
	raw := results[len(results)-1].Rows
	rows := make([][]string, len(raw))
	for i, r := range raw {
		rows[i] = make([]string, len(r))
		for j, v := range r {
			rows[i][j] = string(v)
		}
	}
	return rows, nil
}

// execRow is exec for a statement that gives exactly one row.
func execRow(ctx context.Context, conn *pgconn.PgConn, sql string) ([]string, error) {
	rows, err := exec(ctx, conn, sql)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, fmt.Errorf("got %d rows instead of one", len(rows))
	}
	return rows[0], nil
}

const (
	gatherBuffer = 256 << 10
	gatherEvery  = 500 * time.Microsecond // between reads, where they do not stop
	gatherBurst  = 64 * gatherEvery       // so far reads may run ahead of that
	gatherPause  = time.Millisecond       // what the system's timers can tell apart
)

// gatherer reads in large pieces. Postgres sends every replication message by
// itself, and whoever waits for them on the socket is woken for each, which costs
// more than all that is done with it. So reads are limited to a number in a second;
// while they come more often, the gatherer waits before it reads, and one read
// brings hundreds of messages. Up to that number nothing is held up.
type gatherer struct {
	r    io.Reader
	buf  []byte
	i, n int
	due  time.Time // when the next read would come if they came evenly
}

func newGatherer(r io.Reader) *gatherer {
	return &gatherer{r: r, buf: make([]byte, gatherBuffer)}
}

func (g *gatherer) Read(p []byte) (int, error) {
	if g.i == g.n {
		if err := g.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, g.buf[g.i:g.n])
	g.i += n
	return n, nil
}

func (g *gatherer) fill() error {
	now := time.Now()
	if g.due.Before(now) {
		g.due = now
	}
	if ahead := g.due.Sub(now); ahead > gatherBurst && g.n < len(g.buf) {
		time.Sleep(gatherPause)
	}
	g.due = g.due.Add(gatherEvery)
	n, err := g.r.Read(g.buf)
	g.i, g.n = 0, n
	if n > 0 {
		return nil
	}
	return err
}
