package pgstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// Locks are session locks of Postgres: they are gone when the process is. Nobody
// waits for one inside a statement, whose snapshot would keep VACUUM from removing
// anything in the whole database for as long (invariant 23): who does not get it
// looks again.

// lockName is the only place where locks get their names. Each installation has its
// own tables, so the schema they are in names it. Those in public keep the names of
// earlier versions: a process of either version may run beside one of the other.
func (s *Store) lockName(part, of string) string { return lockName(s.pool.schema, part, of) }

func lockName(schema, part, of string) string {
	if schema == "public" {
		return part + of
	}
	return schema + "/" + part + of
}

// running is what every process holds, with others, that works on the tables.
const running = "running"

// RunningLocks are the locks of which whoever works on a schema's tables holds one: a
// process of an earlier version at least that of the poller.
func RunningLocks(schema string) []string {
	return []string{lockName(schema, aloneLock, running), lockName(schema, aloneLock, "poller")}
}

const (
	contactLock   = "contact:"
	partnerLock   = "partner:"
	keyLock       = "key:"
	aloneLock     = "mksync:"
	deletionsLock = "mksync deletions"
	jobsLock      = "mksync jobs"
)

// tryLocksSQL takes those of the locks that are free, and tells which.
const tryLocksSQL = `SELECT coalesce(array_agg(l.name) FILTER (WHERE pg_try_advisory_lock(hashtextextended(l.name, 0))), '{}')
	FROM unnest($1::text[]) AS l (name)`

const (
	unlockSQL    = "SELECT pg_advisory_unlock(hashtextextended(name, 0)) FROM unnest($1::text[]) AS name"
	unlockAllSQL = "SELECT pg_advisory_unlock_all()"
)

// How long it takes at most until a lock that was let go is taken by who waits for it.
const (
	handOver        = 40 * time.Millisecond // of a contact, a partner, a key
	standbyHandOver = time.Second           // of what one process does alone
)

// locks are locks of one connection: all of them are taken, or none.
type locks struct {
	names []string
	taken []string // by the last try
}

// queue tries to take the locks in a batch.
func (l *locks) queue(b *pgx.Batch) {
	b.Queue(tryLocksSQL, l.names).QueryRow(func(row pgx.Row) error { return row.Scan(&l.taken) })
}

// held is whether the last try took all of the locks; else it gives back the others,
// so that two who want several never wait for each other.
func (l *locks) held(ctx context.Context, conn *ownConn) (bool, error) {
	if len(l.taken) == len(l.names) || len(l.taken) == 0 {
		return len(l.taken) > 0, nil
	}
	_, err := conn.Exec(ctx, unlockSQL, l.taken)
	return false, err
}

func (l *locks) try(ctx context.Context, conn *ownConn) (bool, error) {
	b := &pgx.Batch{}
	l.queue(b)
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return false, err
	}
	return l.held(ctx, conn)
}

// wait looks again and again, at first soon, until the locks are held or ctx ends.
func (l *locks) wait(ctx context.Context, conn *ownConn, most time.Duration) error {
	for pause := 4 * time.Millisecond; ; pause = min(pause*3/2, most) {
		if err := rest(ctx, pause); err != nil {
			return err
		}
		if held, err := l.try(ctx, conn); held || err != nil {
			return err
		}
	}
}

// rest waits for about d, so that those who wait for one lock do not look together.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d/2 + rand.N(d/2))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// take takes the locks, which no more than ctx's end keeps it from.
func (l *locks) take(ctx context.Context, conn *ownConn, most time.Duration) error {
	held, err := l.try(ctx, conn)
	if err == nil && !held {
		err = l.wait(ctx, conn, most)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", l.names[0], err)
	}
	return nil
}

// inTurn runs use in a transaction, as the only one under this name.
func (s *Store) inTurn(ctx context.Context, db interface {
	Begin(context.Context) (pgx.Tx, error)
}, lock string, use func(pgx.Tx) error,
) error {
	for {
		var mine bool
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", s.lockName(lock, "")).Scan(&mine)
			if err != nil || !mine {
				return err
			}
			return use(tx)
		})
		if mine || err != nil {
			return err
		}
		if err := rest(ctx, handOver/2); err != nil {
			return err
		}
	}
}
