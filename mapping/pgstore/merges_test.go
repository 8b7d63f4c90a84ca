package pgstore_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// merging works on the loser, contact 1, and the winner, contact 2, as they are now.
func (k *keeping) merging(use func(loser, winner store.Session)) {
	k.t.Helper()
	require.NoError(k.t, k.WithContacts(k.t.Context(), numbered(1), numbered(2), func(loser, winner store.Session) error {
		for _, s := range []store.Session{loser, winner} {
			_, err := s.Load(k.t.Context())
			require.NoError(k.t, err)
		}
		use(loser, winner)
		return nil
	}))
}

// mergers are two linked contacts that are to be merged, and a column that mksync knows
// nothing of.
func mergers(t *testing.T) *keeping {
	t.Helper()
	k := keep(t)
	k.exec("ALTER TABLE contacts ADD tags text[], ADD serial bigint GENERATED ALWAYS AS IDENTITY, ADD shout text GENERATED ALWAYS AS (upper(name)) STORED")
	k.exec("INSERT INTO contacts (id, name, phone, tags) VALUES ($1, 'Ana', '1', '{a,\"b c\"}'), ($2, 'Ana Novak', NULL, NULL)", numbered(1), numbered(2))
	require.NoError(t, k.Refresh(t.Context()))
	k.link(1, store.StatusSynced)
	k.link(2, store.StatusSynced)
	return k
}

// merge is what merging the two stores: the winner takes the loser's phone and partner.
func (k *keeping) merge() (*store.ContactMerge, store.MergeChange) {
	loser, winner := *k.linkOf(numbered(1)), *k.linkOf(numbered(2))
	m := &store.ContactMerge{
		LoserID: numbered(1), WinnerID: numbered(2), Taken: []mapping.Field{mapping.FieldPhone}, LoserLink: k.linkOf(numbered(1)), WinnerLink: k.linkOf(numbered(2)),
		WinnerBefore: mapping.Contact{Name: "Ana Novak"}, MovedID: partnerID(1), PartnerID: partnerID(2), Policy: "unlink", CreatedBy: "ana",
	}
	loser.Status, winner.MetaKockaID = store.StatusDeleted, partnerID(1)
	return m, store.MergeChange{
		Loser: &loser, Winner: &winner, Contact: mapping.Contact{Name: "Ana Novak", Phone: "1"}, Fields: []mapping.Field{mapping.FieldPhone},
	}
}

// unmerge is what takes a merge back.
func unmerge(m *store.ContactMerge) store.MergeChange {
	return store.MergeChange{Loser: m.LoserLink, Winner: m.WinnerLink, Contact: m.WinnerBefore, Fields: m.Taken}
}

// rows are all contacts as they are, but for the time of their last change.
func (k *keeping) rows() (rows string) {
	k.t.Helper()
	require.NoError(k.t, k.pool.QueryRow(k.t.Context(), "SELECT string_agg((to_jsonb(c) - 'updated_at')::text, E'\n' ORDER BY id) FROM contacts c").Scan(&rows))
	return rows
}

// partners are the partners of the living links, by contact.
func (k *keeping) partners() map[string]string {
	k.t.Helper()
	all, err := k.Links(k.t.Context(), store.LinkQuery{})
	require.NoError(k.t, err)
	partners := map[string]string{}
	for _, l := range all {
		if l.Status.Alive() {
			partners[l.ContactID] = l.MetaKockaID
		}
	}
	return partners
}

// TestAMergeIsTakenBackWhole (invariant 18): the loser's row is as it was, columns that
// mksync knows nothing of among them, and so are the winner and both links.
func TestAMergeIsTakenBackWhole(t *testing.T) {
	t.Parallel()
	k := mergers(t)
	before := k.rows()
	m, ch := k.merge()
	k.merging(func(loser, winner store.Session) { require.NoError(t, winner.Absorb(t.Context(), loser, m, ch)) })
	require.NotZero(t, m.ID)
	require.Equal(t, store.MergeRunning, m.Status)
	require.Equal(t, mapping.Contact{Name: "Ana Novak", Phone: "1"}, m.WinnerAfter)
	k.is(int64(0), "SELECT count(*) FROM contacts WHERE id = $1", numbered(1))
	require.Equal(t, map[string]string{numbered(2): partnerID(1)}, k.partners())

	stored := k.stored(m.ID)
	require.JSONEq(t, string(m.LoserRow), string(stored.LoserRow))
	require.Equal(t, m.WinnerAfter, stored.WinnerAfter)
	require.Equal(t, m.LoserLink.ID, stored.LoserLink.ID)
	require.Equal(t, []mapping.Field{mapping.FieldPhone}, stored.Taken)
	ok, err := k.NoteMerge(t.Context(), store.ContactMerge{ID: m.ID, Status: store.MergeDone}, store.MergeRunning)
	require.NoError(t, err)
	require.True(t, ok)

	k.merging(func(loser, winner store.Session) {
		stored.UndoneBy = "eva"
		require.NoError(t, winner.Release(t.Context(), loser, &stored, unmerge(&stored)))
	})
	require.Equal(t, before, k.rows())
	require.Equal(t, map[string]string{numbered(1): partnerID(1), numbered(2): partnerID(2)}, k.partners())
	undone := k.stored(m.ID)
	require.Equal(t, store.MergeUndone, undone.Status)
	require.Equal(t, "eva", undone.UndoneBy)
	require.Nil(t, undone.LoserRow, "nobody's data is kept then")
	require.Nil(t, undone.LoserLink)
	require.Zero(t, undone.WinnerAfter)
}

