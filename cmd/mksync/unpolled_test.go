package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka/sim"
)

// TestPartnerThatVanishesBeforeItWasPolled: a linked partner that no poll has
// seen yet is missed all the same.
func TestPartnerThatVanishesBeforeItWasPolled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.PollInterval = time.Hour // one at the start
	_, stop := w.start()
	w.status(w.insert("Prva Oseba", "prva@primer.si"), "synced")
	id := w.one("INSERT INTO contacts (name) VALUES ('Kratka Zgodba') RETURNING id::text")
	w.status(id, "synced")
	partner := w.partner(id).MKID
	stop()
	require.NoError(t, w.erp.DeletePartner(partner))
	w.start()
	w.status(id, "unlinked")
}
