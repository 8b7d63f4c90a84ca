package pgstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/pgsession"
)

// KeptWithin is how long Reached waits at most.
const KeptWithin = 5 * time.Second

const (
	// standbysVersion is the first Postgres with slots that fail over.
	standbysVersion = 170000
	// lookHolds is how long a look that found nobody to wait for holds.
	lookHolds = 5 * time.Second
	// announcedFor is how long every process has to see that it has to wait, before it counts.
	announcedFor = 3 * lookHolds
)

// errOvertaken keeps what is left on an old server from going on beside the new one.
var errOvertaken = fmt.Errorf("%w: another server was promoted in place of this one, and mksync works on that: let MKSYNC_DATABASE_URL lead to it", store.ErrStoreAway)

// behind says that a standby keeps everything waiting.
func behind(slot string) error {
	return fmt.Errorf("%w for mksync: the standby of the replication slot %s has not got the newest commits within %s (synchronized_standby_slots)", store.ErrStoreAway, slot, KeptWithin)
}

// Notes keeps a small value outside of the database. *bus.Bus does.
type Notes interface {
	// Note reads what is kept, and tells its number.
	Note(ctx context.Context, v any) (number uint64, err error)
	// SetNote replaces the note with that number, and gives the new one; 0: it is another.
	SetNote(ctx context.Context, v any, number uint64) (uint64, error)
}

// Standbys makes sure that nothing rests on a commit that a failover would lose (invariant
// 31), where the server says which standbys may take its place. One round serves all that
// wait when it begins. Nil waits for nobody.
type Standbys struct {
	store    *Store
	slot     string
	epochKey string
	notes    Notes

	mu   sync.Mutex // guards what follows
	next *round     // that has not begun
	free time.Time  // until then nobody is waited for

	turn   sync.Mutex  // one round at a time; guards what follows
	built  store.Built // as noted
	number uint64      // of the note; 0: not known
	seen   time.Time   // since when this process knows what it announces
}

type round struct {
	done chan struct{}
	err  error
}

// Standbys are those of the server that has the listener's slot. The epoch of the database is
// remembered under epochKey: what was built upon in an earlier one says nothing.
func (s *Store) Standbys(slot, epochKey string, notes Notes) *Standbys {
	return &Standbys{store: s, slot: slot, epochKey: epochKey, notes: notes}
}

// Within is how much longer something may wait for standbys.
func (s *Standbys) Within() time.Duration {
	if s.store.version < standbysVersion {
		return 0
	}
	return KeptWithin
}

// Reached waits until the standbys have everything that was committed before, and it is
// noted that mksync builds upon it. An error, of at most KeptWithin: not yet.
func (s *Standbys) Reached(ctx context.Context) error {
	if s == nil || s.store.version < standbysVersion {
		return nil
	}
	r := s.join()
	if r == nil {
		return nil
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join is the next round; nil: there is nobody to wait for.
func (s *Standbys) join() *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.free) {
		return nil
	}
	if s.next == nil {
		s.next = &round{done: make(chan struct{})}
		go s.run(s.next)
	}
	return s.next
}

func (s *Standbys) run(r *round) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), KeptWithin)
	defer cancel()
	r.err = told(s.reach(ctx))
	close(r.done)
}

