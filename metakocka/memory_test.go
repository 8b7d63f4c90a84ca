package metakocka_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

func TestMemorySparesWhatCameBefore(t *testing.T) {
	t.Parallel()
	erp, c := simulated(t, sim.Options{Partners: []metakocka.Partner{
		{Customer: "Ana Novak", Contacts: []metakocka.Contact{{Name: "Ana Novak", Email: "ana@primer.si"}}},
		{Customer: "Bor Novak"},
	}})
	memory := metakocka.NewMemory()
	look := func() metakocka.Found {
		found, err := c.Find(t.Context(), metakocka.Query{Name: "novak", Memory: memory})
		require.NoError(t, err)
		require.Len(t, found.Partners, 2)
		require.Len(t, found.Seen, 2)
		return found
	}
	first := look()
	require.False(t, first.Seen[0].Known)
	require.Equal(t, first.Partners[0].Hash(), first.Seen[0].Hash)
	ana := first.Partners[0]

	memory.Turn()
	require.NoError(t, erp.EditPartner(first.Partners[1].MKID, func(p *metakocka.Partner) { p.Customer = "Bor M. Novak" }))
	second := look()
	require.Equal(t, metakocka.Seen{Hash: ana.Hash(), Known: true}, second.Seen[0])
	require.Equal(t, metakocka.Partner{MKID: ana.MKID, Customer: ana.Customer}, second.Partners[0])
	require.Equal(t, metakocka.Seen{Hash: second.Partners[1].Hash()}, second.Seen[1], "it was edited")

	memory.Turn()
	third := look()
	require.Equal(t, []metakocka.Partner{{MKID: ana.MKID, Customer: ana.Customer}, {MKID: second.Partners[1].MKID, Customer: "Bor M. Novak"}}, third.Partners)
	require.Equal(t, []metakocka.Seen{{Hash: ana.Hash(), Known: true}, {Hash: second.Seen[1].Hash, Known: true}}, third.Seen, "the list came as before")

	memory.Turn()
	memory.Turn()
	require.Equal(t, first.Seen[0], look().Seen[0], "the look before saw nobody")
	memory.Forget()
	require.Equal(t, first.Seen[0], look().Seen[0])
}
