package pgsession

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// EndLost ends the session that a connection of this process had which was lost, by the
// server process it was in; 0: there was none. Behind a network that swallowed everything
// the server may not know of the loss for as long again as that took, and until then it
// keeps the session's locks and its slot. Every role may end its own sessions.
func EndLost(ctx context.Context, conn *pgconn.PgConn, process uint32) error {
	if process == 0 || process == conn.PID() {
		return nil
	}
	sql := fmt.Sprintf(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE pid = %d AND usename = current_user AND application_name = '%s' AND datname = current_database()`, process, Name)
	if err := conn.Exec(ctx, sql).Close(); err != nil {
		return fmt.Errorf("end the session that was lost: %w", err)
	}
	return nil
}
