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

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// Store is safe for use by many goroutines.
type Store struct {
	pool   ownPool
	holder *holder
	cfg    ContactsConfig

	mu       sync.Mutex
	contacts *contacts

	newLinks atomic.Int64 // made by this process

	version int // of the server, as in server_version_num

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
	s.holder = newHolder(s)
	var links bool
	if err := s.pool.QueryRow(ctx, "SELECT "+stateTableSQL+", to_regclass('metakocka_contact_mappings') IS NOT NULL, current_setting('server_version_num')::int").Scan(&s.tables, &links, &s.version); err != nil {
		return s, fmt.Errorf("look up mksync's tables: %w", err)
	}
	if s.tables == 0 || !links {
		return nil, &TableError{coded.Say("doctor.table.no_schema", "mksync's tables are not in schema {schema}", schema), coded.Say("doctor.table.no_schema_do", "run `mksync migrate up`")}
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
	case away(err):
		return told(err)
	case isPg && pg.Code == "42501":
		if hidden := s.hidden(ctx); hidden != nil {
			return hidden
		}
		return &tableFaultError{err}
	case !isPg || !ofTable(pg):
		return told(err)
	}
	return &tableFaultError{errors.Join(err, s.refresh(ctx))}
}

// WithContact calls use while this process alone, of all processes, works on
// the contact (invariant 16).
func (s *Store) WithContact(ctx context.Context, contactID string, use func(store.Session) error) error {
	return s.locked(ctx, handOver, []string{s.lockName(contactLock, contactID)}, func(lock *locks) error {
		sess := s.session(lock, contactID)
		err := use(sess)
		if sess.grown {
			s.analyze(ctx)
		}
		return err
	})
}

// analyze has Postgres look how large the tables have become that a first sync
// fills. A session plans a statement once, on empty tables as one that reads all
// of the table, and keeps to that until somebody analyzes: autovacuum comes a
// minute later at the earliest. What goes wrong is left to it.
func (s *Store) analyze(ctx context.Context) {
	_, _ = s.pool.Exec(ctx, "ANALYZE metakocka_contact_mappings, mksync_partners")
}

// grows tells of one new link whether it is the 250th, 2,500th, 25,000th, … of this process.
func (s *Store) grows() bool {
	n := s.newLinks.Add(1)
	for n%10 == 0 && n > 250 {
		n /= 10
	}
	return n == 250
}

// WithContacts calls use while this process alone works on both contacts.
func (s *Store) WithContacts(ctx context.Context, one, other string, use func(one, other store.Session) error) error {
	both := []string{s.lockName(contactLock, one), s.lockName(contactLock, other)}
	return s.locked(ctx, handOver, both, func(lock *locks) error {
		return use(s.session(lock, one), s.session(lock, other))
	})
}

// WithPartner calls use while this process alone works on a partner that no
// link names yet.
func (s *Store) WithPartner(ctx context.Context, metakockaID string, use func() error) error {
	return s.locked(ctx, handOver, []string{s.lockName(partnerLock, metakockaID)}, func(*locks) error { return use() })
}

// Alone calls use while no other process has the named part to itself, and
// waits for its turn until ctx ends. The context that use gets ends when the
// lock is lost, as with a restart of the database: another process may have it. What use
// returns may be about anything, so it says nothing about the database.
func (s *Store) Alone(ctx context.Context, name string, use func(context.Context) error) error {
	key := s.lockName(aloneLock, name)
	lock, err := s.holder.take(ctx, standbyHandOver, []string{key}, nil)
	if err != nil {
		return told(fmt.Errorf("lock %s: %w", key, err))
	}
	defer lock.release()
	return lock.while(ctx, use)
}

// TryAlone is Alone for who does not wait: taken is false where another process,
// or another part of this one, has the named part to itself.
func (s *Store) TryAlone(ctx context.Context, name string, use func(context.Context) error) (taken bool, err error) {
	key := s.lockName(aloneLock, name)
	lock, _, err := s.holder.try(ctx, []string{key}, nil)
	if err != nil {
		return false, told(fmt.Errorf("lock %s: %w", key, err))
	}
	if lock == nil {
		return false, nil
	}
	defer lock.release()
	return true, lock.while(ctx, use)
}

// locked calls use while the locks are held.
func (s *Store) locked(ctx context.Context, most time.Duration, names []string, use func(*locks) error) error {
	lock, err := s.holder.take(ctx, most, names, nil)
	if err != nil {
		return told(fmt.Errorf("lock %s: %w", names[0], err))
	}
	defer lock.release()
	return s.stale(ctx, use(lock))
}

// unlockTimeout bounds how long a database that swallows everything holds up who has done
// with a connection; it is then dropped, and its locks with it.
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
