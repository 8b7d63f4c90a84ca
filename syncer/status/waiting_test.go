package status

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/store"
)

// TestWhatWaits: every line of the problems is one that waits, but for those that only
// point to a list, and what a person decides does not heal.
func TestWhatWaits(t *testing.T) {
	t.Parallel()
	since := time.Now()
	var s Status
	s.counted(store.Counts{Matches: store.Waits{Count: 2, Since: &since}, Errors: store.Waits{Count: 1}, OpenMerges: 1})
	s.problem(ProblemStreamFull, "the stream %s is full", "A")
	s.problem(ProblemStreamFull, "the stream %s is full", "B")
	s.blocked(ProblemPaused, "sending is paused", ": %s", "no answer")

	merge := "1 merge of contacts is not finished: mksync merge list"
	require.Equal(t, []Waiting{
		{Code: WaitingMatch, Count: 2, Since: &since},
		{Code: WaitingError, Count: 1, MayHeal: true},
		{Code: ProblemMergesOpen, Count: 1, MayHeal: true, Lines: []string{merge}},
		{Code: ProblemStreamFull, Count: 2, MayHeal: true, Lines: []string{"the stream A is full", "the stream B is full"}},
		{Code: ProblemPaused, Count: 1, MayHeal: true, Lines: []string{"sending is paused: no answer"}},
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
