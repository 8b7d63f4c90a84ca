package pgstore_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
)

// person adds contact n and links it with its partner, whose number is n/2026.
func (k *keeping) person(n int, name, phone string, status store.Status) {
	k.t.Helper()
	k.exec("INSERT INTO contacts (id, name, phone) VALUES ($1, $2, $3)", numbered(n), name, phone)
	base := &mapping.Base{CRM: mapping.Contact{Name: name, Phone: phone}, Partner: mapping.Contact{Name: name, CompanyName: "Podjetje " + name}}
	k.save(numbered(n), store.Change{Link: store.Link{MetaKockaID: partnerID(n), Status: status, Base: base}})
	k.exec(`INSERT INTO mksync_partners (metakocka_id, hash, name, data) VALUES ($1, 'x', $2, jsonb_build_object('count_code', $3::int || '/2026'))`,
		partnerID(n), "Podjetje "+name, n)
}

// finds are the ids of linked contacts that a search finds, in pages of two.
func (k *keeping) finds(typed string, status store.Status) []string {
	k.t.Helper()
	q := store.ContactQuery{Search: mapping.ParseSearch(typed), Exact: typed, Status: status, Limit: 2}
	if key, err := k.KeyType().Canonical(typed); err == nil {
		q.Key = key
	}
	return each(paged(k.t, 2, func(last *store.ListedContact) ([]store.ListedContact, error) {
		if last != nil {
			q.After = last.ContactID
		}
		return k.ListContacts(k.t.Context(), q)
	}), func(l store.ListedContact) string { return l.ContactID })
}

// TestContactsAreSearched: by the words of both sides, by ids and by the partner's number,
// in pages; with what the lists show of them.
func TestContactsAreSearched(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.person(1, "Žiga Čeh", "040 555 123", store.StatusSynced)
	k.person(2, "Ana Čeh", "", store.StatusError)
	k.person(3, "Bor Novak", "", store.StatusSynced)
	k.person(4, "Cene Čeh", "", store.StatusSynced)

	ceh := []string{numbered(1), numbered(2), numbered(4)}
	require.Equal(t, ceh, k.finds("ceh", ""))
	require.Equal(t, ceh[:1], k.finds("+386 40 555 123", ""))
	require.Equal(t, ceh[1:2], k.finds("ČEH", store.StatusError))
	require.Equal(t, []string{numbered(3)}, k.finds("podjetje novak", ""))
	require.Equal(t, []string{numbered(3)}, k.finds("3/2026", ""))
	require.Equal(t, []string{numbered(3)}, k.finds(partnerID(3), ""))
	require.Contains(t, k.finds(numbered(2), ""), numbered(2))
	require.Empty(t, k.finds("kranjc", ""))
	require.Len(t, k.finds("", ""), 4)
	require.Equal(t, ceh[1:2], k.finds("", store.StatusError))

	found, err := k.ListContacts(t.Context(), store.ContactQuery{Search: mapping.ParseSearch("ana"), Limit: 9})
	require.NoError(t, err)
	require.Len(t, found, 1)
	found[0].LinkID = ""
	require.Equal(t, store.ListedContact{
		ContactID: numbered(2), MetaKockaID: partnerID(2), Status: store.StatusError, Exists: true, InScope: true, Name: "Ana Čeh", PartnerName: "Podjetje Ana Čeh",
	}, found[0])

	require.NoError(t, k.MoveLink(t.Context(), numbered(5), numbered(6))) // nobody's
	k.exec("DELETE FROM contacts WHERE id = $1", numbered(4))
	require.NoError(t, k.MoveLink(t.Context(), numbered(4), numbered(7)))
	require.Equal(t, append(ceh[:2:2], numbered(7)), k.finds("ceh", ""))
}

// TestWhoIsGoneIsNotSearched: nothing is stored any more of a contact that was deleted, on
// either side or by a merge; its ids still find the tombstone.
func TestWhoIsGoneIsNotSearched(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n := 1; n <= 3; n++ {
		k.person(n, "Ana", "", store.StatusSynced)
	}
	k.save(numbered(1), store.Change{Link: store.Link{MetaKockaID: partnerID(1), Status: store.StatusDeleted}})
	k.within(numbered(2), func(s store.Session, st store.State) {
		ch := store.Change{Link: *st.Link}
		ch.Link.Status = store.StatusUnlinked
		require.NoError(t, s.DeleteContact(t.Context(), &ch))
	})
	require.Equal(t, []string{numbered(3)}, k.finds("ana", ""))
	k.is(1, "SELECT count(*) FROM mksync_search")
	require.Equal(t, []string{numbered(1)}, k.finds(partnerID(1), ""))
	k.exec("DELETE FROM metakocka_contact_mappings")
	k.is(0, "SELECT count(*) FROM mksync_search")
}

