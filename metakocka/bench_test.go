package metakocka_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// BenchmarkSweep reads a thousand partners in one answer, as a poll does for
// each part of the names.
func BenchmarkSweep(b *testing.B) {
	opts := sim.Options{ListAll: sim.ListsAll}
	for range 1000 {
		opts.Partners = append(opts.Partners, metakocka.Partner{
			Customer: "Ana Novak", TaxIDNumber: "SI12345678",
			Contacts:  []metakocka.Contact{{Name: "Ana Novak", Email: "ana@example.com", GSM: "041234567"}},
			Addresses: []metakocka.Address{{Street: "Test, 4", PostNumber: "1000", City: "Ljubljana", Country: "Slovenija"}},
		})
	}
	_, c := simulated(b, opts)
	for b.Loop() {
		found, err := c.Find(b.Context(), metakocka.Query{All: true})
		require.NoError(b, err)
		require.Len(b, found.Partners, 1000)
	}
}

func BenchmarkHash(b *testing.B) {
	p := metakocka.Partner{
		MKID: "1", Customer: "Ana Novak", Contacts: []metakocka.Contact{{Name: "Ana"}}, Addresses: []metakocka.Address{{Street: "Test, 4"}},
	}
	for b.Loop() {
		p.Hash()
	}
}
