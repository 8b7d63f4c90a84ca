package pgstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/migrations"
)

var (
	one     = numbered(1)
	other   = numbered(2)
	another = numbered(3)
	deleted = numbered(4)
)

// keys are those that every contact of these tests has.
var keys = mapping.MatchKeys{Number: "12345678", Emails: []string{"ana@primer.si"}}

// underLock are all the ways of working under a lock; each calls use once it has its own.
func underLock(ctx context.Context, s *pgstore.Store) map[string]func(use func() error) error {
	return map[string]func(use func() error) error{
		"what one process does alone": func(use func() error) error {
			return s.Alone(ctx, "part", func(context.Context) error { return use() })
		},
		"a contact": func(use func() error) error {
			return s.WithContact(ctx, one, func(store.Session) error { return use() })
		},
		"two contacts": func(use func() error) error {
			return s.WithContacts(ctx, one, other, func(_, _ store.Session) error { return use() })
		},
		"a partner": func(use func() error) error { return s.WithPartner(ctx, "7", use) },
		"the keys of a contact": func(use func() error) error {
			return s.WithContact(ctx, another, func(k store.Session) error {
				if _, err := k.Rivals(ctx, keys); err != nil {
					return err
				}
				return use()
			})
		},
		"the guard of deletions": func(use func() error) error {
			return s.WithContact(ctx, deleted, func(k store.Session) error {
				link := store.Change{Link: store.Link{ContactID: deleted, Status: store.StatusPending}}
				if err := k.Save(ctx, &link); err != nil {
					return err
				}
				if _, err := k.AdmitDeletion(ctx, link.Link, mapping.SideCRM, 1, coded.Text{}); err != nil {
					return err
				}
				return use()
			})
		},
		"the queue of jobs": func(use func() error) error {
			if _, err := s.AddJob(ctx, "bulk-sync", []byte(`{}`), ""); err != nil {
				return err
			}
			return use()
		},
	}
}

// TestWhoeverWaitsForALockHoldsBackNoVacuum (invariant 23): a process waits for another
// one's lock, for days where it stands by, and meanwhile everything in the database can
// be vacuumed. When the lock is free it gets it.
func TestWhoeverWaitsForALockHoldsBackNoVacuum(t *testing.T) {
	t.Parallel()
	for name := range underLock(t.Context(), nil) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := prepared.DB(t)
			testenv.Exec(t, url, "CREATE TABLE churn AS SELECT g FROM generate_series(1, 1000) g")
			release := held(t, url)
			store, pool := openStore(t, url)
			got, ended := make(chan struct{}), make(chan error, 1)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				ended <- underLock(ctx, store)[name](func() error { close(got); return nil })
			}()
			looking(t, pool)
			testenv.Exec(t, url, "DELETE FROM churn")
			testenv.Eventually(t, 15*time.Second, func() error {
				testenv.Exec(t, url, "VACUUM churn")
				var pages int
				require.NoError(t, pool.QueryRow(t.Context(), "SELECT pg_relation_size('churn') / 8192").Scan(&pages))
				if pages > 0 {
					return fmt.Errorf("%d pages of dead rows are held back", pages)
				}
				return nil
			})
			select {
			case <-got:
				require.Fail(t, "somebody else had the lock")
			default:
			}
			release()
			require.NoError(t, <-ended)
			<-got
			cancel()
		})
	}
}

// held takes every lock of these tests as another process does, until it is released.
func held(t *testing.T, url string) (release func()) {
	t.Helper()
	store, pool := openStore(t, url)
	let := make(chan struct{})
	var holding, done sync.WaitGroup
	hold := func(name string) {
		holding.Add(1)
		done.Go(func() {
			err := underLock(context.Background(), store)[name](func() error {
				holding.Done()
				<-let
				return nil
			})
			require.NoError(t, err)
		})
	}
	hold("what one process does alone")
	hold("a contact")
	hold("a partner")
	hold("the keys of a contact")
	holding.Wait()
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	for _, name := range []string{"mksync deletions", "mksync jobs"} {
		_, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock(hashtextextended($1, 0))", name)
		require.NoError(t, err)
	}
	var once sync.Once
	release = func() {
		once.Do(func() {
			close(let)
			_, err := conn.Exec(context.Background(), "SELECT pg_advisory_unlock_all()")
			require.NoError(t, err)
			conn.Release()
			done.Wait()
		})
	}
	t.Cleanup(release)
	return release
}

