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

		// What a person has to decide has not failed.
		require.Contains(w.T, repaired.stderr, "1 found, 1 repaired\n")
		for _, tax := range []string{"", "", world.TaxNumber(1)} {
			_, err := w.ERP.AddPartner(world.Person("", "Dvojna", tax, "dvojna@primer.si"))
			require.NoError(w.T, err)
		}
		w.Insert("Dvojna Oseba", "dvojna@primer.si")
		left := mksync(w, "check", "--repair", "--json")
		require.Contains(w.T, left.stdout, `"waiting": 1`, left.stderr)
	})
}
