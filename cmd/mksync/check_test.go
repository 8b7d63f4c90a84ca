package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
)

func TestFullCheckByCommand(t *testing.T) {
	t.Parallel()
	bothWays(t, func(w *world.World) string {
		id := w.Left(2)[0]
		w.Outdated(id)
		return id
	}, func(w *world.World, id string) {
		check := mksync(w, "check")
		require.ErrorIs(w.T, check.err, errReported, check.stderr)
		require.Contains(w.T, check.stdout, id)
		require.Contains(w.T, check.stdout, "differs in phone")
		repaired := mksync(w, "check", "--repair")
		require.NoError(w.T, repaired.err, repaired.stderr)
		require.Empty(w.T, mksync(w, "check").lines())
	})
}