// stored is a merge as the store has it.
func (k *keeping) stored(id int64) store.ContactMerge {
	k.t.Helper()
	found, err := k.Merges(k.t.Context(), store.MergeQuery{ID: id})
	require.NoError(k.t, err)
	require.Len(k.t, found, 1)
	return found[0]
}

// TestAMergeIsStoredWholeOrNotAtAll (invariant 18): whatever keeps a part of it from being
// stored keeps all of it.
func TestAMergeIsStoredWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile string
		change    func(*store.ContactMerge, *store.MergeChange)
		err       string
	}{
		"the loser was edited":          {meanwhile: "UPDATE contacts SET notes = 'n' WHERE name = 'Ana'", err: "changed meanwhile"},
		"the winner was edited":         {meanwhile: "UPDATE contacts SET notes = 'n' WHERE name = 'Ana Novak'", err: "changed meanwhile"},
		"nothing is taken, and edited":  {meanwhile: "UPDATE contacts SET notes = 'n' WHERE name = 'Ana Novak'", change: func(_ *store.ContactMerge, ch *store.MergeChange) { ch.Fields = nil }, err: "changed meanwhile"},
		"the loser is gone":             {meanwhile: "DELETE FROM contacts WHERE name = 'Ana'", err: "changed meanwhile"},
		"something refers to the loser": {meanwhile: "CREATE TABLE orders (contact " + keyed().typ + " CONSTRAINT ordered REFERENCES contacts); INSERT INTO orders SELECT id FROM contacts", err: `"ordered" keeps it`},
		"the winner is refused":         {meanwhile: "ALTER TABLE contacts ADD CONSTRAINT short CHECK (phone IS NULL OR name = 'Ana')", err: `constraint "short"`},
		"a value is too long": {change: func(_ *store.ContactMerge, ch *store.MergeChange) {
			ch.Fields, ch.Contact.Country = []mapping.Field{mapping.FieldCountry}, "SVN"
		}, err: "at most 2 characters"},
		"its partner is taken": {
			meanwhile: "INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id, sync_status) VALUES (" + keyed().another + ", '9999', 'synced')",
			change:    func(_ *store.ContactMerge, ch *store.MergeChange) { ch.Winner.MetaKockaID = "9999" }, err: "metakocka_contact_mappings_partner",
		},
		"its record is refused": {meanwhile: "ALTER TABLE mksync_merges ADD CHECK (created_by <> 'ana')", err: "store the merge"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := mergers(t)
			m, ch := k.merge()
			if c.change != nil {
				c.change(m, &ch)
			}
			var before string
			k.merging(func(loser, winner store.Session) {
				if c.meanwhile != "" {
					k.exec(c.meanwhile)
				}
				before = k.rows()
				require.ErrorContains(t, winner.Absorb(t.Context(), loser, m, ch), c.err)
			})
			require.Equal(t, before, k.rows())
			require.Equal(t, partnerID(1), k.partners()[numbered(1)])
			require.Equal(t, partnerID(2), k.partners()[numbered(2)])
			k.is(int64(0), "SELECT count(*) FROM mksync_merges")
		})
	}
}

