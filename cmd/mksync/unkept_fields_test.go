package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestAFieldThatTheInstallationNeverKeeps: it makes no link partial, costs no call, is
// told, and is sent once it is kept.
func TestAFieldThatTheInstallationNeverKeeps(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{Website: sim.Kept})
	s := w.up()
	ana := w.add(mapping.Contact{Name: "Ana", Email: "ana@primer.si", Notes: "opomba", Website: "https://ana.si"})
	w.status(ana, "synced")
	w.quiet(s)
	w.status(ana, "synced")
	require.Equal(t, []mapping.Field{mapping.FieldNotes}, s.Monitor().Status(t.Context()).NotKept)

	before := w.written()
	updates := w.erp.Calls().Received[metakocka.EndpointUpdate]
	w.set(ana, mapping.FieldNotes, "druga opomba")
	bor := w.add(mapping.Contact{Name: "Bor", Email: "bor@primer.si", Notes: "njegova"})
	w.status(bor, "synced")
	w.quiet(s)
	w.status(ana, "synced")
	require.Equal(t, before.Updates, w.written().Updates)
	require.Equal(t, updates, w.erp.Calls().Received[metakocka.EndpointUpdate])
	require.Equal(t, "druga opomba", w.one("SELECT notes FROM contacts WHERE id = $1", ana))
	require.Equal(t, "https://ana.si", w.partner(ana).Website)

	// A day later it is tried again, and kept by then: all that was not sent is.
	w.erp.SetNotes(sim.Kept)
	w.exec(`UPDATE mksync_state SET value = jsonb_set(value, '{since,notes}', '"2020-01-01T00:00:00Z"') WHERE key = $1`, syncer.UnkeptKey)
	require.NoError(t, s.Reconciler.Recall(t.Context()))
	w.set(bor, mapping.FieldNotes, "njegova druga")
	w.partnerIs(bor, "njegova druga", func(p metakocka.Partner) any { return p.Notes })
	w.partnerIs(ana, "druga opomba", func(p metakocka.Partner) any { return p.Notes })
	require.Empty(t, s.Monitor().Status(t.Context()).NotKept)
}
