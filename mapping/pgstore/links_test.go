package pgstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
)

// TestALinkIsReadAsItWasSaved, whatever it holds; saved without, it holds nothing.
func TestALinkIsReadAsItWasSaved(t *testing.T) {
	t.Parallel()
	k := keep(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	yes, text := true, "1"
	want := store.Link{
		MetaKockaID: "7", Type: "partner", Status: store.StatusPartial, LastSyncedAt: at, LastError: coded.Say("note.x", "{field} are not kept", "notes"),
		Base: &mapping.Base{
			CRM: mapping.Contact{Name: "Ana"}, Partner: mapping.Contact{Name: "Ana", Notes: "n"}, Unkept: []mapping.Field{mapping.FieldNotes},
		},
		BaseAssumed: true, CRMChangedAt: at.Add(time.Second), PartnerObservedAt: at.Add(2 * time.Second),
		Intent:    &store.Intent{Kind: store.IntentUpdate, SentAt: at, Seen: 3, Partner: mapping.Partner{Customer: "Ana"}, Decided: []store.ConflictRecord{parked(mapping.FieldPhone, "1", "2")}},
		Overrides: map[mapping.Field]store.Decision{mapping.FieldPhone: {Take: mapping.SideCRM, CRM: &text}},
		Differing: []mapping.Field{mapping.FieldNotes, mapping.FieldPhone},
		Flags:     &store.Flags{Buyer: &yes}, HeldKeys: []string{"tax 1", "email a"}, UpdatedBy: "ana",
	}
	saved := k.save(one, store.Change{Link: want})
	got := k.linkOf(one)
	require.Equal(t, saved.ID, got.ID)
	require.Equal(t, "ana", got.CreatedBy)
	require.NotZero(t, got.CreatedAt)
	for _, at := range []*time.Time{&got.LastSyncedAt, &got.CRMChangedAt, &got.PartnerObservedAt} {
		*at = at.UTC()
	}
	want.ID, want.ContactID, want.CreatedBy = got.ID, one, "ana"
	want.CreatedAt, want.UpdatedAt = got.CreatedAt, got.UpdatedAt
	require.Equal(t, want, *got)

	bare := k.save(one, store.Change{Link: store.Link{Status: store.StatusPending}})
	require.Equal(t, saved.ID, bare.ID)
	again := k.linkOf(one)
	require.Equal(t, store.Link{
		ID: got.ID, ContactID: one, Type: "partner", Status: store.StatusPending, CreatedBy: "ana", CreatedAt: got.CreatedAt, UpdatedAt: again.UpdatedAt,
	}, *again)
}

// TestOnePartnerBelongsToOneLivingContact (invariant 11): who comes second is told, and
// nothing of what it wanted to store is; of tombstones there may be many.
func TestOnePartnerBelongsToOneLivingContact(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1, 2)
	k.save(numbered(1), store.Change{Link: store.Link{MetaKockaID: "7", Status: store.StatusSynced}})
	second := naming(numbered(2), "Eva")
	second.Link.MetaKockaID = "7"
	k.within(numbered(2), func(s store.Session, _ store.State) {
		require.ErrorIs(t, s.Save(t.Context(), second), store.ErrPartnerTaken)
	})
	require.Nil(t, k.linkOf(numbered(2)))
	k.is("contact 2", "SELECT name FROM contacts WHERE id = $1", numbered(2))

	for n, status := range map[int]store.Status{3: store.StatusDeleted, 4: store.StatusUnlinked} {
		k.save(numbered(n), store.Change{Link: store.Link{MetaKockaID: "7", Status: status}})
	}
	k.save(numbered(1), store.Change{Link: store.Link{MetaKockaID: "7", Status: store.StatusDeleted}})
	second.Link.Base = &mapping.Base{}
	k.within(numbered(2), func(s store.Session, _ store.State) { require.NoError(t, s.Save(t.Context(), second)) })
}

