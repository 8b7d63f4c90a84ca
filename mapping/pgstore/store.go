// Package pgstore keeps what mksync knows in the CRM's Postgres: links with
// their bases, partners as last seen, the conflict journal, deletions, and the
// service's own state. It also reads and writes the contacts themselves, so
// that a contact's write and its link's commit together.
package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// Store is safe for use by many goroutines.
type Store struct {
	pool ownPool
	cfg  ContactsConfig

	mu       sync.Mutex
	contacts *contacts

	newLinks atomic.Int64 // made by this process

	tables uint32 // mksync_state's oid: with another one, mksync's tables were made anew
}

const stateTable = "mksync_state"

// StateTable keeps what is remembered besides the links, in the schema of mksync's tables.
func StateTable(schema string) string { return own(schema, stateTable) }

// ErrTablesReplaced means that mksync's tables are not those that the store was opened
// with: a dump was restored over them, and their links and bases are of another time.
var ErrTablesReplaced = errors.New("mksync's tables were made anew while it ran (a dump was restored): restart it")

// New looks the contacts table up. mksync's own tables are in the schema, and must be
// migrated.
// Errors: *TableError when the contacts table cannot be worked with.
func New(ctx context.Context, pool *pgxpool.Pool, schema string, cfg ContactsConfig) (*Store, error) {
	s := &Store{pool: newPool(pool, schema), cfg: cfg}
	var links bool
	if err := s.pool.QueryRow(ctx, "SELECT "+stateTableSQL+", to_regclass('metakocka_contact_mappings') IS NOT NULL").Scan(&s.tables, &links); err != nil {
		return s, fmt.Errorf("look up mksync's tables: %w", err)
	}
	if s.tables == 0 || !links {
		return nil, &TableError{fmt.Sprintf("mksync's tables are not in schema %s: run `mksync migrate up`", schema)}
	}
	return s, s.refresh(ctx)
}

// stateTableSQL is the oid of StateTable, 0 when it is not there.
const stateTableSQL = "coalesce(to_regclass('" + stateTable + "')::oid, 0)"

// Fields are the canonical fields the contacts table has columns for.
func (s *Store) Fields() []mapping.Field { return s.table().fields }

func (s *Store) table() *contacts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.contacts
}

// Refresh looks the contacts table up again. Errors as New.
func (s *Store) Refresh(ctx context.Context) error { return s.refresh(ctx) }

func (s *Store) refresh(ctx context.Context) error {
	c, err := readContacts(ctx, s.pool, s.cfg)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contacts = c
	return nil
}

// stale looks the table up again where err came of a column or table that changed
// under us, so that the next try fits. It tells errors that are about the database
// (mapping.ErrStoreAway), the table (mapping.ErrTable) or rows that may be hidden
// (*mapping.HiddenError) from the rest.
func (s *Store) stale(ctx context.Context, err error) error {
	var pg *pgconn.PgError
	switch isPg := errors.As(err, &pg); {
	case errors.Is(err, store.ErrTable): // said already
		return err
	case isPg && pg.Code == "42501":
		if hidden := s.hidden(ctx); hidden != nil {
			return hidden
		}
		return fmt.Errorf("%w: %w", store.ErrTable, err)
	case !isPg || !ofTable(pg):
		return told(err)
	}
	err = fmt.Errorf("%w: %w", store.ErrTable, err)
	if again := s.refresh(ctx); again != nil {
		return errors.Join(err, again)
	}
	return err
}

// WithContact calls use while this process alone, of all processes, works on
// the contact (invariant 16).
func (s *Store) WithContact(ctx context.Context, contactID string, use func(store.Session) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return told(fmt.Errorf("reach the CRM's database: %w", err))
	}
	defer conn.Release()
	defer release(conn)
	sess := &Session{store: s, conn: conn, id: contactID}
	if err := sess.begin(ctx); err != nil {
		return s.stale(ctx, err)
	}
	err = use(sess)
	if sess.grown {
		analyze(ctx, conn)
	}
	return s.stale(ctx, err)
}

// analyze has Postgres look how large the tables have become that a first sync
// fills. A session plans a statement once, on empty tables as one that reads all
// of the table, and keeps to that until somebody analyzes: autovacuum comes a
// minute later at the earliest. What goes wrong is left to it.
func analyze(ctx context.Context, conn *ownConn) {
	_, _ = conn.Exec(ctx, "ANALYZE metakocka_contact_mappings, mksync_partners")
}

// grows tells of one new link whether it is the 250th, 2,500th, 25,000th, … of this process.
func (s *Store) grows() bool {
	n := s.newLinks.Add(1)
	for n%10 == 0 && n > 250 {
		n /= 10
	}
	return n == 250
}

