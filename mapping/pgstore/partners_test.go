package pgstore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// seen is partner n with a content, as a poll sees it.
func seen(n int, content string, keys mapping.MatchKeys) store.ObservedPartner {
	return store.ObservedPartner{
		MetaKockaID: partnerID(n), Hash: content, Name: content, Data: fmt.Appendf(nil, `{"customer": %q}`, content), Keys: keys,
	}
}

// observe stores partners as just seen.
func (k *keeping) observe(partners ...store.ObservedPartner) {
	k.t.Helper()
	inParts, err := k.Observe(k.t.Context(), partners)
	require.NoError(k.t, err)
	require.Empty(k.t, inParts)
}

// observed is a partner as last seen; nil: it is not there.
func (k *keeping) observed(n int) *store.ObservedPartner {
	k.t.Helper()
	p, err := k.Observed(k.t.Context(), partnerID(n))
	require.NoError(k.t, err)
	return p
}

// TestAPartnerIsKeptAsLastSeen: since when is told by its content, which a poll that sees
// the same does not change, whatever was lost in between.
func TestAPartnerIsKeptAsLastSeen(t *testing.T) {
	t.Parallel()
	k := keep(t)
	require.Nil(t, k.observed(1))
	p := seen(1, "Ana", mapping.MatchKeys{Number: "12345678"})
	p.TaxNumber, p.Email, p.ChangedAfter = "SI12345678", "ana@primer.si", time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	k.observe(p)
	first := k.observed(1)
	require.Equal(t, []any{p.Hash, p.Name, p.TaxNumber, p.Email}, []any{first.Hash, first.Name, first.TaxNumber, first.Email})
	require.JSONEq(t, string(p.Data), string(first.Data))
	changedAfter := func() (at time.Time) {
		t.Helper()
		require.NoError(t, k.pool.QueryRow(t.Context(), "SELECT changed_after FROM mksync_partners").Scan(&at))
		return at.UTC()
	}

	again := p
	again.ChangedAfter = p.ChangedAfter.Add(time.Hour)
	k.observe(again)
	require.Equal(t, first, k.observed(1))
	require.NoError(t, k.ForgetHashes(t.Context()))
	require.NoError(t, k.ForgetHashes(t.Context()))
	require.Equal(t, "lost:Ana", k.observed(1).Hash)
	k.observe(again)
	require.Equal(t, first, k.observed(1))
	require.Equal(t, p.ChangedAfter, changedAfter())

	again.Hash = "Eva"
	k.observe(again)
	changed := k.observed(1)
	require.Equal(t, "Eva", changed.Hash)
	require.True(t, changed.ObservedAt.After(first.ObservedAt))
	require.Equal(t, first.FirstSeenAt, changed.FirstSeenAt)
	require.Equal(t, again.ChangedAfter, changedAfter())
}

// TestAPartnerThatIsMissingIsNotSeen until it is there again; since when is kept.
func TestAPartnerThatIsMissingIsNotSeen(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.observe(seen(1, "Ana", mapping.MatchKeys{Number: "1"}), seen(2, "Eva", mapping.MatchKeys{Number: "1"}))
	since := func() (at *time.Time) {
		t.Helper()
		require.NoError(t, k.pool.QueryRow(t.Context(), "SELECT missing_since FROM mksync_partners WHERE metakocka_id = $1", partnerID(1)).Scan(&at))
		return at
	}
	require.NoError(t, k.MarkMissing(t.Context(), nil))
	require.NoError(t, k.MarkMissing(t.Context(), []string{partnerID(1), "9999"}))
	first := since()
	require.NotNil(t, first)
	require.NoError(t, k.MarkMissing(t.Context(), []string{partnerID(1)}))
	require.Equal(t, first, since())

	require.Nil(t, k.observed(1))
	found, err := k.MatchObserved(t.Context(), mapping.MatchKeys{Number: "1"})
	require.NoError(t, err)
	require.Equal(t, []string{partnerID(2)}, each(found, func(p store.ObservedPartner) string { return p.MetaKockaID }))
	k.observe(seen(1, "Ana", mapping.MatchKeys{}))
	require.NotNil(t, k.observed(1))
	require.Nil(t, since())
}

