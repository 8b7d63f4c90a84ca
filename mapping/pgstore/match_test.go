package pgstore_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
)

// TestContactsToMatchArePaged, each with where its link stands and whom it is not.
func TestContactsToMatchArePaged(t *testing.T) {
	t.Parallel()
	k := keep(t).with(func(c *pgstore.ContactsConfig) { c.Filter = []pgstore.Condition{{Column: "notes", Null: true}} })
	k.contacts(7, 6, 5, 4, 3, 2, 1)
	k.link(2, store.StatusUnlinked)
	k.save(numbered(3), store.Change{Link: store.Link{Status: store.StatusPending, Intent: &store.Intent{Kind: store.IntentCreate}}})
	k.exec("UPDATE contacts SET notes = 'left out' WHERE id = $1", numbered(4))
	k.exec("INSERT INTO mksync_answers (contact_id, metakocka_id) VALUES ($1, '8'), ($1, '9')", numbered(5))
	all := paged(t, 3, func(last *store.MatchContact) ([]store.MatchContact, error) {
		if last == nil {
			return k.MatchContacts(t.Context(), "", 3)
		}
		return k.MatchContacts(t.Context(), last.ID, 3)
	})
	require.Len(t, all, 7)
	for n := 1; n <= 7; n++ {
		want := store.MatchContact{ID: numbered(n), Contact: mapping.Contact{Name: fmt.Sprint("contact ", n)}, Not: []string{}}
		switch n {
		case 2:
			want.MetaKockaID, want.Status = partnerID(2), store.StatusUnlinked
		case 3:
			want.Status, want.Unresolved = store.StatusPending, true
		case 4:
			want.Contact.Notes, want.LeftOut = "left out", true
		case 5:
			want.Not = []string{"8", "9"}
		}
		require.Equal(t, want, all[n-1])
	}
}

// TestPartnersToMatchArePaged, without those that are missing: who holds each, and whether
// only tombstones name it.
func TestPartnersToMatchArePaged(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n := 8; n > 0; n-- {
		k.observe(seen(n, fmt.Sprint("p", n), mapping.MatchKeys{}))
	}
	require.NoError(t, k.MarkMissing(t.Context(), []string{partnerID(8)}))
	k.link(2, store.StatusSynced)
	k.save(numbered(12), store.Change{Link: store.Link{MetaKockaID: partnerID(2), Status: store.StatusDeleted}})
	k.link(3, store.StatusDeleted)
	k.exec("UPDATE mksync_partners SET parted = true WHERE metakocka_id = $1", partnerID(4))
	all := paged(t, 3, func(last *store.MatchPartner) ([]store.MatchPartner, error) {
		if last == nil {
			return k.MatchPartners(t.Context(), "", 3)
		}
		return k.MatchPartners(t.Context(), last.MetaKockaID, 3)
	})
	require.Len(t, all, 7)
	for n := 1; n <= 7; n++ {
		got := all[n-1]
		require.Equal(t, partnerID(n), got.MetaKockaID)
		require.Equal(t, fmt.Sprint("p", n), got.Name)
		require.JSONEq(t, fmt.Sprintf(`{"customer": "p%d"}`, n), string(got.Data))
		require.Equal(t, map[int]string{2: numbered(2)}[n], got.Holder)
		require.Equal(t, n == 3, got.Former)
		require.Equal(t, n == 4, got.Parted)
	}
}

// TestPartnersThatMayBeDoublesArePaged: without those that are missing or that only
// tombstones name.
func TestPartnersThatMayBeDoublesArePaged(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n := 1; n <= 9; n++ {
		k.observe(seen(n, fmt.Sprint("p", n), mapping.MatchKeys{}))
	}
	require.NoError(t, k.MarkMissing(t.Context(), []string{partnerID(1)}))
	k.link(2, store.StatusSynced)
	k.save(numbered(12), store.Change{Link: store.Link{MetaKockaID: partnerID(2), Status: store.StatusDeleted}})
	k.link(3, store.StatusDeleted)
	all := paged(t, 3, func(last *store.SeenParty) ([]store.SeenParty, error) {
		if last == nil {
			return k.SeenParties(t.Context(), "", 3)
		}
		return k.SeenParties(t.Context(), last.MetaKockaID, 3)
	})
	require.Equal(t, []string{partnerID(2), partnerID(4), partnerID(5), partnerID(6), partnerID(7), partnerID(8), partnerID(9)},
		each(all, func(p store.SeenParty) string { return p.MetaKockaID }))
	for _, p := range all {
		require.Equal(t, p.MetaKockaID == partnerID(2), p.Linked)
	}
	require.JSONEq(t, `{"customer": "p2"}`, string(all[0].Data))
}

// TestRivalsAreAllThatAFirstMatchHasToKnow: the creations under way, the partners with one
// of the keys, and whom a person said the contact is not. Without a key there is nobody.
func TestRivalsAreAllThatAFirstMatchHasToKnow(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.save(numbered(2), store.Change{Link: store.Link{Status: store.StatusPending, Intent: &store.Intent{Kind: store.IntentCreate}}})
	k.link(3, store.StatusSynced)
	k.observe(seen(7, "Ana", mapping.MatchKeys{Number: "12345678"}), seen(8, "Eva", mapping.MatchKeys{Number: "1"}))
	k.exec("INSERT INTO mksync_answers (contact_id, metakocka_id) VALUES ($1, '9'), ($2, '10')", numbered(1), numbered(2))
	k.within(numbered(1), func(s store.Session, _ store.State) {
		r, err := s.Rivals(t.Context(), keys)
		require.NoError(t, err)
		require.Equal(t, []string{numbered(2)}, each(r.Unresolved, func(l store.Link) string { return l.ContactID }))
		require.Equal(t, []string{"Ana"}, each(r.Seen, func(p store.ObservedPartner) string { return p.Name }))
		require.Equal(t, []string{"9"}, r.Not)

		r, err = s.Rivals(t.Context(), mapping.MatchKeys{})
		require.NoError(t, err)
		require.Zero(t, r)
	})
}

// TestWhoMatchesWithTheSameKeySeesWhatTheOtherMade: it waits, and then reads anew.
func TestWhoMatchesWithTheSameKeySeesWhatTheOtherMade(t *testing.T) {
	t.Parallel()
	k := keep(t)
	ended := make(chan error, 1)
	k.within(numbered(1), func(s store.Session, _ store.State) {
		_, err := s.Rivals(t.Context(), mapping.MatchKeys{Number: "12345678"})
		require.NoError(t, err)
		go func() {
			ended <- k.WithContact(t.Context(), numbered(2), func(s store.Session) error {
				r, err := s.Rivals(t.Context(), mapping.MatchKeys{Number: "12345678", Emails: []string{"ana@primer.si"}})
				if err == nil && len(r.Seen) != 1 {
					err = fmt.Errorf("%d partners, not the one that was made", len(r.Seen))
				}
				return err
			})
		}()
		looking(t, k.pool)
		p := seen(7, "Ana", mapping.MatchKeys{Number: "12345678"})
		require.NoError(t, s.Save(t.Context(), &store.Change{
			Link: store.Link{ContactID: numbered(1), MetaKockaID: partnerID(7), Status: store.StatusSynced}, Observed: &p,
		}))
	})
	require.NoError(t, <-ended)
}
