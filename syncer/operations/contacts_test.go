package operations

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// searched are contacts with a mapping, and those without one that any search finds.
type searched struct {
	records
	linked, unlinked []string
}

// behind are the ids that come after one, at most so many.
func behind(ids []string, after string, limit int) (page []store.ListedContact) {
	for _, id := range ids {
		if id > after && len(page) < limit {
			page = append(page, store.ListedContact{ContactID: id, Exists: id != "l3", InScope: id != "l2" && id != "l3"})
		}
	}
	return page
}

func (s *searched) ListContacts(_ context.Context, q store.ContactQuery) ([]store.ListedContact, error) {
	return behind(s.linked, q.After, q.Limit), nil
}

func (s *searched) FindUnlinked(_ context.Context, _ mapping.Search, after string, limit int) ([]store.ListedContact, error) {
	return behind(s.unlinked, after, limit), nil
}

// TestASearchGoesOnBehindTheLinked: page by page, each contact once; without a search those
// without a mapping are not asked for, nor with a status, which they have none of.
func TestASearchGoesOnBehindTheLinked(t *testing.T) {
	t.Parallel()
	a := &API{records: &searched{records{key: store.KeyText}, []string{"l1", "l2", "l3"}, []string{"a1", "a2", "a3"}}}
	pages := func(r ContactsRequest) (pages []string) {
		t.Helper()
		for range 9 {
			l, err := a.Contacts(t.Context(), r)
			require.NoError(t, err)
			var ids []string
			for _, c := range l.Items {
				ids = append(ids, c.ContactID)
				require.Equal(t, c.ContactID == "l2", c.LeftOut, "%s: one that is gone is not left out", c.ContactID)
			}
			pages = append(pages, strings.Join(ids, " "))
			if r.After = l.Next; l.Next == "" {
				break
			}
		}
		return pages
	}
	require.Equal(t, []string{"l1 l2", "l3 a1", "a2 a3", ""}, pages(ContactsRequest{Search: "ana", Page: Page{Limit: 2}}))
	require.Equal(t, []string{"l1 l2 l3", "a1 a2 a3", ""}, pages(ContactsRequest{Search: "ana", Page: Page{Limit: 3}}))
	require.Equal(t, []string{"l1 l2", "l3"}, pages(ContactsRequest{Page: Page{Limit: 2}}))
	require.Equal(t, []string{"l1 l2 l3"}, pages(ContactsRequest{Search: "ana", Status: store.StatusSynced}))
}

// TestWhatIsLookedFor: what has a digit may be an id or a partner's number as well.
func TestWhatIsLookedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key        store.KeyType
		r          ContactsRequest
		exact, is  string
		says       string
		unlinked   bool
		after      string
		usualLimit bool
	}{
		{key: store.KeyBigint, usualLimit: true},
		{key: store.KeyBigint, r: ContactsRequest{Search: "ana"}, usualLimit: true},
		{key: store.KeyBigint, r: ContactsRequest{Search: " 0017 "}, exact: "0017", is: "17", usualLimit: true},
		{key: store.KeyUUID, r: ContactsRequest{Search: "7001"}, exact: "7001", usualLimit: true},
		{key: store.KeyText, r: ContactsRequest{Search: "ana 17"}, is: "ana 17", usualLimit: true},
		{key: store.KeyText, r: ContactsRequest{Page: Page{After: "m.x"}}, after: "x", usualLimit: true},
		{key: store.KeyText, r: ContactsRequest{Page: Page{After: "c.m.x"}}, after: "m.x", unlinked: true, usualLimit: true},
		{r: ContactsRequest{Search: strings.Repeat("x", mostSearched+1)}, says: "search: is longer than 200 bytes"},
		{r: ContactsRequest{Search: "a\x00"}, says: "search: has characters that nobody types"},
		{r: ContactsRequest{Search: " — "}, says: "search: has no letter and no digit"},
		{r: ContactsRequest{Status: "fine"}, says: `status: "fine" is none of`},
		{r: ContactsRequest{Page: Page{After: "x"}}, says: "after: is not what a list's next was"},
		{key: store.KeyBigint, r: ContactsRequest{Page: Page{After: "m.x"}}, says: "is not a whole number"},
		{r: ContactsRequest{Page: Page{Limit: largestPage + 1}}, says: "limit: must be from 1 to 1000"},
	} {
		p, err := c.r.page(&API{records: &records{key: c.key}})
		if c.says != "" {
			require.ErrorContains(t, err, c.says)
			require.True(t, syncer.IsCode(err, syncer.CodeMalformed), "%v", err)
			continue
		}
		require.NoError(t, err, "%+v", c.r)
		require.Equal(t, []any{c.exact, c.is, c.after, c.unlinked, c.usualLimit}, []any{p.Exact, p.Key, p.After, p.unlinked, p.Limit == usualPage}, "%+v", c.r)
	}
}

// TestDeadLettersOfAContact are its own, and those of its partner: a contact may have a
// partner's number.
func TestDeadLettersOfAContact(t *testing.T) {
	t.Parallel()
	a := &API{deadLetters: &letters{all: []bus.DeadLetter{
		{ID: 1, Stream: bus.StreamContacts, Key: "17"},
		{ID: 2, Stream: bus.StreamPartners, Key: "17"},
		{ID: 3, Stream: bus.StreamPartners, Key: "7001"},
		{ID: 4, Stream: bus.StreamContacts, Key: "7001"},
		{ID: 5, Stream: bus.StreamPartners, Key: ""},
	}}}
	for partner, want := range map[string]string{"7001": "1 3", "": "1", "17": "1 2"} {
		of := told{Pair: store.Pair{ContactID: "17"}, link: store.Link{MetaKockaID: partner}}
		waits, err := a.withDeadLetters(t.Context(), of, nil)
		require.NoError(t, err)
		var ids []string
		for _, w := range waits {
			require.Equal(t, WaitDeadLetter, w.Kind)
			ids = append(ids, w.ID)
		}
		require.Equal(t, want, strings.Join(ids, " "), "partner %q", partner)
	}
}