// TestThePartnersLinkIsTheLivingOne, else the newest tombstone, else none; asked for with
// the intents, too.
func TestThePartnersLinkIsTheLivingOne(t *testing.T) {
	t.Parallel()
	k := keep(t)
	of := func() string {
		t.Helper()
		l, err := k.LinkByPartner(t.Context(), "7")
		require.NoError(t, err)
		with, unresolved, err := k.LinkOrIntents(t.Context(), "7")
		require.NoError(t, err)
		require.Empty(t, unresolved)
		require.Equal(t, l, with)
		if l == nil {
			return ""
		}
		return l.ContactID
	}
	holder := func() string {
		t.Helper()
		holders, err := k.Holders(t.Context(), []string{"7", "8"})
		require.NoError(t, err)
		require.NotContains(t, holders, "8")
		return holders["7"]
	}
	require.Empty(t, of())
	k.save(numbered(3), store.Change{Link: store.Link{MetaKockaID: "7", Status: store.StatusUnlinked}})
	k.save(numbered(2), store.Change{Link: store.Link{MetaKockaID: "7", Status: store.StatusDeleted}})
	k.exec("UPDATE metakocka_contact_mappings SET updated_at = now() - interval '1 day' WHERE contact_id = $1", numbered(3))
	require.Equal(t, numbered(2), of())
	require.Empty(t, holder())
	k.save(numbered(4), store.Change{Link: store.Link{MetaKockaID: "7", Status: store.StatusSynced}})
	k.exec("UPDATE metakocka_contact_mappings SET updated_at = now() - interval '2 days' WHERE contact_id = $1", numbered(4))
	require.Equal(t, numbered(4), of())
	require.Equal(t, numbered(4), holder())
}

// TestIntentsAreListedWhoseverTheyAre, by contact.
func TestIntentsAreListedWhoseverTheyAre(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for _, n := range []int{3, 1, 2} {
		l := store.Link{Status: store.StatusPending, Intent: &store.Intent{Kind: store.IntentCreate, Partner: mapping.Partner{Customer: numbered(n)}}}
		if n == 2 {
			l.Intent = nil
		}
		k.save(numbered(n), store.Change{Link: l})
	}
	link, unresolved, err := k.LinkOrIntents(t.Context(), "7")
	require.NoError(t, err)
	require.Nil(t, link)
	require.Equal(t, []string{numbered(1), numbered(3)}, each(unresolved, func(l store.Link) string { return l.ContactID }))
	require.Equal(t, numbered(3), unresolved[1].Intent.Partner.Customer)
}

// TestLinksArePaged by contact, and chosen by all that a query names.
func TestLinksArePaged(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n := 7; n > 0; n-- {
		status := store.StatusSynced
		if n%3 == 0 {
			status = store.StatusHeld
		}
		k.link(n, status)
	}
	page := func(q store.LinkQuery) []string {
		t.Helper()
		q.Limit = 3
		return each(paged(t, 3, func(last *store.Link) ([]store.Link, error) {
			if last != nil {
				q.After = last.ContactID
			}
			return k.Links(t.Context(), q)
		}), func(l store.Link) string { return l.ContactID })
	}
	require.Equal(t, []string{numbered(1), numbered(2), numbered(3), numbered(4), numbered(5), numbered(6), numbered(7)}, page(store.LinkQuery{}))
	require.Equal(t, []string{numbered(1), numbered(2), numbered(4), numbered(5), numbered(7)}, page(store.LinkQuery{Status: store.StatusSynced}))
	require.Equal(t, []string{numbered(6)}, page(store.LinkQuery{MetaKockaID: partnerID(6), Status: store.StatusHeld}))
	require.Empty(t, page(store.LinkQuery{MetaKockaID: partnerID(6), Status: store.StatusSynced}))
	require.Equal(t, []string{numbered(2)}, page(store.LinkQuery{ID: k.linkOf(numbered(2)).ID}))
}

// TestALinkGoesWithItsContactsNewID, unless the old contact is there once more, the new
// one has a link, or the link is a deletion's tombstone.
func TestALinkGoesWithItsContactsNewID(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status       store.Status
		there, taken bool
		moved        bool
	}{
		"moved":                    {status: store.StatusSynced, moved: true},
		"also one of a lost side":  {status: store.StatusUnlinked, moved: true},
		"not one of the deleted":   {status: store.StatusDeleted},
		"the old contact is there": {status: store.StatusSynced, there: true},
		"the new one has a link":   {status: store.StatusSynced, taken: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := keep(t)
			k.link(1, c.status)
			k.contacts(2)
			if c.there {
				k.contacts(1)
			}
			if c.taken {
				k.link(2, store.StatusSynced)
			}
			require.NoError(t, k.MoveLink(t.Context(), numbered(1), numbered(2)))
			holder := numbered(1)
			if c.moved {
				holder = numbered(2)
			}
			l, err := k.LinkByPartner(t.Context(), partnerID(1))
			require.NoError(t, err)
			require.Equal(t, holder, l.ContactID)
		})
	}
}