// TestSearchIsFilled for links of an older version, of who is not gone, and once.
func TestSearchIsFilled(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n := 1; n <= 3; n++ {
		k.person(n, "Ana", "", store.StatusSynced)
	}
	k.exec("DELETE FROM mksync_search")
	k.exec("UPDATE contacts SET name = 'Ana Marija' WHERE id = $1", numbered(2))
	k.exec("UPDATE metakocka_contact_mappings SET sync_status = 'deleted' WHERE contact_id = $1", numbered(3))
	for range 2 {
		require.NoError(t, k.FillSearch(t.Context()))
		require.Equal(t, []string{numbered(1), numbered(2)}, k.finds("ana", ""))
		require.Equal(t, []string{numbered(2)}, k.finds("marija", ""))
		k.is(2, "SELECT count(*) FROM mksync_search")
	}
}

// TestContactsWithoutALinkAreFound, those that the filter leaves out too.
func TestContactsWithoutALinkAreFound(t *testing.T) {
	t.Parallel()
	k := keep(t).with(func(c *pgstore.ContactsConfig) { c.Filter = []pgstore.Condition{{Column: "notes", Null: true}} })
	k.person(1, "Ana", "", store.StatusSynced)
	k.exec("INSERT INTO contacts (id, name, notes) VALUES ($1, 'Ána', NULL), ($2, 'ANA', 'lead'), ($3, 'Bor', NULL)", numbered(2), numbered(3), numbered(4))

	search := mapping.ParseSearch("ana")
	found, err := k.FindUnlinked(t.Context(), search, "", 9)
	require.NoError(t, err)
	require.Equal(t, []store.ListedContact{
		{ContactID: numbered(2), Exists: true, InScope: true, Name: "Ána"}, {ContactID: numbered(3), Exists: true, Name: "ANA"},
	}, found)
	for after, want := range map[string]string{"": numbered(2), numbered(2): numbered(3)} {
		found, err = k.FindUnlinked(t.Context(), search, after, 1)
		require.NoError(t, err)
		require.Equal(t, want, found[0].ContactID)
	}
}

// TestSearchAmongManyContacts tells how long pages take among 100,000 contacts, and among
// 20,000 without a link. Only where it is asked for: it takes half a minute.
func TestSearchAmongManyContacts(t *testing.T) {
	if os.Getenv("MKSYNC_TEST_MANY") == "" {
		t.Skip("MKSYNC_TEST_MANY is not set")
	}
	k := keep(t)
	k.exec(`INSERT INTO contacts (id, name, company_name, email, phone, tax_number)
		SELECT gen_random_uuid(), 'Ime' || n % 997 || ' Priimek' || n, 'Podjetje ' || n % 5003 || ' d.o.o.', 'oseba' || n || '@primer.si',
			'+386 40 ' || lpad(n::text, 6, '0'), 'SI' || 10000000 + n FROM generate_series(1, 120000) n`)
	k.exec(`INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id, sync_status, last_synced_at, base)
		SELECT id, '16000' || substr(tax_number, 3), CASE WHEN random() < 0.01 THEN 'error' ELSE 'synced' END, now(), jsonb_build_object(
			'crm', jsonb_build_object('name', name, 'company_name', company_name, 'email', email, 'phone', phone, 'tax_number', tax_number, 'address', 'Ulica 1, Ljubljana, 1000'),
			'partner', jsonb_build_object('name', name, 'company_name', company_name, 'email', email, 'phone', phone, 'tax_number', tax_number, 'address', 'Ulica 1, Ljubljana, 1000'))
		FROM contacts LIMIT 100000`)
	k.exec(`INSERT INTO mksync_partners (metakocka_id, hash, name, data)
		SELECT m.metakocka_id, 'x', base->'crm'->>'company_name', jsonb_build_object('count_code', row_number() OVER () || '/2026', 'rest', repeat('x', 800))
		FROM metakocka_contact_mappings m`)
	began := time.Now()
	require.NoError(t, k.FillSearch(t.Context()))
	t.Logf("filled in %v", time.Since(began))
	k.exec("ANALYZE")

	q := store.ContactQuery{Limit: 50}
	for _, c := range []struct {
		typed  string
		status store.Status
	}{{"", ""}, {"", "error"}, {"podjetje", ""}, {"ime5", ""}, {"priimek99999", ""}, {"oseba4711@primer.si", ""}, {"SI10050000", ""}, {"040 012 345", ""}, {"77/2026", ""}, {"nobody at all", ""}, {"podjetje", "error"}} {
		q.Search, q.Exact, q.Status = mapping.ParseSearch(c.typed), c.typed, c.status
		best := func(what string, list func() ([]store.ListedContact, error)) {
			quickest, n := time.Hour, 0
			for range 7 { // what else the machine does is not measured
				began := time.Now()
				found, err := list()
				require.NoError(t, err)
				quickest, n = min(quickest, time.Since(began)), len(found)
			}
			t.Logf("%-22q %-6s %3d %-8s in %v", c.typed, c.status, n, what, quickest.Round(time.Millisecond))
		}
		best("linked", func() ([]store.ListedContact, error) { return k.ListContacts(t.Context(), q) })
		if q.Search.Asks() && c.status == "" {
			best("unlinked", func() ([]store.ListedContact, error) { return k.FindUnlinked(t.Context(), q.Search, "", 50) })
		}
	}
	k.is(100_000, "SELECT count(*) FROM mksync_search")
}
