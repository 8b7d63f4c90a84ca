package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestARefusedWriteIsSentAgainWhereTheKeyIsRightMeanwhile: each kind of write is
// refused as with a wrong key, and all that follows is taken. The contact is not
// to blame, so nothing is put aside, left out or said not to be kept.
func TestARefusedWriteIsSentAgainWhereTheKeyIsRightMeanwhile(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{Notes: sim.Kept, ShowBuyer: true})
	w.cfg.DeletePolicy = syncer.PolicyDeactivate
	s := w.up()
	refuse := func(endpoint string, then ...sim.Fault) {
		require.NoError(t, w.erp.FailNext(endpoint, then...))
	}
	synced := func(id string) {
		w.status(id, "synced")
		require.Equal(t, "synced: ", w.mapping(id))
		require.Empty(t, w.letters(s))
	}

	refuse(metakocka.EndpointAdd, sim.FaultRefused)
	id := w.add(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Notes: "Pays late"})
	w.partnerIs(id, "Pays late", func(p metakocka.Partner) any { return p.Notes })
	synced(id)

	refuse(metakocka.EndpointUpdate, sim.FaultRefused)
	w.set(id, mapping.FieldNotes, "Pays in time")
	w.partnerIs(id, "Pays in time", func(p metakocka.Partner) any { return p.Notes })
	w.idle(s)
	synced(id)

	refuse(metakocka.EndpointUpdate, sim.NoFault, sim.FaultRefused) // the remove marker
	w.set(id, mapping.FieldEmail, "")
	w.partnerIs(id, "", func(p metakocka.Partner) any { return p.Contacts[0].Email })
	w.idle(s)
	synced(id)

	refuse(metakocka.EndpointUpdate, sim.FaultRefused)
	w.exec("DELETE FROM contacts WHERE id = $1", id)
	w.status(id, "deleted")
	require.Equal(t, "deleted: ", w.mapping(id))
	require.Empty(t, w.letters(s))
	require.Len(t, w.erp.Partners(), 1)
	require.False(t, *w.erp.Partners()[0].Buyer)
}
