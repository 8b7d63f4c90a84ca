package status

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
)

// TestWhatWaits: every line of the problems is one that waits, but for those that only
// point to a list, and what a person decides does not heal.
func TestWhatWaits(t *testing.T) {
	t.Parallel()
	since := time.Now()
	var s Status
	s.counted(store.Counts{Matches: store.Waits{Count: 2, Since: &since}, Errors: store.Waits{Count: 1}, OpenMerges: 1})
	a, b := coded.Say("problem.full", "the stream {stream} is full", "A"), coded.Say("problem.full", "the stream {stream} is full", "B")
	s.problem(ProblemStreamFull, a)
	s.problem(ProblemStreamFull, b)
	paused := coded.Say("problem.paused", "sending is paused: {words}", "no answer")
	s.blocked(ProblemPaused, "sending is paused", paused)

	merge := "1 merge of contacts is not finished: mksync merge list"
	merges := coded.Count("problem.merges_open", 1, "{n} merge of contacts is not finished: mksync merge list", "")
	require.Equal(t, []Waiting{
		{Code: WaitingMatch, Count: 2, Since: &since},
		{Code: WaitingError, Count: 1, MayHeal: true},
		{Code: ProblemMergesOpen, Count: 1, MayHeal: true, Lines: []string{merge}, Reasons: []coded.Text{merges}},
		{Code: ProblemStreamFull, Count: 2, MayHeal: true, Lines: []string{"the stream A is full", "the stream B is full"}, Reasons: []coded.Text{a, b}},
		{Code: ProblemPaused, Count: 1, MayHeal: true, Lines: []string{"sending is paused: no answer"}, Reasons: []coded.Text{paused}},
	}, s.Waiting)
	require.Equal(t, []string{
		"2 contacts wait for a person, who says which partner is theirs: mksync unclear",
		merge, "the stream A is full", "the stream B is full", "sending is paused: no answer",
	}, s.Problems)
	require.Equal(t, []string{"sending is paused"}, s.NotReady)
	for _, w := range s.Waiting {
		require.True(t, slices.Contains(Codes(), w.Code), w.Code)
	}
}
