package cdc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAPromotedServerLacksNothing, or a person is asked.
func TestAPromotedServerLacksNothing(t *testing.T) {
	t.Parallel()
	history, err := parseHistory([]byte("# a file\n1\t0/5000000\tno recovery target specified\n\n2\t0/7000000\tbefore 2026-11-30 12:00:00+00\n"))
	require.NoError(t, err)
	require.Equal(t, map[int32]LSN{1: 0x5000000, 2: 0x7000000}, history)

	good := promotion{
		known: 2, own: 3, history: history, built: Built{Timeline: 2, UpTo: 0x7000000}, newest: 0x6ffffff,
		slot: slotFacts{found: true, failover: true},
	}
	for name, c := range map[string]struct {
		change func(p *promotion)
		lacks  string
	}{
		"nothing":                           {func(*promotion) {}, ""},
		"nothing, and nothing is published": {func(p *promotion) { p.newest = 0 }, ""},
		"nothing since an earlier failover": {func(p *promotion) { p.built = Built{Timeline: 1, UpTo: 0x4000000} }, ""},
		"nothing over two failovers":        {func(p *promotion) { p.known, p.built, p.newest = 1, Built{Timeline: 1, UpTo: 0x5000000}, 0x4000000 }, ""},
		"a commit that something rests on":  {func(p *promotion) { p.built.UpTo++ }, "it lacks what mksync has built upon"},
		"an event that is published":        {func(p *promotion) { p.newest = 0x7000000 }, "it lacks the stream's newest event"},
		"a restore to a time before":        {func(p *promotion) { p.history = map[int32]LSN{2: 0x6000000} }, "it lacks what mksync has built upon"},
		"all but the first failover":        {func(p *promotion) { p.known, p.built.Timeline = 1, 1 }, "it lacks what mksync has built upon"},
		"another standby is gone on with":   {func(p *promotion) { p.known = 1; p.built.UpTo = 0x4000000; p.newest = 0 }, "mksync has gone on with another server since, on timeline 2"},
		"nothing, and it is noted already":  {func(p *promotion) { p.built = Built{Timeline: 3, UpTo: 0x7000000} }, ""},
		"a sibling is gone on with":         {func(p *promotion) { p.built = Built{Timeline: 3, UpTo: 0x7000001} }, "mksync has gone on with another server since, on timeline 3"},
		"a sibling that branched before":    {func(p *promotion) { p.built = Built{Timeline: 3, UpTo: 0x6ffffff} }, "mksync has gone on with another server since, on timeline 3"},
		"another branch":                    {func(p *promotion) { p.known = 3 }, "does not come out of that one"},
		"the slot":                          {func(p *promotion) { p.slot = slotFacts{} }, "slot did not come with it"},
		"the slot, which was made by hand":  {func(p *promotion) { p.slot.failover = false }, "slot did not come with it"},
		"the slot, which Postgres gave up":  {func(p *promotion) { p.slot.lost = true }, "slot did not come with it"},
	} {
		p := good
		c.change(&p)
		lack := p.lack()
		if c.lacks == "" {
			require.Empty(t, lack.String(), name)
			continue
		}
		require.Contains(t, lack.String(), c.lacks, name)
	}

	for _, broken := range []string{"1", "one 0/1", "1 here"} {
		_, err := parseHistory([]byte(broken))
		require.ErrorIs(t, err, ErrProtocol, broken)
	}
}

// TestAStandbyThatIsAwayIsTold, and keeps nobody from beginning.
func TestAStandbyThatIsAwayIsTold(t *testing.T) {
	t.Parallel()
	f := facts{server: serverFacts{away: "standby_1"}, slot: slotFacts{found: true}}
	require.Nil(t, awayProblem(Config{}, f), "the slot fails over to no standby")
	f.slot.failover = true
	require.ErrorContains(t, awayProblem(Config{}, f), "no standby uses the replication slot standby_1")
}