// looking waits until somebody has asked again and again, or waits inside a statement.
func looking(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	seen := map[string]bool{}
	testenv.Eventually(t, 15*time.Second, func() error {
		var at *time.Time
		var waiting bool
		err := pool.QueryRow(t.Context(), `SELECT max(query_start), coalesce(bool_or(wait_event = 'advisory'), false)
			FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&at, &waiting)
		require.NoError(t, err)
		if at != nil {
			seen[at.String()] = true
		}
		if len(seen) < 3 && !waiting {
			return fmt.Errorf("nobody waits yet")
		}
		return nil
	})
}

// TestLocksAreTakenAllOrNone: of two that want each other's locks both get them, one
// after the other, and who is in waits for nobody.
func TestLocksAreTakenAllOrNone(t *testing.T) {
	t.Parallel()
	url := prepared.DB(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var work sync.WaitGroup
	var mu sync.Mutex
	for i := range 6 {
		kept, _ := openStore(t, url)
		pair := [2]string{one, other}
		if i%2 == 1 {
			pair = [2]string{other, one}
		}
		work.Go(func() {
			for range 10 {
				err := kept.WithContacts(ctx, pair[0], pair[1], func(_, _ store.Session) error {
					if !mu.TryLock() {
						return fmt.Errorf("two at once")
					}
					mu.Unlock()
					return nil
				})
				require.NoError(t, err)
			}
		})
	}
	work.Wait()
}

// TestWhoGetsOneOfTwoLocksGivesItBack: it is free for others as long as the second is not.
func TestWhoGetsOneOfTwoLocksGivesItBack(t *testing.T) {
	t.Parallel()
	url := prepared.DB(t)
	first, pool := openStore(t, url)
	second, _ := openStore(t, url)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	err := first.WithContact(ctx, other, func(store.Session) error {
		go func() {
			ended <- second.WithContacts(ctx, one, other, func(_, _ store.Session) error { return nil })
		}()
		looking(t, pool)
		return first.WithContact(ctx, one, func(store.Session) error { return nil })
	})
	require.NoError(t, err)
	require.NoError(t, <-ended)
}

// TestInstallationsInOneDatabaseDoNotWaitForEachOther: each has its tables in a schema
// of its own, and knows partners and contacts by ids that another knows, too.
func TestInstallationsInOneDatabaseDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	database := prepared.DB(t)
	inSchema := func(schema string) *pgstore.Store {
		_, err := migrations.Up(t.Context(), database, migrations.Installation{Schema: schema, Instance: schema, ContactsTable: schema + ".contacts"})
		require.NoError(t, err)
		conn, err := pgx.Connect(t.Context(), database)
		require.NoError(t, err)
		defer func() { _ = conn.Close(t.Context()) }()
		require.NoError(t, pgstore.FitKeys(t.Context(), conn, schema, contactsTable()))
		s, err := pgstore.New(t.Context(), openPool(t, database), schema, contactsTable())
		require.NoError(t, err)
		return s
	}
	first := inSchema("mksync_a")
	second := inSchema("mksync_b")
	public, pool := openStore(t, database)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for name, hold := range underLock(ctx, first) {
		err := hold(func() error {
			return underLock(ctx, second)[name](func() error {
				return underLock(ctx, public)[name](func() error { return nil })
			})
		})
		require.NoError(t, err, name)
	}

	// A process of an earlier version, which knew one installation only, is waited for.
	conn, err := pool.Acquire(ctx)
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended('mksync:part', 0))")
	require.NoError(t, err)
	taken, err := public.TryAlone(ctx, "part", func(context.Context) error { return nil })
	require.NoError(t, err)
	require.False(t, taken)
}
