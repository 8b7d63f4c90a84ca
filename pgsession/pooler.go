package pgsession

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrPooled means that the address is that of a connection pooler which gives the
// statements of one connection to any server process. Locks and settings of a session
// would not hold there, and nothing would show it.
var ErrPooled = errors.New("this is the address of a connection pooler in transaction mode, where a session's locks do not hold: " +
	"let MKSYNC_DATABASE_URL name the server itself, or a pooler in session mode")

// probeTimeout bounds how long a pooler may let the probe wait for a server process.
const probeTimeout = 5 * time.Second

// sticks returns ErrPooled where conn's statements do not stay in one server process.
// A second connection takes, in a transaction, the process that is free: if conn's is
// not its own, it is that one, or conn gets another. Nothing is set meanwhile that
// could stay with somebody else's session.
func sticks(ctx context.Context, c *pgconn.Config, conn *pgconn.PgConn) error {
	plain := c.Copy()
	plain.AfterConnect = nil
	other, err := pgconn.ConnectConfig(ctx, plain)
	if err != nil {
		return fmt.Errorf("look whether this is a pooler: %w", err)
	}
	defer func() { _ = other.Close(context.WithoutCancel(ctx)) }()

	// Behind a pooler a session is whichever backend is free: while another holds one, ours moves on.
	for range 3 {
		before, err := backend(ctx, conn, "SELECT pg_backend_pid()")
		if err != nil {
			return err
		}
		taken, err := backend(ctx, other, "BEGIN; SELECT pg_backend_pid()")
		if err != nil {
			return err
		}
		after, err := whileTaken(ctx, conn)
		if err != nil {
			return err
		}
		if taken == before || taken == after || before != after {
			return ErrPooled
		}
		if _, err := other.Exec(ctx, "ROLLBACK").ReadAll(); err != nil {
			return fmt.Errorf("look whether this is a pooler: %w", err)
		}
	}
	return nil
}

// whileTaken asks conn for its process while another connection is in a transaction.
// Where that makes it wait, the other has taken the only process.
func whileTaken(ctx context.Context, conn *pgconn.PgConn) (uint32, error) {
	bounded, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	pid, err := backend(bounded, conn, "SELECT pg_backend_pid()")
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return 0, ErrPooled
	}
	return pid, err
}