// TestAMergeIsTakenBackWholeOrNotAtAll: the same of its undoing.
func TestAMergeIsTakenBackWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ meanwhile, err string }{
		"the winner was edited":     {"UPDATE contacts SET notes = 'n'", "changed meanwhile"},
		"the loser's id is taken":   {"INSERT INTO contacts (id, name) VALUES ('" + strings.ReplaceAll(numbered(1), "'", "''") + "', 'Eva')", "another contact has the same key"},
		"the loser is refused":      {"ALTER TABLE contacts ADD CONSTRAINT long CHECK (length(name) > 3)", `constraint "long"`},
		"its partner is taken":      {"INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id, sync_status) VALUES (" + keyed().another + ", '7002', 'synced')", "metakocka_contact_mappings_partner"},
		"it is taken back already":  {"UPDATE mksync_merges SET status = 'undone'", "close merge"},
		"it is not through with it": {"UPDATE mksync_merges SET status = 'running'", "close merge"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := mergers(t)
			m, ch := k.merge()
			k.merging(func(loser, winner store.Session) { require.NoError(t, winner.Absorb(t.Context(), loser, m, ch)) })
			k.exec("UPDATE mksync_merges SET status = 'merged'")
			var before string
			k.merging(func(loser, winner store.Session) {
				k.exec(c.meanwhile)
				before = k.rows()
				require.ErrorContains(t, winner.Release(t.Context(), loser, m, unmerge(m)), c.err)
			})
			require.Equal(t, before, k.rows())
			require.Equal(t, partnerID(1), k.partners()[numbered(2)])
			require.NotNil(t, k.stored(m.ID).LoserRow)
		})
	}
}

// TestOnlySessionsOfOneWithContactsAreMerged: others could wait for each other.
func TestOnlySessionsOfOneWithContactsAreMerged(t *testing.T) {
	t.Parallel()
	k := mergers(t)
	m, ch := k.merge()
	k.within(numbered(1), func(loser store.Session, _ store.State) {
		k.within(numbered(2), func(winner store.Session, _ store.State) {
			require.ErrorContains(t, winner.Absorb(t.Context(), loser, m, ch), "not of one WithContacts")
			require.ErrorContains(t, winner.Release(t.Context(), loser, m, ch), "not of one WithContacts")
		})
	})
	require.Len(t, k.partners(), 2)
}

// TestWhoIsHeldForTheLosersKeysIsWoken when the loser gives them up.
func TestWhoIsHeldForTheLosersKeysIsWoken(t *testing.T) {
	t.Parallel()
	k := mergers(t)
	k.save(numbered(1), store.Change{Link: store.Link{
		MetaKockaID: partnerID(1), Status: store.StatusSynced, Base: &mapping.Base{CRM: mapping.Contact{TaxNumber: "12345679", Country: "SI"}},
	}})
	k.save(numbered(3), store.Change{Link: store.Link{Status: store.StatusHeld, HeldKeys: []string{"tax 12345679"}}})
	k.save(numbered(4), store.Change{Link: store.Link{Status: store.StatusHeld, HeldKeys: []string{"tax 1"}}})
	m, ch := k.merge()
	k.merging(func(loser, winner store.Session) { require.NoError(t, winner.Absorb(t.Context(), loser, m, ch)) })
	require.Equal(t, store.StatusPending, k.linkOf(numbered(3)).Status)
	require.Equal(t, store.StatusHeld, k.linkOf(numbered(4)).Status)
}

// TestAMergeIsNotedWhereItStillIsAsItWas: of two processes that finish one, one does; what
// its partner was before is stored once.
func TestAMergeIsNotedWhereItStillIsAsItWas(t *testing.T) {
	t.Parallel()
	k := mergers(t)
	m, ch := k.merge()
	k.merging(func(loser, winner store.Session) { require.NoError(t, winner.Absorb(t.Context(), loser, m, ch)) })
	note := func(status store.MergeStatus, before string, was store.MergeStatus) bool {
		t.Helper()
		ok, err := k.NoteMerge(t.Context(), store.ContactMerge{ID: m.ID, Status: status, Note: coded.Words("n"), PartnerBefore: json.RawMessage(before)}, was)
		require.NoError(t, err)
		return ok
	}
	require.True(t, note(store.MergeRunning, `{"a": 1}`, store.MergeRunning))
	require.Zero(t, k.stored(m.ID).FinishedAt)
	require.True(t, note(store.MergeDone, `{"a": 2}`, store.MergeRunning))
	finished := k.stored(m.ID)
	require.NotZero(t, finished.FinishedAt)
	require.JSONEq(t, `{"a": 1}`, string(finished.PartnerBefore))
	require.False(t, note(store.MergeRunning, `{"a": 3}`, store.MergeRunning))
	require.Equal(t, finished, k.stored(m.ID))
}

