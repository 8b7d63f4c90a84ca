package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// writes are all the ways in which a session writes.
func writes(ctx context.Context) map[string]func(s store.Session, l *store.Link) error {
	naming := func(l *store.Link) *store.Change {
		ch := naming(l.ContactID, "too late")
		ch.Link = *l
		return ch
	}
	return map[string]func(s store.Session, l *store.Link) error{
		"a contact and its link": func(s store.Session, l *store.Link) error { return s.Save(ctx, naming(l)) },
		"a link": func(s store.Session, l *store.Link) error {
			return s.Save(ctx, &store.Change{Link: *l, Observed: &store.ObservedPartner{MetaKockaID: partnerID(1), Hash: "too late"}})
		},
		"a new contact": func(s store.Session, l *store.Link) error { return s.Insert(ctx, naming(l)) },
		"its absence":   func(s store.Session, l *store.Link) error { return s.DeleteContact(ctx, naming(l)) },
		"an admission": func(s store.Session, l *store.Link) error {
			_, err := s.AdmitDeletion(ctx, *l, mapping.SideCRM, 1, coded.Text{})
			return err
		},
		"what it admits": func(s store.Session, l *store.Link) error { return s.VoidDeletion(ctx, *l, mapping.SideCRM) },
	}
}

// TestNothingIsStoredUnderALockThatIsLost (invariant 16): a process loses the connection
// that holds its locks and does not notice, frozen or cut off as it is. Another one takes
// the lock and writes. The first one's writes are refused then, each of them, also where it
// has new locks by that time.
func TestNothingIsStoredUnderALockThatIsLost(t *testing.T) {
	t.Parallel()
	for name, write := range writes(t.Context()) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := keep(t)
			k.contacts(1)
			link := k.link(1, store.StatusSynced)
			k.exec("INSERT INTO mksync_deletions (link_id, side, status) VALUES ($1, 'crm', 'held')", link.ID)
			other := k.process()
			k.within(numbered(1), func(s store.Session, _ store.State) {
				k.loseLocks(k.lockOf(numbered(1)))
				other.save(numbered(1), store.Change{Link: store.Link{ID: link.ID, MetaKockaID: partnerID(1), Status: store.StatusPartial}})

				require.ErrorIs(t, write(s, &link), store.ErrStoreAway)
				testenv.Eventually(t, 15*time.Second, func() error {
					return k.WithPartner(t.Context(), "7", func() error {
						require.ErrorIs(t, write(s, &link), store.ErrStoreAway)
						return nil
					})
				})
			})
			require.Equal(t, store.StatusPartial, k.linkOf(numbered(1)).Status)
			require.Nil(t, k.observed(1))
			k.is("contact 1", "SELECT string_agg(name, ', ') FROM contacts")
			k.is("void", "SELECT string_agg(status, ', ') FROM mksync_deletions") // by the other's change
			k.is(int64(0), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'")
		})
	}
}

// TestAMergeUnderLocksThatAreLost leaves both contacts and their links as they are.
func TestAMergeUnderLocksThatAreLost(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1, 2)
	err := k.WithContacts(t.Context(), numbered(1), numbered(2), func(one, two store.Session) error {
		for _, s := range []store.Session{one, two} {
			_, err := s.Load(t.Context())
			require.NoError(t, err)
		}
		k.loseLocks(k.lockOf(numbered(2)))
		m := &store.ContactMerge{WinnerID: numbered(1), LoserID: numbered(2)}
		return one.Absorb(t.Context(), two, m, store.MergeChange{Loser: &store.Link{ContactID: numbered(2), Status: store.StatusDeleted}})
	})
	require.ErrorIs(t, err, store.ErrStoreAway)
	k.is(int64(2), "SELECT count(*) FROM contacts")
	require.Nil(t, k.linkOf(numbered(2)))
}

// TestWhoTakesALostLockWaitsForWhatIsBeingStored: a change that was begun under the lock is
// stored; whoever has the lock next reads it.
func TestWhoTakesALostLockWaitsForWhatIsBeingStored(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1)
	other := k.process()
	row, err := k.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = row.Rollback(context.Background()) }()
	_, err = row.Exec(t.Context(), "SELECT FROM contacts FOR UPDATE") // as the CRM does
	require.NoError(t, err)

	stored, read := make(chan error, 1), make(chan string, 1)
	k.within(numbered(1), func(s store.Session, _ store.State) {
		holder := k.lockOf(numbered(1))
		go func() { stored <- s.Save(context.Background(), naming(numbered(1), "Ana")) }()
		k.eventually("nobody waits for the row", "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
		k.loseLocks(holder)
		go func() {
			other.within(numbered(1), func(_ store.Session, st store.State) { read <- st.Contact.Name })
		}()
		looking(t, k.pool)
		require.Empty(t, read)
		require.NoError(t, row.Rollback(t.Context()))
		require.NoError(t, <-stored)
	})
	require.Equal(t, "Ana", <-read)
}

