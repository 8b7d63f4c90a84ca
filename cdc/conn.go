package cdc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/pgsession"
)

const (
	connectTimeout = 15 * time.Second
	closeTimeout   = 2 * time.Second
)

// connect opens a plain connection, or one that can replicate as well.
func connect(ctx context.Context, cfg Config, replication bool) (*pgconn.PgConn, error) {
	pc, err := pgconn.ParseConfig(cfg.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("read DatabaseURL: %w", err)
	}
	if replication {
		pc.RuntimeParams["replication"] = "database"
		pc.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
			return pgproto3.NewFrontend(newGatherer(r), w)
		}
	}
	pgsession.Prepare(pc)

	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, pc)
	if err != nil {
		return nil, explainConnect(err, pc)
	}
	return conn, nil
}

// explainConnect turns the refusals that only a person can change into a SetupError.
func explainConnect(err error, pc *pgconn.Config) error {
	switch pgCode(err) {
	case codeBadPassword:
		return &SetupError{
			What: coded.Say("doctor.connection.password", "Postgres refuses the password of role \"{role}\"", pc.User),
			Do:   coded.Say("doctor.connection.password_do", "correct the user or password in the database URL"), Err: err,
		}
	case codeNoPgHBA:
		return &SetupError{
			What: coded.Say("doctor.connection.refused", "Postgres refuses role \"{role}\" on database \"{database}\" ({words})", pc.User, pc.Database, pgMessage(err)),
			Do:   coded.Say("doctor.connection.refused_do", "correct the role in the database URL, or allow it in pg_hba.conf"), Err: err,
		}
	case codeNoDatabase:
		return &SetupError{
			What: coded.Say("doctor.connection.database", "database \"{database}\" does not exist", pc.Database),
			Do:   coded.Say("doctor.connection.database_do", "correct the name in the database URL"), Err: err,
		}
	case codeNoRight:
		return &SetupError{
			What: coded.Say("doctor.replication.denied", "role \"{role}\" may not replicate", pc.User),
			Do:   coded.Say("doctor.replication.denied_do", "run as a superuser: ALTER ROLE {role} REPLICATION", quoteIdent(pc.User)), Err: err,
		}
	}

	if errors.Is(err, pgsession.ErrPooled) {
		return &SetupError{
			What: coded.Say("doctor.connection.pooled", "this is the address of a connection pooler in transaction mode, where a session's locks do not hold"),
			Do:   coded.Say("doctor.connection.pooled_do", "let MKSYNC_DATABASE_URL name the server itself, or a pooler in session mode"), Err: err,
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
	g.i = 0
	g.n = n
	if n > 0 {
		return nil
	}
	return err
}