// TestSeenPartnersAreThoseOfAPollAndThoseOfLinks: a linked one that was never seen, too.
func TestSeenPartnersAreThoseOfAPollAndThoseOfLinks(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.observe(seen(1, "Ana", mapping.MatchKeys{}), seen(2, "Eva", mapping.MatchKeys{}), seen(3, "Ivo", mapping.MatchKeys{}), seen(5, "Jan", mapping.MatchKeys{}))
	require.NoError(t, k.MarkMissing(t.Context(), []string{partnerID(2)}))
	for n, status := range map[int]store.Status{2: store.StatusSynced, 3: store.StatusUnlinked, 4: store.StatusSynced, 5: store.StatusSynced} {
		k.link(n, status)
	}
	k.save(numbered(6), store.Change{Link: store.Link{Status: store.StatusPending}})
	require.NoError(t, k.HoldMissing(t.Context(), []string{partnerID(2)}, coded.Words("gone")))
	require.False(t, k.admit(5, mapping.SideCRM, 0, ""))
	got, err := k.SeenPartners(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]store.SeenPartner{
		partnerID(1): {Hash: "Ana"}, partnerID(2): {Hash: "Eva", Missing: true, Linked: true, Held: true}, partnerID(3): {Hash: "Ivo"},
		partnerID(4): {Linked: true}, partnerID(5): {Hash: "Jan", Linked: true},
	}, got)
}

// TestPartnersAreFoundByAContactsKeys: by number and e-mail before names, the oldest first.
func TestPartnersAreFoundByAContactsKeys(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.observe(
		seen(1, "by name", mapping.MatchKeys{Persons: []string{"ana novak"}}),
		seen(2, "by e-mail", mapping.MatchKeys{Emails: []string{"ana@primer.si"}}),
		seen(3, "by number", mapping.MatchKeys{Number: "12345678", Persons: []string{"ana novak"}}),
		seen(4, "nothing", mapping.MatchKeys{Number: "1", Emails: []string{"eva@primer.si"}, Persons: []string{"eva novak"}}),
	)
	k.exec("UPDATE mksync_partners SET first_seen_at = now() - interval '1 day' WHERE metakocka_id = $1", partnerID(3))
	found, err := k.MatchObserved(t.Context(), mapping.MatchKeys{Number: "12345678", Emails: []string{"ana@primer.si"}, Persons: []string{"ana novak"}})
	require.NoError(t, err)
	require.Equal(t, []string{"by number", "by e-mail", "by name"}, each(found, func(p store.ObservedPartner) string { return p.Name }))
	found, err = k.MatchObserved(t.Context(), mapping.MatchKeys{})
	require.NoError(t, err)
	require.Empty(t, found)
}

// TestANameThatManyHaveFindsNobody: by a key that links they are found all the same, forty
// at most.
func TestANameThatManyHaveFindsNobody(t *testing.T) {
	t.Parallel()
	k := keep(t)
	partners := make([]store.ObservedPartner, 60)
	for n := range partners {
		partners[n] = seen(n, "Ana", mapping.MatchKeys{Persons: []string{"ana novak"}})
		if n >= 20 {
			partners[n].Keys = mapping.MatchKeys{Emails: []string{"info@primer.si"}}
		}
	}
	found := func() int {
		t.Helper()
		found, err := k.MatchObserved(t.Context(), mapping.MatchKeys{Emails: []string{"info@primer.si"}, Persons: []string{"ana novak"}})
		require.NoError(t, err)
		return len(found)
	}
	k.observe(partners[:20]...)
	require.Equal(t, 20, found())
	k.observe(seen(99, "Ana", mapping.MatchKeys{Persons: []string{"ana novak"}}))
	require.Zero(t, found())
	k.observe(partners[20:]...)
	require.Equal(t, 40, found())
}