// TestBasesAreStampedWithTheirColumns where an older version did not: what is in a column
// that comes later was never agreed on.
func TestBasesAreStampedWithTheirColumns(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1, 2)
	agreed := &mapping.Base{CRM: mapping.Contact{Name: "Ana", Notes: "n"}, Partner: mapping.Contact{Name: "Ana", Notes: "n"}}
	k.save(numbered(1), store.Change{Link: store.Link{Status: store.StatusSynced, Base: agreed}})
	k.save(numbered(2), store.Change{Link: store.Link{Status: store.StatusPending}})
	k.exec("UPDATE metakocka_contact_mappings SET base = base - 'columns'")
	notes := func() (n string) {
		k.within(numbered(1), func(_ store.Session, st store.State) { n = st.Link.Base.Partner.Notes })
		return n
	}
	require.Equal(t, "n", notes())
	require.NoError(t, k.StampBases(t.Context()))
	require.Equal(t, "n", notes())
	k.exec("ALTER TABLE contacts DROP notes")
	k.exec("ALTER TABLE contacts ADD notes text")
	require.NoError(t, k.Refresh(t.Context()))
	require.NoError(t, k.StampBases(t.Context()), "those that are stamped stay")
	require.Empty(t, notes())
	require.Nil(t, k.linkOf(numbered(2)).Base)
}

// TestContactsAreFoundForAPartner by number, e-mail and what they wait for; not those that
// a living link holds, and not those that a person said are somebody else.
func TestContactsAreFoundForAPartner(t *testing.T) {
	t.Parallel()
	k := keep(t)
	rows := []struct{ tax, email string }{
		1: {tax: "SI 1234-5678"}, 2: {tax: "HR12345678901"}, 3: {email: "Ana <ANA@primer.si>"}, 4: {tax: "12345678"}, 5: {tax: "12345678"},
		6: {tax: "12345678"}, 7: {}, 8: {tax: "123456789"}, 9: {email: "eva@primer.si"},
	}
	for n, r := range rows[1:] {
		k.exec("INSERT INTO contacts (id, name, tax_number, email) VALUES ($1, 'Ana', nullif($2, ''), nullif($3, ''))", numbered(n+1), r.tax, r.email)
	}
	k.link(4, store.StatusSynced)
	k.link(5, store.StatusDeleted)
	k.exec("INSERT INTO mksync_answers (contact_id, metakocka_id) VALUES ($1, '7')", numbered(6))
	k.save(numbered(7), store.Change{Link: store.Link{Status: store.StatusHeld, HeldKeys: []string{"email ana@primer.si", "name ana novak"}}})

	found, err := k.UnlinkedContacts(t.Context(), "7", mapping.MatchKeys{Number: "12345678", Emails: []string{"ana@primer.si"}})
	require.NoError(t, err)
	ids := func() (all []string) {
		for _, c := range found {
			all = append(all, c.ID)
		}
		return all
	}
	require.Equal(t, []string{numbered(1), numbered(2), numbered(5), numbered(3), numbered(7)}, ids())
	require.Equal(t, "SI 1234-5678", found[0].Contact.TaxNumber)
	require.Equal(t, store.StatusDeleted, found[2].Status)
	found, err = k.UnlinkedContacts(t.Context(), "8", mapping.MatchKeys{Number: "12345678"})
	require.NoError(t, err)
	require.Contains(t, ids(), numbered(6), "the answer is about one partner")
	found, err = k.UnlinkedContacts(t.Context(), "8", mapping.MatchKeys{Persons: []string{"ana novak"}})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Contains(t, ids(), numbered(7), "it waits, perhaps for this partner")
	found, err = k.UnlinkedContacts(t.Context(), "8", mapping.MatchKeys{})
	require.NoError(t, err)
	require.Empty(t, found, "no key finds nobody")
}

// TestTwentyContactsAreFoundForAPartner, those with its number among them however many
// have its e-mail.
func TestTwentyContactsAreFoundForAPartner(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec("INSERT INTO contacts (name, email) SELECT 'Ana', 'info@primer.si' FROM generate_series(1, 30)")
	k.exec("INSERT INTO contacts (id, name, tax_number) VALUES ($1, 'Ana', 'SI12345678')", numbered(999_999))
	found, err := k.UnlinkedContacts(t.Context(), "7", mapping.MatchKeys{Number: "12345678", Emails: []string{"info@primer.si"}})
	require.NoError(t, err)
	require.Len(t, found, 20)
	require.Equal(t, numbered(999_999), found[0].ID)
}

// TestContactsAreFoundWithoutAColumnForAKey: by the others.
func TestContactsAreFoundWithoutAColumnForAKey(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec("INSERT INTO contacts (id, name, tax_number, email) VALUES ($1, 'Ana', '12345678', 'ana@primer.si')", one)
	for _, lacking := range []mapping.Field{mapping.FieldEmail, mapping.FieldTaxNumber} {
		found, err := k.with(func(c *pgstore.ContactsConfig) { delete(c.Fields, lacking) }).
			UnlinkedContacts(t.Context(), "7", mapping.MatchKeys{Number: "12345678", Emails: []string{"ana@primer.si"}})
		require.NoError(t, err, lacking)
		require.Len(t, found, 1, lacking)
	}
}
