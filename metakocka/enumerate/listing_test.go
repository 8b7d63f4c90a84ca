package enumerate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestListingsAreReadPageByPage: each partner once, in as many calls as there are
// full pages and one.
func TestListingsAreReadPageByPage(t *testing.T) {
	t.Parallel()
	servers := map[string]sim.Options{
		"a search that names nothing": {},
		"an empty name":               {ListAll: sim.Refused, EmptyName: sim.ListsAll},
		"smaller pages":               {AnswerCap: 500},
		"all at once":                 {Paging: sim.PagesIgnored},
		"counts what it brings":       {CountCapped: sim.CountsReturned},
	}
	for _, name := range long.Every(2, slices.Sorted(maps.Keys(servers))) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 1310
			opts := servers[name]
			opts.Partners = partnersNamed(n)
			e, _ := enumeratorOf(t, opts)
			require.LessOrEqual(t, enumerateAll(t, e, n).Calls, 1+5+checks)
			require.LessOrEqual(t, enumerateAll(t, e, n).Calls, 5)
			require.NotEqual(t, WayLetters, e.Way())
		})
	}
}

// TestAPollOfTenThousandCostsElevenCalls leaves out the wire. The number of
// partners is one at which a server may cut.
func TestAPollOfTenThousandCostsElevenCalls(t *testing.T) {
	t.Parallel()
	const n = 10000
	l := &lister{names: make([]string, n)}
	for i, p := range partnersNamed(n) {
		l.names[i] = p.Customer
	}
	e := New(l, knownNames{}, Config{FullEvery: time.Hour})
	enumerateAll(t, e, n)
	require.Equal(t, 11, enumerateAll(t, e, n).Calls)
	require.Equal(t, n, l.brought, "each partner came once")
}

// TestListingsThatAreNotWholeAreNotBelieved: letters find what they leave out.
func TestListingsThatAreNotWholeAreNotBelieved(t *testing.T) {
	t.Parallel()
	const n = 1400
	servers := map[string]sim.Options{
		"the offset is ignored":           {Paging: sim.OffsetIgnored},
		"and counted as it came":          {Paging: sim.OffsetIgnored, CountCapped: sim.CountsReturned},
		"the offset is a page's number":   {Paging: sim.OffsetIsPage},
		"and counted as it came, by page": {Paging: sim.OffsetIsPage, CountCapped: sim.CountsReturned},
		"cut at a usual size":             {Paging: sim.PagesIgnored, AnswerCap: 1000, CountCapped: sim.CountsReturned},
		"cut at an odd size":              {Paging: sim.PagesIgnored, AnswerCap: 1234, CountCapped: sim.CountsReturned},
		"nothing is listed":               {ListAll: sim.ListsNothing},
		"refused":                         {ListAll: sim.Refused},
	}
	for _, name := range long.Every(4, slices.Sorted(maps.Keys(servers))) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := servers[name]
			opts.Partners = partnersNamed(n)
			e, _ := enumeratorOf(t, opts)
			require.Equal(t, WayLetters, wayAfter(t, e, n))
		})
	}
}

func wayAfter(t *testing.T, e *Enumerator, n int) Way {
	t.Helper()
	enumerateAll(t, e, n, "10000")
	enumerateAll(t, e, n, "10000")
	return e.Way()
}

// TestAListingThatBecomesCutIsNotUsed: there are more partners by now than one
// answer holds.
func TestAListingThatBecomesCutIsNotUsed(t *testing.T) {
	t.Parallel()
	partners := partnersNamed(25)
	e, erp := enumeratorOf(t, sim.Options{Paging: sim.PagesIgnored, AnswerCap: 20, CountCapped: sim.CountsReturned, Partners: partners[:15]})
	enumerateAll(t, e, 15)
	require.Equal(t, 1, enumerateAll(t, e, 15).Calls)
	for _, p := range partners[15:] {
		_, err := erp.AddPartner(p)
		require.NoError(t, err)
	}
	enumerateAll(t, e, 25)
}

