package cdc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/coded"
)

// A slot is made only when every transaction that is open at that moment has ended,
// also one of another database, and one that is prepared. That may be never.

// waitsInterval is how often is looked whether a connection waits for somebody.
const waitsInterval = time.Second

// waitQuery finds the oldest transaction that a backend waits for. A prepared one has
// no backend: it is known by its locks.
const waitQuery = `SELECT b.pid, coalesce(to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), ''), a.state, a.application_name, a.usename, a.datname, ''
FROM unnest(ARRAY[%[1]s]) AS w, unnest(pg_blocking_pids(w)) AS b(pid) LEFT JOIN pg_stat_activity a ON a.pid = b.pid WHERE b.pid <> 0
UNION ALL
SELECT 0, to_char(x.prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), '', '', x.owner, x.database, x.gid
FROM pg_locks w JOIN pg_locks h ON h.granted AND h.pid IS NULL
    AND (h.locktype, h.database, h.relation, h.transactionid) IS NOT DISTINCT FROM (w.locktype, w.database, w.relation, w.transactionid)
JOIN pg_locks own ON own.locktype = 'transactionid' AND own.granted AND own.pid IS NULL AND own.virtualtransaction = h.virtualtransaction
JOIN pg_prepared_xacts x ON x.transaction = own.transactionid
WHERE w.pid IN (%[1]s) AND NOT w.granted ORDER BY 2 LIMIT 1`

// wait is a transaction that somebody waits for.
type wait struct {
	who coded.Text // what it is, and since when
	do  coded.Text
}

// waitOf is what the backend waits for; nil: for nobody.
func waitOf(ctx context.Context, conn *pgconn.PgConn, pid string) (*wait, error) {
	rows, err := exec(ctx, conn, fmt.Sprintf(waitQuery, pid))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	r := rows[0]
	since := coded.Say("doctor.wait.since", "since {time} UTC", r[1])
	if r[1] == "" {
		since = coded.Say("doctor.wait.hidden", "since a time that this role may not see")
	}
	if gid := r[6]; gid != "" {
		return &wait{
			who: coded.Say("doctor.wait.prepared", "the prepared transaction {transaction} of role \"{role}\" in database \"{database}\", prepared {cause}", quoteLiteral(gid), r[4], r[5], since),
			do:  coded.Say("doctor.wait.prepared_do", "end it in that database: COMMIT PREPARED {transaction}, or ROLLBACK PREPARED {transaction}", strings.TrimSpace(quoteLiteral(gid))),
		}, nil
	}
	return &wait{
		who: coded.Say("doctor.wait.open", "the transaction of process {process} ({state}, program \"{program}\", role \"{role}\", database \"{database}\"), open {cause}",
			r[0], cmp.Or(r[2], "state unknown"), r[3], r[4], r[5], since),
		do: coded.Say("doctor.wait.open_do", "end that transaction, or run: SELECT pg_terminate_backend({process})", r[0]),
	}, nil
}

// reader is the backend that reads the snapshot. It locks the table against ALTER and
// the like, and takes as long as the sink: hours, where that is away.
type reader struct {
	pid  uint32
	stop context.CancelCauseFunc
}

// makeRoom ends the reading when somebody waits for it: behind who waits for an ALTER's
// lock stand all statements of the CRM (invariant 25).
func (r *reader) makeRoom(ctx context.Context, conn *pgconn.PgConn) error {
	waits, err := exec(ctx, conn, fmt.Sprintf("SELECT 1 FROM pg_locks w WHERE NOT w.granted AND %d = ANY (pg_blocking_pids(w.pid)) LIMIT 1", r.pid))
	if len(waits) > 0 {
		r.stop(errMakesRoom)
	}
	return err
}

// madeRoom is errMakesRoom where that is why the reading ended.
func madeRoom(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errMakesRoom) {
		return errMakesRoom
	}
	return nil
}

// tellWaits shows for whom the session waits, from now until stop is called.
func (s *session) tellWaits(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sleep(ctx, waitsInterval) == nil {
			if err := s.lookForWaits(ctx); err != nil && ctx.Err() == nil {
				s.log.DebugContext(ctx, "could not look for whom is waited", "error", err)
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// lookForWaits looks again and again, over a connection of its own.
func (s *session) lookForWaits(ctx context.Context) error {
	conn, err := connect(ctx, s.cfg, false)
	if err != nil {
		return err
	}
	defer closeConn(conn)

	said := coded.Text{}
	defer func() {
		if !said.IsZero() {
			s.setProblem(coded.Text{})
		}
	}()

	for {
		pids := fmt.Sprint(s.conn.PID())
		if r := s.reader.Load(); r != nil {
			pids += fmt.Sprintf(", %d", r.pid)
			if err := r.makeRoom(ctx, conn); err != nil {
				return err
			}
		}

		w, err := waitOf(ctx, conn, pids)
		if err != nil {
			return err
		}
		problem := coded.Text{}
		if w != nil {
			problem = coded.Say("doctor.wait.waits", "it waits for {cause}", w.who).And(w.do)
		}

		// A wait may take hours: it is reported when it begins or changes, not at each look.
		if problem.String() != said.String() {
			said = problem
			s.setProblem(problem)
			if w != nil {
				s.log.WarnContext(ctx, "the listener waits for somebody's transaction", "who", w.who, "do", w.do)
			}
		}

		if err := sleep(ctx, waitsInterval); err != nil {
			return err
		}
	}
}
