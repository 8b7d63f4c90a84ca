package operations

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryOperationSaysWhoMay: one that is forgotten asks for an admin.
func TestEveryOperationSaysWhoMay(t *testing.T) {
	t.Parallel()
	for _, e := range Endpoints() {
		require.Contains(t, Roles(), rights[e.Subject()], e.Subject())
	}
	require.Len(t, rights, len(Endpoints()), "of an operation that there is not")
	require.Equal(t, Admin, Right(Operation[Nothing, Nothing]{Name: "no.such"}))
}

// TestARoleMayWhatThoseBeforeItMay, and one that there is not may nothing.
func TestARoleMayWhatThoseBeforeItMay(t *testing.T) {
	t.Parallel()
	for i, r := range Roles() {
		for j, need := range Roles() {
			require.Equal(t, i >= j, r.May(need), "%s: %s", r, need)
		}
		require.False(t, Role("").May(r))
	}
}

// TestWhoIsNotKnownMayEverything: this process, and its own commands.
func TestWhoIsNotKnownMayEverything(t *testing.T) {
	t.Parallel()
	require.NoError(t, allow(t.Context(), OpPrune, &Nothing{}))
	require.Error(t, allow(AskedBy(t.Context(), Caller{Name: "ana", Role: Operator}), OpPrune, &Nothing{}))
}

// TestADecisionIsADeciders, though the same operation without one is an operator's.
func TestADecisionIsADeciders(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		role    Role
		of      Endpoint
		request any
		may     bool
	}{
		{Viewer, OpStatus, nil, true},
		{Viewer, OpLink, &LinkRequest{}, false},
		{Decider, OpLink, &LinkRequest{}, true},
		{Decider, OpSync, &SyncRequest{}, false},
		{Decider, OpSync, &SyncRequest{New: true}, true},
		{Viewer, OpSync, &SyncRequest{New: true}, false},
		{Decider, OpImport, &ImportRequest{}, false},
		{Decider, OpImport, &ImportRequest{New: true}, true},
		{Operator, OpSync, &SyncRequest{}, true},
		{Operator, OpPrune, nil, false},
		{Admin, OpPrune, nil, true},
	} {
		err := allow(AskedBy(t.Context(), Caller{Name: "jana", Role: tc.role}), tc.of, tc.request)
		require.Equal(t, tc.may, err == nil, "%s: %s %+v", tc.role, tc.of.Subject(), tc.request)
		if !tc.may {
			require.ErrorContains(t, err, "jana has "+string(tc.role))
		}
	}
}