// TestTheOrderInWhichPartnersWereFirstSeen is told by numbers; seen again they keep theirs.
func TestTheOrderInWhichPartnersWereFirstSeen(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.observe(seen(2, "a", mapping.MatchKeys{}), seen(1, "a", mapping.MatchKeys{}))
	var newest int64
	k.within(one, func(_ store.Session, st store.State) { newest = st.PartnersSeen })
	k.observe(seen(3, "a", mapping.MatchKeys{}), seen(1, "b", mapping.MatchKeys{}))
	got, err := k.SeenBefore(t.Context(), []string{partnerID(1), partnerID(2), partnerID(3), partnerID(4)}, newest)
	require.NoError(t, err)
	require.Equal(t, map[string]bool{partnerID(1): true, partnerID(2): true}, got)
}

// TestNamesWithoutALatinLetter are those of contacts and partners that a sweep by letters
// does not find; a company's instead of its person's.
func TestNamesWithoutALatinLetter(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec(`INSERT INTO contacts (name, company_name) VALUES ('Анна', NULL), ('Анна', ''), ('Ivo', '株式会社'), ('Иво', 'Primer'), ('Špela', NULL), ('***', NULL)`)
	k.observe(seen(1, "Ελένη", mapping.MatchKeys{}), seen(2, "Ana", mapping.MatchKeys{}), seen(3, "Živa", mapping.MatchKeys{}), seen(4, "", mapping.MatchKeys{}))
	names, err := k.ForeignNames(t.Context())
	require.NoError(t, err)
	slices.Sort(names)
	require.Equal(t, []string{"***", "Ελένη", "Анна", "株式会社"}, names)
}

// TestPartnersAreListedWithTheirLinks: page by page, the living one before a tombstone.
func TestPartnersAreListedWithTheirLinks(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n := range 8 {
		k.observe(seen(n, fmt.Sprint("p", n), mapping.MatchKeys{}))
	}
	require.NoError(t, k.MarkMissing(t.Context(), []string{partnerID(7)}))
	k.link(1, store.StatusSynced)
	k.link(2, store.StatusUnlinked)
	k.save(numbered(11), store.Change{Link: store.Link{MetaKockaID: partnerID(1), Status: store.StatusDeleted}})
	k.save(numbered(12), store.Change{Link: store.Link{MetaKockaID: partnerID(2), Status: store.StatusDeleted}})
	k.exec("UPDATE metakocka_contact_mappings SET updated_at = now() - interval '1 day' WHERE contact_id = $1", numbered(12))
	list := func(unsynced bool) []store.ListedPartner {
		t.Helper()
		return paged(t, 3, func(last *store.ListedPartner) ([]store.ListedPartner, error) {
			q := store.PartnerQuery{Unsynced: unsynced, Limit: 3}
			if last != nil {
				q.After = last.MetaKockaID
			}
			return k.ListPartners(t.Context(), q)
		})
	}
	id := func(p store.ListedPartner) string { return p.MetaKockaID }
	all := list(false)
	require.Equal(t, []string{partnerID(0), partnerID(1), partnerID(2), partnerID(3), partnerID(4), partnerID(5), partnerID(6)}, each(all, id))
	require.Equal(t, []string{partnerID(0), partnerID(2), partnerID(3), partnerID(4), partnerID(5), partnerID(6)}, each(list(true), id))
	require.Equal(t, numbered(1), all[1].ContactID)
	require.Equal(t, store.StatusSynced, all[1].LinkStatus)
	require.Equal(t, numbered(2), all[2].ContactID)
	require.Equal(t, "p2", all[2].Name)
	require.Empty(t, all[3].LinkID)
}
