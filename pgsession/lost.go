package pgsession

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Backend is the process of a server in which a session is; zero: none. A number alone is
// given out anew: by a server that was started again in its container at once, and a pooler
// between the two has numbers of its own.
type Backend struct{ pid, began string }

// EndLost ends the session that a connection of this process had which was lost, where the
// server still has it, and tells which one conn's is. Behind a network that swallowed
// everything the server may not know of the loss for as long again as that took, and until
// then it keeps the session's locks and its slot. Every role may end its own sessions.
func EndLost(ctx context.Context, conn *pgconn.PgConn, lost Backend) (Backend, error) {
	const began = "(extract(epoch FROM backend_start) * 1000000)::bigint"
	end := "0"
	if lost != (Backend{}) {
		end = fmt.Sprintf("(SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid = %s AND %s = %s)", lost.pid, began, lost.began)
	}
	results, err := conn.Exec(ctx, "SELECT pid, "+began+", "+end+" FROM pg_stat_activity WHERE pid = pg_backend_pid()").ReadAll()
	if err != nil {
		return Backend{}, fmt.Errorf("end the session that was lost: %w", err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || results[0].Rows[0][1] == nil {
		return Backend{}, nil // it is not shown: the role is set to be another, which may not end it either
	}
	row := results[0].Rows[0]
	return Backend{string(row[0]), string(row[1])}, nil
}
