package operations

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// chronicled is a history, newest first.
type chronicled struct {
	records
	entries []store.Entry
	asked   store.HistoryQuery
}

func (c *chronicled) History(_ context.Context, q store.HistoryQuery) ([]store.Entry, error) {
	c.asked = q
	return c.entries[:min(len(c.entries), q.Limit)], nil
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// TestWhichEntriesAreChosen of the history, and what chooses none.
func TestWhichEntriesAreChosen(t *testing.T) {
	t.Parallel()
	a := &API{records: &records{key: store.KeyBigint}}
	q, err := HistoryRequest{
		ContactID: "017", MetaKockaID: "7001", Since: "2026-03-04T13:00:00+01:00", Until: "2026-03-04T12:30:00Z", By: "ana", Side: mapping.SideCRM, Job: "j",
		Page: Page{After: "42", Limit: 7},
	}.query(a)
	require.NoError(t, err)
	require.True(t, noon.Equal(q.Since))
	q.Since = noon
	require.Equal(t, store.HistoryQuery{
		ContactID: "17", MetaKockaID: "7001", Since: noon, Until: noon.Add(30 * time.Minute), By: "ana", Side: mapping.SideCRM, Job: "j", Before: 42, Limit: 7,
	}, q)

	for says, r := range map[string]HistoryRequest{
		`contactId: "x" is not a whole number`: {ContactID: "x"},
		"metakockaId: is not an id":            {MetaKockaID: "a b"},
		"by: is not an id":                     {By: "a b"},
		"job: is not an id":                    {Job: "a b"},
		"side: must be crm or metakocka":       {Side: "both"},
		"since: is not a time":                 {Since: "yesterday"},
		"until: is not a time":                 {Until: "0000-01-01T00:00:00Z"},
		"after: is not what a list's next was": {Page: Page{After: "x"}},
		"limit: must be from 1 to 1000":        {Page: Page{Limit: -1}},
	} {
		_, err := r.query(a)
		require.ErrorContains(t, err, says)
		require.True(t, syncer.IsCode(err, syncer.CodeMalformed), says)
	}
}

// TestEntriesAsUsersSeeThem: a time that is not known is null, and a page says where the next
// begins.
func TestEntriesAsUsersSeeThem(t *testing.T) {
	t.Parallel()
	c := &chronicled{entries: []store.Entry{{ID: 9, ContactID: "17", Act: store.ActWrite, Side: mapping.SideCRM}, {ID: 7, Act: store.ActLink}}}
	c.entries[0].ChangedAt = noon
	a := &API{records: c}
	l, err := a.History(t.Context(), HistoryRequest{Page: Page{Limit: 2}})
	require.NoError(t, err)
	require.Equal(t, []string{"9", "7", "7"}, []string{l.Items[0].ID, l.Items[1].ID, l.Next})
	require.Equal(t, noon, *l.Items[0].ChangedAt)
	require.Nil(t, l.Items[0].ChangedAfter)
	require.Nil(t, l.Items[1].ChangedAt)
	l, err = a.History(t.Context(), HistoryRequest{})
	require.NoError(t, err)
	require.Empty(t, l.Next)
	require.Equal(t, usualPage, c.asked.Limit)
}

// TestWhatIsUndone is said in one way alone.
func TestWhatIsUndone(t *testing.T) {
	t.Parallel()
	a := &API{records: &records{key: store.KeyBigint}}
	const from, to = "2026-03-04T12:00:00Z", "2026-03-04T13:00:00Z"
	for says, r := range map[string]UndoRequest{
		"exactly one of these says what to undo":   {ContactID: "17"},
		"exactly one of these says what to undo: ": {IDs: []string{"1"}, Job: "j"},
		"exactly one of these says what":           {To: from, Since: from, Until: to, ContactID: "17"},
		"contactId: is missing: to is for one":     {To: from},
		"since and until: a window has both":       {Since: from},
		"since and until: a window":                {Until: to},
		"ids[1]: is not an id of the history":      {IDs: []string{"1", "0"}},
		"ids[0]: is not an id of the history":      {IDs: []string{"x"}},
		"ids: at most 30000 at once":               {IDs: make([]string, mostUndone+1)},
		"since: is not a time":                     {To: "yesterday", ContactID: "17"},
	} {
		_, err := r.query(a)
		require.ErrorContains(t, err, says)
	}

	for _, c := range []struct {
		r UndoRequest
		q store.HistoryQuery
	}{
		{UndoRequest{IDs: []string{"3", "5"}}, store.HistoryQuery{IDs: []int64{3, 5}}},
		{UndoRequest{To: from, ContactID: "017"}, store.HistoryQuery{ContactID: "17", Since: noon}},
		{UndoRequest{Since: from, Until: to, Side: mapping.SideCRM, By: "ana"}, store.HistoryQuery{Since: noon, Until: noon.Add(time.Hour), Side: mapping.SideCRM, By: "ana"}},
		{UndoRequest{Job: "j"}, store.HistoryQuery{Job: "j"}},
	} {
		q, err := c.r.query(a)
		require.NoError(t, err)
		c.q.Limit = largestPage
		require.Equal(t, c.q, q)
	}
}

// TestHowFarAHistoryReaches back, where a contact is to be as it was.
func TestHowFarAHistoryReaches(t *testing.T) {
	t.Parallel()
	wrote := store.Entry{ID: 5, At: noon, Act: store.ActWrite}
	made, linked := wrote, wrote
	made.Act, linked.Act = store.ActCreate, store.ActLink
	for name, c := range map[string]struct {
		before []store.Entry
		oldest *store.Entry
		since  *time.Time
	}{
		"it reaches":               {before: []store.Entry{{ID: 3}}, oldest: &wrote},
		"it was forgotten in part": {oldest: &wrote, since: &noon},
		"it began with the link":   {oldest: &linked},
		"it began with the making": {oldest: &made},
	} {
		a := &API{records: &chronicled{entries: c.before}}
		since, err := a.keptSince(t.Context(), store.HistoryQuery{ContactID: "17", Since: noon.Add(-time.Hour)}, c.oldest)
		require.NoError(t, err, name)
		require.Equal(t, c.since, since, name)
	}
	_, err := (&API{records: &chronicled{}}).keptSince(t.Context(), store.HistoryQuery{ContactID: "17"}, nil)
	require.True(t, syncer.IsCode(err, syncer.CodeNotFound), "%v", err)
	require.ErrorContains(t, err, "the history of contact 17 has nothing")
}
