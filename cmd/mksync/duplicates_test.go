package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer/operations"
)

func TestLikelyDuplicatesAreListedByCommand(t *testing.T) {
	t.Parallel()
	bothWays(t, func(w *world) string {
		id, _ := w.synced(mapping.Contact{Name: "Ana Novak", Email: "ana@novak.si", Phone: "040 111 222"})
		// It holds more, but a running service cannot link it.
		w.add(mapping.Contact{Name: "NOVAK Ana", Email: "ana(at)novak.si", Phone: "+386 40 111 222", Notes: "twice", Website: "novak.si", Country: "SI"})
		w.add(mapping.Contact{Name: "Bor Kos", Email: "info@kos.si", TaxNumber: "12345679"})
		w.add(mapping.Contact{Name: "Bor Kos", Email: "info@kos.si", TaxNumber: "87654326"})
		w.add(mapping.Contact{Name: "Cene Zajc"})
		for range 2 {
			_, err := w.erp.AddPartner(metakocka.Partner{Customer: "Dana Dolenc", TaxIDNumber: "SI51234050"})
			require.NoError(w.t, err)
		}
		_, stop := w.start(service.RolePoller)
		w.polls(1)
		stop()
		return id
	}, func(w *world, linked string) {
		t := w.t
		loser := w.one("SELECT id::text FROM contacts WHERE notes = 'twice'")
		list := w.mksync("duplicates")
		require.Len(t, list.lines(), 2, list.stdout)
		require.Contains(t, list.lines()[0], "96  partners  merge them in MetaKocka")
		require.Contains(t, list.lines()[0], "same tax number, same name")
		require.Contains(t, list.lines()[1], loser+"  "+linked)
		require.Contains(t, list.lines()[1], "contacts  mksync merge "+loser+" "+linked)
		require.Contains(t, list.lines()[1], "same phone, same name")

		var found []operations.Duplicate
		short := w.mksync("duplicates", "--limit", "1", "--json")
		short.read(&found)
		require.Len(t, found, 1)
		require.Contains(t, w.mksync("duplicates", "--limit", "1").stderr, "the 1 likeliest of 2")
		w.mksync("duplicates", "--limit", "5000").refused("limit: must be from 1 to 1000")

		w.merged(loser, linked)
		require.Len(t, w.mksync("duplicates").lines(), 1)
	})
}
