package operations_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

func (a *asked) duplicates(limit int) (operations.Duplicates, error) {
	return operations.OpDuplicates.Ask(a.ctx(), a.api, operations.DuplicatesRequest{Limit: limit})
}

// TestLikelyDuplicates of contacts and of partners, the likeliest first; of contacts the one
// that is linked is kept, though the other holds more. Strangers share what says nothing.
func TestLikelyDuplicates(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	a := asks(w)
	linked, _ := a.synced(mapping.Contact{Name: "Ana Novak", Email: "ana@novak.si", Phone: "040 111 222"})
	loser := w.Add(mapping.Contact{Name: "NOVAK Ana", Email: "ana(at)novak.si", Phone: "+386 40 111 222", Notes: "twice", Website: "novak.si", Country: "SI"})
	w.Add(mapping.Contact{Name: "Bor Kos", Email: "info@kos.si", TaxNumber: "12345679"})
	w.Add(mapping.Contact{Name: "Bor Kos", Email: "info@kos.si", TaxNumber: "87654326"})
	w.Add(mapping.Contact{Name: "Cene Zajc"})
	for _, name := range []string{"Eva Fink", "Jure Lah"} {
		w.Add(mapping.Contact{Name: name, TaxNumber: "00000000", Phone: "-", Email: "/"})
	}
	for range 2 {
		_, err := w.ERP.AddPartner(metakocka.Partner{Customer: "Dana Dolenc", TaxIDNumber: "SI51234050"})
		require.NoError(t, err)
	}
	require.NoError(t, a.service.Poller.Poll(a.ctx()))

	found, err := a.duplicates(0)
	require.NoError(t, err)
	require.Equal(t, 2, found.Total)
	partners, contacts := found.Items[0], found.Items[1]
	require.Equal(t, []any{operations.DuplicatePartners, 96, "", ""}, []any{partners.Kind, partners.Score, partners.LoserContactID, partners.WinnerContactID})
	require.Equal(t, []string{"same tax number", "same name"}, partners.Reasons)
	require.Equal(t, []string{operations.DuplicateContacts, loser, linked, loser, linked}, []string{contacts.Kind, contacts.ID, contacts.OtherID, contacts.LoserContactID, contacts.WinnerContactID})
	require.Equal(t, []string{"same phone", "same name"}, contacts.Reasons)

	few, err := a.duplicates(1)
	require.NoError(t, err)
	require.Equal(t, operations.Duplicates{Items: found.Items[:1], Total: 2}, few)
	_, err = a.duplicates(5000)
	refused(t, err, "limit: must be from 1 to 1000")

	a.merged(loser, linked)
	rest, err := a.duplicates(0)
	require.NoError(t, err)
	require.Equal(t, operations.Duplicates{Items: found.Items[:1], Total: 1}, rest)
}
