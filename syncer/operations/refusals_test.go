package operations

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// TestWhoMayWhatBesidesReading is named here, so that nobody gets it by mistake.
func TestWhoMayWhatBesidesReading(t *testing.T) {
	t.Parallel()
	is := map[Role][]string{}
	for _, e := range Endpoints() {
		if r := Right(e); r != Viewer {
			is[r] = append(is[r], e.Subject())
		}
	}
	require.ElementsMatch(t, []string{"log.tail", "mappings.import", "mappings.prune"}, is[Admin])
	require.ElementsMatch(t, []string{
		"contacts.sync", "contacts.import", "contacts.bulk-sync", "contacts.bulk-import", "jobs.bulk-sync", "jobs.bulk-import", "jobs.retry", "jobs.cancel",
		"check", "dead-letters.retry", "dead-letters.retry-group", "sending.pause", "sending.resume",
	}, is[Operator])
	require.ElementsMatch(t, []string{
		"contacts.link", "contacts.unlink", "contacts.leave-out", "contacts.take-in", "contacts.merge", "merges.undo", "contacts.dismiss-duplicate",
		"review.approve", "review.approve-all", "jobs.approve-all", "conflicts.resolve", "conflicts.undo", "deletions.approve", "deletions.reject",
		"dead-letters.discard", undoName,
	}, is[Decider])
}

// TestHowLongAnAnswerMayTake: reading is quick, one contact's calls take minutes, and nothing
// over all contacts is cut off within a day.
func TestHowLongAnAnswerMayTake(t *testing.T) {
	t.Parallel()
	long := []string{"contacts.bulk-sync", "contacts.bulk-import", "mappings.import", "check", "review.approve-all", undoName}
	calls := []string{"contacts.duplicates", "contacts.preview", "dead-letters.retry-group"} // reads as much, or calls
	for _, e := range Endpoints() {
		want := 10 * time.Second
		waits := reflect.ValueOf(e).FieldByName("Live").Bool()
		switch {
		case slices.Contains(long, e.Subject()):
			want = 24 * time.Hour
			require.False(t, waits, "%s would keep a place of those that somebody waits for", e.Subject())
		case waits || slices.Contains(calls, e.Subject()):
			want = 5 * time.Minute
		}
		require.Equal(t, want, e.Timeout(), e.Subject())
	}
}

// TestReasonsOfPeople are texts of a bounded length; some may be left out.
func TestReasonsOfPeople(t *testing.T) {
	t.Parallel()
	for reason, says := range map[string]string{
		"a friend":                           "",
		"two\nlines":                         "",
		strings.Repeat("č", longestReason):   "",
		strings.Repeat("č", longestReason+1): "reason: may have 500 characters at most",
		"a\x00b":                             "reason: is no text",
		"a\ufffd":                            "reason: is no text",
	} {
		for _, needed := range []bool{true, false} {
			err := checkReason(reason, needed)
			if says == "" {
				require.NoError(t, err, reason)
				continue
			}
			require.ErrorContains(t, err, says)
		}
	}
	for _, blank := range []string{"", " \n"} {
		require.ErrorContains(t, checkReason(blank, true), "reason: is missing")
		require.NoError(t, checkReason(blank, false))
	}
}

// TestListsOfPairsAreChecked before anything is looked at.
func TestListsOfPairsAreChecked(t *testing.T) {
	t.Parallel()
	pairs := func(n int) []Pair {
		all := make([]Pair, n)
		for i := range all {
			all[i] = Pair{ContactID: "17", MetaKockaID: "7001"}
		}
		return all
	}
	require.NoError(t, ImportPairsRequest{Pairs: pairs(MostPairs)}.check())
	require.NoError(t, ImportPairsRequest{Pairs: pairs(1), LinkOnly: true}.check())
	for says, r := range map[string]ImportPairsRequest{
		"pairs: name some":                    {},
		"pairs: at most 2000 at once":         {Pairs: pairs(MostPairs + 1)},
		"linkOnly: does nothing in a dry run": {Pairs: pairs(1), DryRun: true, LinkOnly: true},
		"pairs[1].contactId: is missing":      {Pairs: append(pairs(1), Pair{ContactID: " ", MetaKockaID: "7001"})},
		"pairs[1].metakockaId: is missing":    {Pairs: append(pairs(1), Pair{ContactID: "17"})},
		"pairs[0].metakockaId: is not an id":  {Pairs: []Pair{{ContactID: "17", MetaKockaID: "a b"}}},
	} {
		require.ErrorContains(t, r.check(), says)
	}
	for _, v := range PairVerdicts() {
		done := map[PairVerdict]bool{PairTaken: true, PairLinked: true, PairParted: true, PairLeftOut: true}[v]
		require.Equal(t, done, v.Done(), v)
	}
}

// TestWhichOfTwoContactsIsKept: who has a partner, then who has more values, then the first.
func TestWhichOfTwoContactsIsKept(t *testing.T) {
	t.Parallel()
	s := &duplicateSearch{contacts: map[string]store.MatchContact{
		"a": {ID: "a", Contact: mapping.Contact{Name: "Ana"}},
		"b": {ID: "b", Contact: mapping.Contact{Name: "Ana"}},
		"c": {ID: "c", Contact: mapping.Contact{Name: "Ana", Email: "ana@novak.si"}},
		"d": {ID: "d", Contact: mapping.Contact{Name: "Ana"}, MetaKockaID: "7001", Status: store.StatusSynced},
		"e": {ID: "e", Contact: mapping.Contact{Name: "Ana"}, MetaKockaID: "7002", Status: store.StatusUnlinked},
	}}
	for _, c := range []struct{ one, other, kept string }{{"a", "b", "a"}, {"a", "c", "c"}, {"c", "d", "d"}, {"c", "e", "c"}, {"a", "e", "a"}} {
		for _, two := range [][2]string{{c.one, c.other}, {c.other, c.one}} {
			loser, winner := s.loserFirst(two[0], two[1])
			require.Equal(t, c.kept, winner, two)
			require.NotEqual(t, winner, loser)
		}
	}
}

// TestHowARequestEnded whose reconcile came to no link.
func TestHowARequestEnded(t *testing.T) {
	t.Parallel()
	for _, status := range store.Statuses() {
		err := brought(syncer.Result{LinkID: "l", ContactID: "17", Status: status}, nil)
		switch {
		case status == store.StatusHeld:
			require.ErrorContains(t, err, "contact 17 waits for a person")
		case status.Alive():
			require.NoError(t, err, status)
		default:
			require.ErrorContains(t, err, "contact 17 is not linked: it was deleted meanwhile", status)
		}
	}
	require.ErrorContains(t, brought(syncer.Result{ContactID: "17"}, nil), "contact 17 is not linked")
}
