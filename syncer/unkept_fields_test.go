package syncer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestAFieldThatTheInstallationNeverKeeps: it makes no link partial, costs no call, is
// told, and is sent once it is kept.
func TestAFieldThatTheInstallationNeverKeeps(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{Website: sim.Kept})
	s := w.Up()
	ana := w.Add(mapping.Contact{Name: "Ana", Email: "ana@primer.si", Notes: "opomba", Website: "https://ana.si"})
	w.Status(ana, "synced")
	w.Quiet(s)
	w.Status(ana, "synced")
	require.Equal(t, []mapping.Field{mapping.FieldNotes}, s.Monitor().Status(t.Context()).NotKept)

	before := w.Written()
	updates := w.ERP.Calls().Received[metakocka.EndpointUpdate]
	w.Set(ana, mapping.FieldNotes, "druga opomba")
	bor := w.Add(mapping.Contact{Name: "Bor", Email: "bor@primer.si", Notes: "njegova"})
	w.Status(bor, "synced")
	w.Quiet(s)
	w.Status(ana, "synced")
	require.Equal(t, before.Updates, w.Written().Updates)
	require.Equal(t, updates, w.ERP.Calls().Received[metakocka.EndpointUpdate])
	require.Equal(t, "druga opomba", w.One("SELECT notes FROM contacts WHERE id = $1", ana))
	require.Equal(t, "https://ana.si", w.Partner(ana).Website)

	// A day later it is tried again, and kept by then: all that was not sent is.
	w.ERP.SetNotes(sim.Kept)
	w.Exec(`UPDATE mksync_state SET value = jsonb_set(value, '{since,notes}', '"2020-01-01T00:00:00Z"') WHERE key = $1`, syncer.UnkeptKey)
	require.NoError(t, s.Reconciler.Recall(t.Context()))
	w.Set(bor, mapping.FieldNotes, "njegova druga")
	w.PartnerIs(bor, "njegova druga", func(p metakocka.Partner) any { return p.Notes })
	w.PartnerIs(ana, "druga opomba", func(p metakocka.Partner) any { return p.Notes })
	require.Empty(t, s.Monitor().Status(t.Context()).NotKept)
}
