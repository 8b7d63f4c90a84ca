package pgstore_test

import (
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// TestASessionReadsAllThatAReconcileDecidesFrom: the contact, its link, and the partner as
// last seen, unless that one is missing or kept in part.
func TestASessionReadsAllThatAReconcileDecidesFrom(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.within(numbered(1), func(_ store.Session, st store.State) {
		require.Nil(t, st.Contact)
		require.Nil(t, st.Link)
		require.Nil(t, st.Observed)
		require.Zero(t, st.PartnersSeen)
		require.NotZero(t, st.Now)
	})
	k.exec("INSERT INTO contacts (id, name, address) VALUES ($1, 'Ana', 'Marienplatz 1, 80331 München, Deutschland')", numbered(1))
	k.link(1, store.StatusSynced)
	k.observe(seen(1, "Ana", mapping.MatchKeys{}))
	k.within(numbered(1), func(_ store.Session, st store.State) {
		require.Equal(t, "DE", st.Contact.Country)
		require.True(t, st.Located)
		require.Equal(t, partnerID(1), st.Link.MetaKockaID)
		require.Equal(t, partnerID(1), st.Observed.MetaKockaID)
		require.Equal(t, "Ana", st.Observed.Hash)
		require.JSONEq(t, `{"customer": "Ana"}`, string(st.Observed.Data))
		require.EqualValues(t, 1, st.PartnersSeen)
	})
	k.exec("UPDATE contacts SET country = 'DE'")
	k.exec("UPDATE mksync_partners SET hash = 'unheld:' || hash")
	k.within(numbered(1), func(_ store.Session, st store.State) {
		require.False(t, st.Located)
		require.Nil(t, st.Observed)
	})
	k.observe(seen(1, "Ana", mapping.MatchKeys{}))
	require.NoError(t, k.MarkMissing(t.Context(), []string{partnerID(1)}))
	k.within(numbered(1), func(_ store.Session, st store.State) { require.Nil(t, st.Observed) })
}

// TestASessionTellsWhichTransactionsItSaw (invariant 2): one that has not ended is none of
// them.
func TestASessionTellsWhichTransactionsItSaw(t *testing.T) {
	t.Parallel()
	k := keep(t)
	tx, err := k.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	_, err = tx.Exec(t.Context(), "INSERT INTO contacts (id, name) VALUES ($1, 'Ana')", one)
	require.NoError(t, err)
	var text string
	require.NoError(t, tx.QueryRow(t.Context(), "SELECT pg_current_xact_id()::text").Scan(&text))
	full, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	xid := uint32(full & 0xffffffff)
	sees := func(want bool) {
		t.Helper()
		k.within(one, func(_ store.Session, st store.State) {
			require.Equal(t, want, st.Snapshot.Sees(xid))
			require.Equal(t, want, st.Contact != nil)
		})
		now, err := k.Snapshot(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, now.Sees(xid))
	}
	sees(false)
	require.NoError(t, tx.Commit(t.Context()))
	sees(true)
}

// TestAChangeIsStoredWholeOrNotAtAll (invariant 17): when its last part is refused, neither
// the contact nor anything before is there, and no transaction stays open.
func TestAChangeIsStoredWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(store.Session, *store.Change) error{
		"written": func(s store.Session, ch *store.Change) error { return s.Save(t.Context(), ch) },
		"added":   func(s store.Session, ch *store.Change) error { return s.Insert(t.Context(), ch) },
		"deleted": func(s store.Session, ch *store.Change) error { return s.DeleteContact(t.Context(), ch) },
		"left be": func(s store.Session, ch *store.Change) error {
			ch.ToCRM = nil
			return s.Save(t.Context(), ch)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := keep(t)
			if name != "added" {
				k.contacts(1)
			}
			k.exec("ALTER TABLE mksync_conflicts ADD CHECK (field <> 'phone')")
			p := seen(1, "Ana", mapping.MatchKeys{})
			ch := naming(numbered(1), "Ana")
			ch.Observed, ch.Conflicts = &p, []store.ConflictRecord{decided(mapping.FieldPhone, mapping.SideCRM)}
			k.within(numbered(1), func(s store.Session, _ store.State) { require.Error(t, write(s, ch)) })
			require.Nil(t, k.linkOf(numbered(1)))
			require.Nil(t, k.observed(1))
			k.is(int64(0), "SELECT count(*) FROM contacts WHERE name = 'Ana'")
			k.is(name != "added", "SELECT count(*) > 0 FROM contacts")
			k.is(int64(0), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'")
		})
	}
}

