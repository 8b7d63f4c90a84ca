package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer/operations"
)

func TestLikelyDuplicatesAreListedByCommand(t *testing.T) {
	t.Parallel()
	bothWays(t, func(w *world.World) string {
		id, _ := synced(w, mapping.Contact{Name: "Ana Novak", Email: "ana@novak.si", Phone: "040 111 222"})
		// It holds more, but a running service cannot link it.
		w.Add(mapping.Contact{Name: "NOVAK Ana", Email: "ana(at)novak.si", Phone: "+386 40 111 222", Notes: "twice", Website: "novak.si", Country: "SI"})
		w.Add(mapping.Contact{Name: "Bor Kos", Email: "info@kos.si", TaxNumber: "12345679"})
		w.Add(mapping.Contact{Name: "Bor Kos", Email: "info@kos.si", TaxNumber: "87654326"})
		w.Add(mapping.Contact{Name: "Cene Zajc"})
		for _, name := range []string{"Eva Fink", "Jure Lah"} { // strangers, who share what says nothing
			w.Add(mapping.Contact{Name: name, TaxNumber: "00000000", Phone: "-", Email: "/"})
		}
		for range 2 {
			_, err := w.ERP.AddPartner(metakocka.Partner{Customer: "Dana Dolenc", TaxIDNumber: "SI51234050"})
			require.NoError(w.T, err)
		}
		_, stop := w.Start(service.RolePoller)
		w.Polls(1)
		stop()
		return id
	}, func(w *world.World, linked string) {
		t := w.T
		loser := w.One("SELECT id::text FROM contacts WHERE notes = 'twice'")
		list := mksync(w, "duplicates")
		require.Len(t, list.lines(), 2, list.stdout)
		require.Contains(t, list.lines()[0], "96  partners  merge them in MetaKocka")
		require.Contains(t, list.lines()[0], "same tax number, same name")
		require.Contains(t, list.lines()[1], loser+"  "+linked)
		require.Contains(t, list.lines()[1], "contacts  mksync merge "+loser+" "+linked)
		require.Contains(t, list.lines()[1], "same phone, same name")

		var found []operations.Duplicate
		short := mksync(w, "duplicates", "--limit", "1", "--json")
		short.read(&found)
		require.Len(t, found, 1)
		require.Contains(t, mksync(w, "duplicates", "--limit", "1").stderr, "the 1 likeliest of 2")
		mksync(w, "duplicates", "--limit", "5000").refused("limit: must be from 1 to 1000")

		merged(w, loser, linked)
		require.Len(t, mksync(w, "duplicates").lines(), 1)
	})
}
