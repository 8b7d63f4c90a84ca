package operations

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

func TestWhatStandsAgainstAPair(t *testing.T) {
	t.Parallel()
	free := store.Pairing{ContactID: "c", MetaKockaID: "p", Contact: &mapping.Contact{}, InScope: true, Partner: []byte("{}")}
	for _, c := range []struct {
		want   PairVerdict
		change func(p *store.Pairing)
		twice  bool
	}{
		{PairTaken, func(*store.Pairing) {}, false},
		{PairTaken, func(p *store.Pairing) { p.Status = store.StatusHeld }, false},
		{PairContactMissing, func(p *store.Pairing) { p.Contact, p.Partner = nil, nil }, true},
		{PairLinked, func(p *store.Pairing) { p.LinkedTo, p.Holder, p.Partner, p.InScope = "p", "c", nil, false }, true},
		{PairLeftOut, func(p *store.Pairing) { p.InScope, p.Holder = false, "d" }, true},
		{PairContactLinked, func(p *store.Pairing) { p.LinkedTo = "q" }, true},
		{PairPartnerLinked, func(p *store.Pairing) { p.Holder = "d" }, true},
		{PairParted, func(p *store.Pairing) { p.Parted = true }, true},
		{PairTwice, func(p *store.Pairing) { p.Partner = nil }, true},
		{PairPartnerMissing, func(p *store.Pairing) { p.Partner = nil }, false},
	} {
		p := free
		c.change(&p)
		got, reason := judgePair(p, c.twice)
		require.Equal(t, c.want, got)
		require.Equal(t, got == PairTaken || got == PairLinked, reason.IsZero(), got)
	}
}

// TestStrangersAreThoseThatNothingSaysAreOne: a list with its rows shifted is full of them.
func TestStrangersAreThoseThatNothingSaysAreOne(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"Ana Novak": false, "NOVAK ANA": false, "Bor Zajc": true} {
		got, err := strangers(store.Pairing{Contact: &mapping.Contact{Name: name}, Partner: []byte(`{"customer":"Ana Novak"}`)})
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
}

func TestPairsThatAreThereTwice(t *testing.T) {
	t.Parallel()
	var pairs []Pair
	for _, p := range [][2]string{{"a", "1"}, {"b", "2"}, {"a", "3"}, {"c", "2"}, {"d", "4"}, {"d", "4"}, {"a", "1"}, {"e", "3"}, {"4", "d"}} {
		pairs = append(pairs, Pair{ContactID: p[0], MetaKockaID: p[1]})
	}
	require.Equal(t, []int{2, 3, 0, 1, -1, -1, 2, 2, -1}, Twice(pairs))
	require.Empty(t, Twice(nil))
}

// TestPairsAreCounted by what became of them, and of which state the mappings are.
func TestPairsAreCounted(t *testing.T) {
	t.Parallel()
	items := []PairItem{
		{Verdict: PairTaken, SyncStatus: store.StatusSynced},
		{Verdict: PairTaken, SyncStatus: store.StatusPending, Strangers: true},
		{Verdict: PairLinked, SyncStatus: store.StatusSynced},
		{Verdict: PairTwice},
	}
	require.Equal(t, ImportPairsResult{
		Total: 4, Strangers: 1, Results: items,
		Counts:   map[PairVerdict]int{PairTaken: 2, PairLinked: 1, PairTwice: 1},
		Statuses: map[store.Status]int{store.StatusSynced: 2, store.StatusPending: 1},
	}, CountPairs(items))
}