// TestAChangeStoresWhatWasSeenOfThePartner: as it was read, or that it is gone.
func TestAChangeStoresWhatWasSeenOfThePartner(t *testing.T) {
	t.Parallel()
	k := keep(t)
	p := seen(1, "Ana", mapping.MatchKeys{})
	link := store.Link{MetaKockaID: partnerID(1), Status: store.StatusSynced}
	k.save(numbered(1), store.Change{Link: link, Observed: &p})
	require.Equal(t, "Ana", k.observed(1).Hash)
	link.Status = store.StatusUnlinked
	k.save(numbered(1), store.Change{Link: link, Gone: partnerID(1)})
	require.Nil(t, k.observed(1))
}

// TestAChangeThatTheDatabaseCannotHold: what was seen of the partner is stored in part;
// what the link itself would hold is the contact's refusal, and nothing is stored.
func TestAChangeThatTheDatabaseCannotHold(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1, 2)
	p := seen(1, "An\x00a", mapping.MatchKeys{})
	p.Data, p.Hash = []byte(`{"customer": "An\u0000a", "city": "Ptuj"}`), "h"
	ch := naming(numbered(1), "Ana")
	ch.Observed = &p
	k.within(numbered(1), func(s store.Session, _ store.State) { require.NoError(t, s.Save(t.Context(), ch)) })
	k.is("Ana", "SELECT name FROM contacts WHERE id = $1", numbered(1))
	require.JSONEq(t, `{"customer": "", "city": "Ptuj"}`, string(k.observed(1).Data))

	ch = naming(numbered(2), "Ana")
	ch.Link.MetaKockaID, ch.Link.Base = "8", &mapping.Base{Partner: mapping.Contact{Notes: "a\x00b"}}
	k.within(numbered(2), func(s store.Session, _ store.State) {
		refused(t, s.Save(t.Context(), ch), "MetaKocka holds a value with characters")
	})
	require.Nil(t, k.linkOf(numbered(2)))
	k.is("contact 2", "SELECT name FROM contacts WHERE id = $1", numbered(2))
}

// TestTablesThatAFirstSyncFillsAreAnalyzed: a plan made for empty tables is one that reads
// all of them.
func TestTablesThatAFirstSyncFillsAreAnalyzed(t *testing.T) {
	t.Parallel()
	k := keep(t)
	const analyzed = "SELECT reltuples > 200 FROM pg_class WHERE oid = 'metakocka_contact_mappings'::regclass"
	for n := range 249 {
		k.link(n, store.StatusSynced)
	}
	k.is(false, analyzed)
	k.link(249, store.StatusSynced)
	k.is(true, analyzed)
}

// TestAContactsLockIsItsOwn (invariant 16): of two processes that work on one contact, the
// second reads what the first one stored.
func TestAContactsLockIsItsOwn(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1)
	other := k.process()
	ended := make(chan error, 1)
	k.within(numbered(1), func(s store.Session, _ store.State) {
		go func() {
			ended <- other.WithContact(t.Context(), numbered(1), func(s store.Session) error {
				st, err := s.Load(t.Context())
				if err == nil && (st.Link == nil || st.Contact.Name != "Ana") {
					err = errors.New("it read what was there before")
				}
				return err
			})
		}()
		looking(t, k.pool)
		require.NoError(t, s.Save(t.Context(), naming(numbered(1), "Ana")))
	})
	require.NoError(t, <-ended)
}