// WithContacts calls use while this process alone works on both contacts. The
// locks are held by one connection, so the sessions are used one after the other.
func (s *Store) WithContacts(ctx context.Context, one, other string, use func(one, other store.Session) error) error {
	both := []string{s.lockName(contactLock, one), s.lockName(contactLock, other)}
	return s.locked(ctx, handOver, both, func(conn *ownConn) error {
		return use(&Session{store: s, conn: conn, id: one}, &Session{store: s, conn: conn, id: other})
	})
}

// WithPartner calls use while this process alone works on a partner that no
// link names yet.
func (s *Store) WithPartner(ctx context.Context, metakockaID string, use func() error) error {
	return s.locked(ctx, handOver, []string{s.lockName(partnerLock, metakockaID)}, func(*ownConn) error { return use() })
}

// Alone calls use while no other process has the named part to itself, and
// waits for its turn until ctx ends. The context that use gets ends when the
// lock is lost, as with a restart of the database: another process may have it.
func (s *Store) Alone(ctx context.Context, name string, use func(context.Context) error) error {
	key := s.lockName(aloneLock, name)
	return s.locked(ctx, standbyHandOver, []string{key}, func(conn *ownConn) error { return whileHeld(ctx, conn, key, use) })
}

// TryAlone is Alone for who does not wait: taken is false where another process,
// or another part of this one, has the named part to itself.
func (s *Store) TryAlone(ctx context.Context, name string, use func(context.Context) error) (taken bool, err error) {
	key := s.lockName(aloneLock, name)
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, fmt.Errorf("reach the CRM's database: %w", err)
	}
	defer conn.Release()
	lock := locks{names: []string{key}}
	if taken, err = lock.try(ctx, conn); err != nil {
		return false, fmt.Errorf("lock %s: %w", key, err)
	}
	if !taken {
		return false, nil
	}
	defer release(conn)
	return true, whileHeld(ctx, conn, key, use)
}

// whileHeld calls use with a context that ends when conn's lock is lost.
func whileHeld(ctx context.Context, conn *ownConn, key string, use func(context.Context) error) error {
	held, lose := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		if err := watchLock(held, conn); err != nil {
			lose(fmt.Errorf("lock %s is lost: %w", key, err))
		}
	})
	err := use(held)
	lost := context.Cause(held)
	lose(nil)
	watch.Wait()
	if lost != nil && ctx.Err() == nil {
		return lost
	}
	return err
}

// How often a lock's connection is looked at, and how long it may take to answer.
const (
	lockLook    = 5 * time.Second
	lockAnswers = 15 * time.Second
)

// watchLock returns when the lock's connection, and so the lock, is gone, or
// with nil when ctx ends.
func watchLock(ctx context.Context, conn *ownConn) error {
	tick := time.NewTicker(lockLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockAnswers) // cut off, a ping costs the connection
		err := conn.Ping(bounded)
		cancel()
		if err != nil {
			return err
		}
	}
}

// locked calls use while its connection holds the locks.
func (s *Store) locked(ctx context.Context, most time.Duration, names []string, use func(*ownConn) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("reach the CRM's database: %w", err)
	}
	defer conn.Release()
	defer release(conn)
	lock := locks{names: names}
	if err := lock.take(ctx, conn, most); err != nil {
		return err
	}
	return s.stale(ctx, use(conn))
}

// unlockTimeout bounds how long a database that swallows everything holds up a
// worker; the connection is then dropped, and its locks with it.
const unlockTimeout = 5 * time.Second

// release gives all locks of conn back, also when the caller's context is done. If
// that does not work the connection is closed, which gives them back too.
func release(conn *ownConn) {
	ctx, cancel := context.WithTimeout(context.Background(), unlockTimeout)
	defer cancel()
	if _, err := conn.Exec(ctx, unlockAllSQL); err != nil {
		_ = conn.Conn().Close(ctx)
	}
}

// LoadState reads a remembered value into v; ok is false when there is none.
func (s *Store) LoadState(ctx context.Context, key string, v any) (ok bool, err error) {
	return LoadStateOver(ctx, s.pool, s.pool.schema, key, v)
}

// LoadStateOver is LoadState over a connection that is no store's yet.
func LoadStateOver(ctx context.Context, conn interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, schema, key string, v any,
) (ok bool, err error) {
	err = conn.QueryRow(ctx, own(schema, "SELECT value FROM mksync_state WHERE key = $1"), key).Scan(v)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read state %q: %w", key, err)
	}
	return true, nil
}

// SaveState remembers v, which must marshal to JSON, under key.
func (s *Store) SaveState(ctx context.Context, key string, v any) error {
	_, err := s.pool.Exec(ctx, `
		INSERT INTO mksync_state (key, value) VALUES ($1, $2)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now()`, key, v)
	if err != nil {
		return fmt.Errorf("save state %q: %w", key, err)
	}
	return nil
}
