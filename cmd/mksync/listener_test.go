package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/cdc"
)

// TestWhatDiffersOfADatabaseIsShown, whatever tells the two apart.
func TestWhatDiffersOfADatabaseIsShown(t *testing.T) {
	t.Parallel()
	same := cdc.Accepted{OldSystemID: "7", SystemID: "7", OldTimeline: 1, Timeline: 1, OldDatabase: 5, Database: 5, OldStateTable: 9, StateTable: 9}
	require.Equal(t, "system 7, timeline 1, number 5, mksync_state number 9, as before", identified(same))
	for want, change := range map[string]func(a *cdc.Accepted){
		"system 7 (before: 6), timeline 1, number 5, mksync_state number 9":    func(a *cdc.Accepted) { a.OldSystemID = "6" },
		"system 7 (before: none), timeline 1, number 5, mksync_state number 9": func(a *cdc.Accepted) { a.OldSystemID = "" },
		"system 7, timeline 1 (before: 2), number 5, mksync_state number 9":    func(a *cdc.Accepted) { a.OldTimeline = 2 },
		"system 7, timeline 1, number 5 (before: 4), mksync_state number 9":    func(a *cdc.Accepted) { a.OldDatabase = 4 },
		"system 7, timeline 1, number 5, mksync_state number 9 (before: 8)":    func(a *cdc.Accepted) { a.OldStateTable = 8 },
	} {
		a := same
		change(&a)
		require.Equal(t, want, identified(a))
	}
}
