package syncer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// The simulator knows countries by the names of older tables, and refuses others.
func TestACountryThatTheERPKnowsByAnotherName(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{Country: sim.CountryAsSent})
	s := w.Up()
	country := func(p metakocka.Partner) any { return p.Addresses[0].Country }
	for code, name := range map[string]string{"MK": "Macedonia", "CI": "Côte d’Ivoire", "PS": "Palestinian Territories"} {
		id := w.Add(mapping.Contact{Name: "Oseba " + code, Email: code + "@country-test.si", Country: code, Address: "Cesta 1, Mesto, 1000"})
		w.Status(id, "synced")
		require.Equal(t, name, country(w.Partner(id)))
	}
	moved := w.Add(mapping.Contact{Name: "Seli se", Email: "moves@country-test.si", Country: "SI", Address: "Cesta 1, Mesto, 1000"})
	w.Status(moved, "synced")
	w.Set(moved, mapping.FieldCountry, "MK")
	w.PartnerIs(moved, "Macedonia", country)
	w.Quiet(s)
	require.Equal(t, "synced: ", w.Mapping(moved))
	require.Equal(t, "MK", w.Contact(moved).Country)
	require.Empty(t, w.Letters(s))
}
