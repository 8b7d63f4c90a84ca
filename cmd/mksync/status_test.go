package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/syncer/status"
)

// TestNothingIsSaidOfADatabaseThatIsAway: not that it has no slot and no mapping.
func TestNothingIsSaidOfADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	const unknown = "not known: the CRM's database does not answer"
	known := status.Status{}
	away := status.Status{Waiting: []status.Waiting{{Code: status.ProblemDatabaseAway, Count: 1}}}
	require.Contains(t, statusSheet(known, "somebody"), terminal.Pair{"slot", "not there"})
	for _, name := range []string{"slot", "poller", "full check", "mappings", "differing", "waiting for you"} {
		require.Contains(t, statusSheet(away, "somebody"), terminal.Pair{name, unknown})
	}
}
