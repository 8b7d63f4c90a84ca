package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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

// A lock is held in shared mode, by the connection that took it; it is got by having it
// alone for a moment, which nobody can while anybody has it at all. So a transaction that
// writes under the lock can have it, too (see proveSQL).
const (
	// tryLocksSQL takes those of the locks that are free, and tells which.
	tryLocksSQL = `SELECT coalesce(array_agg(name) FILTER (WHERE CASE WHEN pg_try_advisory_lock(id) THEN
			CASE WHEN pg_try_advisory_lock_shared(id) THEN pg_advisory_unlock(id) END END), '{}')
		FROM (SELECT name, hashtextextended(name, 0) FROM unnest($1::text[]) AS name) AS l (name, id)`
	unlockSQL    = "SELECT pg_advisory_unlock_shared(hashtextextended(name, 0)) FROM unnest($1::text[]) AS name"
	unlockAllSQL = "SELECT pg_advisory_unlock_all()"
	// beginSQL shows other processes that the tables are in use, and takes the proof.
	beginSQL = "SELECT pg_try_advisory_lock_shared(hashtextextended($1, 0)) AND pg_try_advisory_lock($2), " + stateTableSQL
)

// proveSQL is an error unless the locks $1 are held by the connection whose proof is $2.
// The transaction has them itself first, and to its end, so nobody can get one of them
// behind this look.
const proveSQL = `SELECT (CASE WHEN NOT bool_and(pg_try_advisory_xact_lock_shared(hashtextextended(name, 0))) THEN '` + notHeld + `'
	WHEN pg_try_advisory_xact_lock_shared($2) THEN '` + notHeld + `' ELSE 'true' END)::boolean FROM unnest($1::text[]) AS name`

// notHeld is no boolean, which makes it the error's text.
const notHeld = "the lock is lost"

// How long it takes at most until a lock that was let go is taken by who waits for it.
const (
	handOver        = 40 * time.Millisecond // of a contact, a partner, a key
	standbyHandOver = time.Second           // of what one process does alone
)

// locks are held: all that were asked for.
type locks struct {
	*life
	of    *holder
	names []string
}

// more takes further locks, which are given back with the first. What is read behind them
// is read in any case.
func (l *locks) more(ctx context.Context, names []string, read func(*pgx.Batch)) error {
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(l.names, name) })
	got, err := l.of.take(ctx, handOver, names, read)
	if err != nil {
		return err
	}
	if got.life != l.life {
		got.release()
		return errLockLost
	}
	l.names = append(l.names, got.names...)
	return nil
}

func (l *locks) release() { l.of.giveBack(l.life, l.names, l.names) }

// while calls use with a context that ends when the locks are lost.
func (l *locks) while(ctx context.Context, use func(context.Context) error) error {
	within, lose := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-within.Done():
		case <-l.lost:
			lose(told(fmt.Errorf("lock %s is lost: %w", l.names[0], l.why)))
		}
	})

	err := use(within)
	lost := context.Cause(within)
	lose(nil)
	watch.Wait()
	if lost != nil && ctx.Err() == nil {
		return lost
	}
	return err
}

// queueProof lets a batch store nothing unless the locks are held still.
func (l *locks) queueProof(b *pgx.Batch) {
	b.Queue(proveSQL, l.names, l.proof).QueryRow(func(row pgx.Row) error {
		var yes bool
		err := row.Scan(&yes)
		var pg *pgconn.PgError
		if errors.As(err, &pg) && strings.Contains(pg.Message, notHeld) {
			return errLockLost
		}
		return err
	})
}

// change runs use in a transaction that stores nothing unless the locks are held still.
func (s *Store) change(ctx context.Context, l *locks, use func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := l.prove(ctx, tx); err != nil {
			return err
		}
		return use(tx)
	})
}

func (l *locks) prove(ctx context.Context, tx pgx.Tx) error {
	b := &pgx.Batch{}
	l.queueProof(b)
	return tx.SendBatch(ctx, b).Close()
}

// rest waits for about d, so that those who wait for one lock do not look together, or
// until it is free.
func rest(ctx context.Context, d time.Duration, free <-chan struct{}) error {
	t := time.NewTimer(d/2 + rand.N(d/2))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-free:
	case <-t.C:
	}
	return nil
}

// inTurn runs use in a transaction, as the only one under this name.
func (s *Store) inTurn(ctx context.Context, lock string, use func(pgx.Tx) error) error {
	for {
		var mine bool
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", s.lockName(lock, "")).Scan(&mine)
			if err != nil || !mine {
				return err
			}
			return use(tx)
		})
		if mine || err != nil {
			return err
		}
		if err := rest(ctx, handOver/2, nil); err != nil {
			return err
		}
	}
}