// TestMergesArePaged, newest first; those that something is left to do of oldest first.
// They are found by the ids of all that they are about.
func TestMergesArePaged(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n := range 7 {
		status := []string{"running", "merged", "undoing", "undone"}[n%4]
		k.exec(`INSERT INTO mksync_merges (loser_id, winner_id, winner_before, winner_after, moved_id, partner_id, status)
			VALUES ($1, $2, '{}', '{}', $3, $4, $5)`, numbered(n), numbered(10+n), partnerID(n), partnerID(10+n), status)
	}
	loser := func(m store.ContactMerge) string { return m.LoserID }
	all := paged(t, 3, func(last *store.ContactMerge) ([]store.ContactMerge, error) {
		q := store.MergeQuery{Limit: 3}
		if last != nil {
			q.Before = last.ID
		}
		return k.Merges(t.Context(), q)
	})
	require.Equal(t, []string{numbered(6), numbered(5), numbered(4), numbered(3), numbered(2), numbered(1), numbered(0)}, each(all, loser))
	list := func(q store.MergeQuery) []string {
		t.Helper()
		found, err := k.Merges(t.Context(), q)
		require.NoError(t, err)
		return each(found, loser)
	}
	require.Equal(t, []string{numbered(0), numbered(2), numbered(4), numbered(6)}, list(store.MergeQuery{Open: true}))
	require.Equal(t, []string{numbered(3)}, list(store.MergeQuery{LoserID: numbered(3)}))
	require.Equal(t, []string{numbered(3)}, list(store.MergeQuery{WinnerID: numbered(13)}))
	require.Empty(t, list(store.MergeQuery{WinnerID: numbered(3)}))
	for _, id := range idsOf(all[3].ID, numbered(3), numbered(13), partnerID(3), partnerID(13)) {
		require.Equal(t, []string{numbered(3)}, list(store.MergeQuery{Of: id}), id)
	}
}

// TestWhatHindersAMerge: what waits for a person, values that only the loser has and mksync
// does not sync, rows that refer to it, and a right that is missing.
func TestWhatHindersAMerge(t *testing.T) {
	t.Parallel()
	k := mergers(t)
	hindrance := func(k *keeping) (h store.Hindrance) {
		t.Helper()
		k.merging(func(loser, _ store.Session) {
			var err error
			h, err = loser.Hindrance(t.Context(), numbered(2))
			require.NoError(t, err)
		})
		return h
	}
	require.Equal(t, store.Hindrance{Unknown: []string{"tags"}}, hindrance(k))
	k.exec("UPDATE contacts SET tags = '{x}'")
	require.Equal(t, store.Hindrance{Unknown: []string{}}, hindrance(k), "the winner has its own")

	k.conflicts(parked(mapping.FieldPhone, "1", "2"), parked(mapping.FieldEmail, "1", "2"))
	require.False(t, k.admit(1, mapping.SideCRM, 0, ""))
	h := hindrance(k)
	require.Equal(t, 2, h.Conflicts)
	require.Equal(t, 1, h.Deletions)
}

// TestReferrersAreNamed: tables with rows that refer to the contact, by the columns that do
// it, and those that the role may not look into.
func TestReferrersAreNamed(t *testing.T) {
	t.Parallel()
	k := mergers(t)
	k.exec(strings.ReplaceAll(`ALTER TABLE contacts ADD UNIQUE (id, name);
		CREATE TABLE orders (id int, buyer CONTACT REFERENCES contacts, "Payer" CONTACT REFERENCES contacts);
		CREATE TABLE notes (contact CONTACT, name text, FOREIGN KEY (contact, name) REFERENCES contacts (id, name) ON DELETE CASCADE);
		CREATE TABLE strangers (contact CONTACT);
		CREATE TABLE secrets (contact CONTACT REFERENCES contacts)`, "CONTACT", keyed().typ))
	referrers := func(k *keeping) (found []string) {
		t.Helper()
		k.merging(func(loser, _ store.Session) {
			var err error
			found, err = loser.Referrers(t.Context())
			require.NoError(t, err)
		})
		return found
	}
	k.exec("INSERT INTO orders VALUES (1, $1, NULL); ", numbered(2))
	require.Empty(t, referrers(k), "they refer to another contact")
	k.exec(`INSERT INTO orders VALUES (2, $2, $1)`, numbered(1), numbered(2))
	k.exec("INSERT INTO notes VALUES ($1, 'Ana')", numbered(1))
	k.exec("INSERT INTO strangers VALUES ($1)", numbered(1))
	require.Equal(t, []string{"notes.contact+name", `orders."Payer"`}, referrers(k))

	blind := k.as(t, "GRANT SELECT, INSERT, UPDATE ON contacts TO %[1]s; GRANT SELECT ON orders, notes TO %[1]s")
	require.Equal(t, []string{"notes.contact+name", `orders."Payer"`, "secrets.contact (which mksync's role may not read)"}, referrers(blind))
	blind.merging(func(loser, _ store.Session) {
		h, err := loser.Hindrance(t.Context(), numbered(2))
		require.NoError(t, err)
		require.True(t, h.MayNotDelete)
	})
}