func (s *Standbys) reach(ctx context.Context) error {
	began := time.Now()
	slots, now, err := s.look(ctx)
	if err != nil {
		return fmt.Errorf("look at the standbys: %w", err)
	}
	if len(slots) > 0 {
		if err := s.await(ctx, slots, now.UpTo); err != nil {
			return err
		}
		return s.build(ctx, now)
	}

	// Before anything is built that nobody waits for, nothing says any more that somebody does.
	if err := s.withdraw(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = began.Add(lookHolds)
	return nil
}

// lookSQL gives the slots of the standbys that have to have everything first, where the
// listener's slot $1 may fail over, and where the log is. It ends with a record, as what a
// standby has when it is promoted does; what is not flushed yet is not sent to standbys, and
// might not be for long.
const lookSQL = `WITH at AS MATERIALIZED (SELECT pg_current_wal_insert_lsn() AS lsn,
	CASE WHEN EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1 AND failover) THEN ` + pgsession.SynchronizedSlots + ` ELSE '{}' END AS slots)
	SELECT slots, coalesce((SELECT value->>'life' FROM mksync_state WHERE key = $2), ''), ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int, (lsn - '0/0')::bigint,
	CASE WHEN slots <> '{}' AND pg_current_wal_flush_lsn() < lsn THEN pg_logical_emit_message(false, 'mksync standbys', '', true) END IS NULL FROM at`

func (s *Standbys) look(ctx context.Context) (slots []string, now store.Built, err error) {
	var upTo int64
	var flushed bool
	err = s.store.pool.QueryRow(ctx, lookSQL, s.slot, s.epochKey).Scan(&slots, &now.Epoch, &now.Timeline, &upTo, &flushed)
	now.UpTo = uint64(upTo)
	return slots, now, err
}

// behindSQL is one of the slots $1 whose standby has not confirmed the log up to $2; it asks
// what Postgres asks before it gives out a change (StandbySlotsHaveCaughtup).
const behindSQL = `SELECT coalesce(min(n), '') FROM unnest($1::text[]) AS n WHERE NOT EXISTS (SELECT FROM pg_replication_slots
	WHERE slot_name = n AND slot_type = 'physical' AND wal_status IS DISTINCT FROM 'lost' AND restart_lsn - '0/0' >= $2)`

func (s *Standbys) await(ctx context.Context, slots []string, upTo uint64) error {
	slot := slots[0]
	for pause := time.Millisecond; ; pause = min(2*pause, handOver) {
		err := s.store.pool.QueryRow(ctx, behindSQL, slots, int64(upTo)).Scan(&slot)
		switch {
		case ctx.Err() != nil || err == nil && slot != "" && rest(ctx, pause, nil) != nil:
			return behind(slot)
		case err != nil:
			return fmt.Errorf("look at the standbys: %w", err)
		case slot == "":
			return nil
		}
	}
}

// build notes what is built upon, in front of it.
func (s *Standbys) build(ctx context.Context, now store.Built) error {
	if s.number == 0 {
		if err := s.read(ctx); err != nil {
			return err
		}
	}
	for {
		next, err := s.following(now)
		if err != nil || next == s.built {
			return err
		}
		if taken, err := s.set(ctx, next); taken || err != nil {
			return err
		}
		if err := s.read(ctx); err != nil {
			return err
		}
	}
}

// following is what the note has to be before anything is built that rests on now. It says so
// under a name at first: until every process must have seen that it has to wait, some may not.
func (s *Standbys) following(now store.Built) (store.Built, error) {
	was := s.built
	switch {
	case was.Timeline == 0 || was.Epoch != now.Epoch:
		now.Announced = rand.Text()
		return now, nil
	case was.Timeline > now.Timeline:
		return was, errOvertaken
	case was.Timeline == now.Timeline:
		now.UpTo = max(now.UpTo, was.UpTo)
	}
	if time.Since(s.seen) < announcedFor {
		now.Announced = was.Announced
	}
	return now, nil
}

// withdraw notes that nobody waits any more.
func (s *Standbys) withdraw(ctx context.Context) error {
	for {
		if err := s.read(ctx); err != nil || s.built.Timeline == 0 {
			return err
		}
		if taken, err := s.set(ctx, store.Built{}); taken || err != nil {
			return err
		}
	}
}

func (s *Standbys) read(ctx context.Context) error {
	var b store.Built
	number, err := s.notes.Note(ctx, &b)
	if err != nil {
		return fmt.Errorf("read what is built upon: %w", err)
	}
	s.know(b, number)
	return nil
}

// set replaces the note; taken is false where somebody else has.
func (s *Standbys) set(ctx context.Context, b store.Built) (taken bool, err error) {
	number, err := s.notes.SetNote(ctx, b, s.number)
	if err != nil || number == 0 {
		return false, err
	}
	s.know(b, number)
	return true, nil
}

func (s *Standbys) know(b store.Built, number uint64) {
	if b.Announced != s.built.Announced {
		s.seen = time.Now()
	}
	s.built = b
	s.number = number
}

// GoOn lets the note of this number go on with next, and then the listener's state, kept under
// key, with its timeline, where that still names the one before. The note is first: what it
// was read to be is so only if it can be replaced, and whoever is left on the old server
// builds upon nothing more. False: it is another by now.
func GoOn(ctx context.Context, conn *pgx.Conn, notes Notes, number uint64, next store.Built, schema, key string, from int32) (bool, error) {
	taken, err := notes.SetNote(ctx, next, number)
	if err != nil || taken == 0 {
		return false, err
	}
	_, err = conn.Exec(ctx, own(schema, `UPDATE mksync_state SET value = jsonb_set(value, '{Timeline}', to_jsonb($3::int)), updated_at = now()
		WHERE key = $1 AND (value->>'Timeline')::int = $2`), key, from, next.Timeline)
	if err != nil {
		return false, fmt.Errorf("save state %q: %w", key, err)
	}
	return true, nil
}