// TestAllLocksAreOnOneConnection, however many are held, which goes back to the pool behind
// the last.
func TestAllLocksAreOnOneConnection(t *testing.T) {
	t.Parallel()
	k := keep(t)
	const many = 50
	let := make(chan struct{})
	var holding, done sync.WaitGroup
	for n := range many {
		holding.Add(1)
		done.Go(func() {
			err := k.WithContact(context.Background(), numbered(n), func(s store.Session) error {
				_, err := s.Rivals(context.Background(), mapping.MatchKeys{Emails: []string{fmt.Sprint(n, "@primer.si")}})
				holding.Done()
				<-let
				return err
			})
			require.NoError(t, err)
		})
	}
	holding.Wait()
	k.is(int64(1), "SELECT count(DISTINCT pid) FROM pg_locks WHERE "+advisory)
	k.is(int64(2*many), "SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND objsubid = 1 AND "+advisory+" AND NOT "+named, "mksync:running")
	close(let)
	done.Wait()
	testenv.Eventually(t, 15*time.Second, func() error {
		if n := k.pool.Stat().AcquiredConns(); n > 0 {
			return fmt.Errorf("%d connections are not given back", n)
		}
		return nil
	})
	k.is(int64(0), "SELECT count(*) FROM pg_locks WHERE "+advisory)
}

// TestALockIsOneGoroutinesOnly: those of one process keep each other off, too, and get the
// lock as soon as it is free.
func TestALockIsOneGoroutinesOnly(t *testing.T) {
	t.Parallel()
	k := keep(t)
	var in sync.Mutex
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 20 {
				require.NoError(t, k.WithContact(context.Background(), one, func(store.Session) error {
					if !in.TryLock() {
						return errors.New("two at once")
					}
					in.Unlock()
					return nil
				}))
			}
		})
	}
	work.Wait()
}

// TestALockThatCannotBeAskedFor, because the database cannot hold its name, is the error of
// who asks, and of nobody who asks at the same time.
func TestALockThatCannotBeAskedFor(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.leavesNoLock(func() {
		var work sync.WaitGroup
		for n := range 12 {
			for range 10 {
				work.Go(func() {
					id := fmt.Sprint(n)
					if n%3 == 0 {
						require.Error(t, k.WithPartner(context.Background(), id+"\x00", func() error { return nil }))
						return
					}
					require.NoError(t, k.WithPartner(context.Background(), id, func() error { return nil }))
				})
			}
		}
		work.Wait()
	})
}

// TestAReadThatFailsIsTheErrorOfWhoReads: what others asked for in the same round trip they
// get, and no lock is left behind it, though the process holds another one on.
func TestAReadThatFailsIsTheErrorOfWhoReads(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.save(numbered(99), store.Change{Link: store.Link{Status: store.StatusPending, Intent: &store.Intent{Kind: store.IntentCreate}}})
	k.exec(`UPDATE metakocka_contact_mappings SET intent = '"as no version writes it"'`)
	k.leavesNoLock(func() {
		var work sync.WaitGroup
		for n := range 12 {
			for range 10 {
				work.Go(func() {
					err := k.WithContact(context.Background(), numbered(n), func(s store.Session) error {
						_, err := s.Rivals(context.Background(), mapping.MatchKeys{Emails: []string{fmt.Sprint(n, "@primer.si")}})
						require.ErrorContains(t, err, "match contact "+numbered(n))
						return nil
					})
					require.NoError(t, err)
				})
			}
		}
		work.Wait()
	})
}

// leavesNoLock checks that nothing is locked behind the work, though the connection of the
// locks stays: it holds another one all the while.
func (k *keeping) leavesNoLock(work func()) {
	k.t.Helper()
	err := k.WithPartner(k.t.Context(), "held on", func() error {
		work()
		k.eventually("locks are left", "SELECT count(*) = 1 FROM pg_locks WHERE mode = 'ShareLock' AND objsubid = 1 AND "+advisory+" AND NOT "+named, "mksync:running")
		return nil
	})
	require.NoError(k.t, err)
}

// TestWhoGoesBeforeItHasTheLockLeavesNothing: it is free for others.
func TestWhoGoesBeforeItHasTheLockLeavesNothing(t *testing.T) {
	t.Parallel()
	k := keep(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		_ = k.WithContact(gone, one, func(store.Session) error { return nil })
		k.process().within(one, func(store.Session, store.State) {})
	}
}

const (
	// advisory are the locks of this database that mksync took, those of a test's own apart.
	advisory = "locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
	named    = "(classid::bigint << 32 | objid::bigint) = hashtextextended($1, 0)"
)

// process is the same store as another process has it.
func (k *keeping) process() *keeping {
	k.t.Helper()
	s, pool := openStore(k.t, k.pool.Config().ConnString())
	return &keeping{s, k.t, pool}
}

// lockOf is the server process that holds the contact's lock.
func (k *keeping) lockOf(id string) (pid int) {
	k.t.Helper()
	err := k.pool.QueryRow(k.t.Context(), "SELECT pid FROM pg_locks WHERE "+advisory+" AND "+named, "contact:"+id).Scan(&pid)
	require.NoError(k.t, err)
	return pid
}

// loseLocks ends a connection, and returns when all that it held is free.
func (k *keeping) loseLocks(pid int) {
	k.t.Helper()
	k.exec("SELECT pg_terminate_backend($1)", pid)
	k.eventually("the locks are still held", "SELECT count(*) = 0 FROM pg_locks WHERE pid = $1", pid)
}

// eventually waits until a query gives true.
func (k *keeping) eventually(otherwise, sql string, args ...any) {
	k.t.Helper()
	testenv.Eventually(k.t, 15*time.Second, func() error {
		var yes bool
		err := k.pool.QueryRow(k.t.Context(), sql, args...).Scan(&yes)
		if err == nil && !yes {
			err = errors.New(otherwise)
		}
		return err
	})
}