// TestAKnownPartnerHasToBeListed: one that the list lacks, and that is there, shows
// that the list is not whole; one that is gone shows nothing.
func TestAKnownPartnerHasToBeListed(t *testing.T) {
	t.Parallel()
	const n = 50
	l := &lister{hidden: "49"}
	for range n {
		l.names = append(l.names, "日本")
	}
	e := New(l, knownNames{"日本"}, Config{FullEvery: time.Hour})
	enumerateAll(t, e, n-1, "gone")
	require.Equal(t, WayAll, e.Way())
	enumerateAll(t, e, n, "49")
	require.Equal(t, WayLetters, e.Way())
}

// TestPartnersThatMoveUpAreSeen: one is deleted while the pages are read.
func TestPartnersThatMoveUpAreSeen(t *testing.T) {
	t.Parallel()
	const n = 2100
	l := &lister{}
	known := make([]string, n)
	for i := range n {
		l.names = append(l.names, fmt.Sprint("Ana ", i))
		known[i] = fmt.Sprint(i)
	}
	e := New(l, knownNames{}, Config{FullEvery: time.Hour})
	enumerateAll(t, e, n, known...)
	l.before = func(q metakocka.Query) {
		if q.Offset == page {
			l.hidden = "5"
		}
	}
	got := enumerateAll(t, e, n, known...) // number 5 came with the first page
	require.Contains(t, got.Of, "1000")
	require.Equal(t, WayAll, e.Way())
}

// TestListingIsTriedAgain: what was found out is kept, and looked at now and then.
func TestListingIsTriedAgain(t *testing.T) {
	t.Parallel()
	const n = 60
	erp := sim.Options{Partners: partnersNamed(n)}
	e, _ := enumeratorOf(t, erp)
	e.Resume(WayLetters)
	require.Greater(t, enumerateAll(t, e, n).Calls, 30)
	e.tried = time.Now().Add(-e.cfg.RetryEvery)
	require.Equal(t, 1+checks, enumerateAll(t, e, n).Calls)
	require.Equal(t, WayAll, e.Way())

	e, _ = enumeratorOf(t, erp)
	e.Resume(WayAll)
	require.Equal(t, 1+checks, enumerateAll(t, e, n).Calls)
	e.checked = time.Time{}
	require.Equal(t, 1+checks, enumerateAll(t, e, n).Calls, "and checked with other letters")
	require.Equal(t, 2*checks, e.turn)
}

// TestAWrongKeyIsNoWayOfListing: when everything is refused nothing is found out.
func TestAWrongKeyIsNoWayOfListing(t *testing.T) {
	t.Parallel()
	const n = 30
	e, erp := enumeratorOf(t, sim.Options{Partners: partnersNamed(n)})
	require.NoError(t, erp.SetFaults(sim.Faults{RefuseAll: "Wrong key."}))
	_, err := e.Enumerate(t.Context(), nil)
	require.True(t, metakocka.IsRefusal(err), "%v", err)
	require.NoError(t, erp.SetFaults(sim.Faults{}))
	enumerateAll(t, e, n)
	require.NotEqual(t, WayLetters, e.Way())
}

// lister lists by the page.
type lister struct {
	names   []string
	hidden  string // the id of one that listings leave out
	before  func(q metakocka.Query)
	brought int
}

func (l *lister) Find(_ context.Context, q metakocka.Query) (found metakocka.Found, _ error) {
	if l.before != nil {
		l.before(q)
	}
	lists := q.All || q.EmptyName
	for i, name := range l.names {
		id := fmt.Sprint(i)
		if lists && id == l.hidden || q.ID != "" && q.ID != id || !strings.Contains(strings.ToLower(name), q.Name) {
			continue
		}
		found.Partners = append(found.Partners, metakocka.Partner{MKID: id, Customer: name})
	}
	if found.Count = len(found.Partners); lists {
		from := min(q.Offset, found.Count)
		found.Partners = found.Partners[from:min(from+q.Limit, found.Count)]
		if q.Offset == 0 {
			l.brought = 0
		}
		l.brought += len(found.Partners)
	}
	return found, nil
}
