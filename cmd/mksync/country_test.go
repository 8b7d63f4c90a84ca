package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// The simulator knows countries by the names of older tables, and refuses others.
func TestACountryThatTheERPKnowsByAnotherName(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{Country: sim.CountryAsSent})
	s := w.up()
	country := func(p metakocka.Partner) any { return p.Addresses[0].Country }
	for code, name := range map[string]string{"MK": "Macedonia", "CI": "Côte d’Ivoire", "PS": "Palestinian Territories"} {
		id := w.add(mapping.Contact{Name: "Oseba " + code, Email: code + "@country-test.si", Country: code, Address: "Cesta 1, Mesto, 1000"})
		w.status(id, "synced")
		require.Equal(t, name, country(w.partner(id)))
	}
	moved := w.add(mapping.Contact{Name: "Seli se", Email: "moves@country-test.si", Country: "SI", Address: "Cesta 1, Mesto, 1000"})
	w.status(moved, "synced")
	w.set(moved, mapping.FieldCountry, "MK")
	w.partnerIs(moved, "Macedonia", country)
	w.quiet(s)
	require.Equal(t, "synced: ", w.mapping(moved))
	require.Equal(t, "MK", w.contact(moved).Country)
	require.Empty(t, w.letters(s))
}
