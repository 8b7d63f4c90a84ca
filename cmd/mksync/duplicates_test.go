package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

func TestLikelyDuplicatesAreListedByCommand(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	linked, _ := synced(w, mapping.Contact{Name: "Ana Novak", Email: "ana@novak.si", Phone: "040 111 222"})
	loser := w.Add(mapping.Contact{Name: "NOVAK Ana", Email: "ana(at)novak.si", Phone: "+386 40 111 222"})
	for range 2 {
		_, err := w.ERP.AddPartner(metakocka.Partner{Customer: "Dana Dolenc", TaxIDNumber: "SI51234050"})
		require.NoError(t, err)
	}
	s := w.Parts()
	require.NoError(t, s.Poller.Poll(t.Context()))
	s.Close()

	list := mksync(w, "duplicates")
	require.Len(t, list.lines(), 2, list.stdout)
	require.Contains(t, list.lines()[0], "96  partners  merge them in MetaKocka")
	require.Contains(t, list.lines()[0], "same tax number, same name")
	require.Contains(t, list.lines()[1], loser+"  "+linked)
	require.Contains(t, list.lines()[1], "contacts  mksync merge "+loser+" "+linked)

	var found []operations.Duplicate
	short := mksync(w, "duplicates", "--limit", "1", "--json")
	short.read(&found)
	require.Len(t, found, 1)
	require.Contains(t, mksync(w, "duplicates", "--limit", "1").stderr, "the 1 likeliest of 2")
	mksync(w, "duplicates", "--limit", "5000").refused("limit: must be from 1 to 1000")
}
