package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestARowLargerThanNATSTakesHoldsUpNobody: in a snapshot, an update and a deletion. Its
// contact is synced like any other, also by a replay: the events only say which.
func TestARowLargerThanNATSTakesHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir(), MaxPayload: 256 << 10})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	w.Config.NATSURL = config.Secret(server.URL())
	w.Exec("ALTER TABLE contacts ADD photo bytea")
	w.Exec("ALTER TABLE contacts REPLICA IDENTITY FULL")
	large, small := w.Insert("Ana", "ana@novak.si"), w.Insert("Bor", "bor@novak.si")
	w.Exec("UPDATE contacts SET photo = decode(repeat('ab', 200000), 'hex') WHERE id = $1", large)
	s, stop := w.Start()
	w.Status(large, "synced")
	w.Status(small, "synced")

	w.Exec("UPDATE contacts SET phone = '041 222 333' WHERE id = $1", large)
	w.PartnerIs(large, "041 222 333", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	w.WorkedOff(s)
	stop()
	require.NoError(t, w.ERP.EditPartner(w.Partner(large).MKID, func(p *metakocka.Partner) { p.Contacts[0].GSM = "030 000 000" }))
	said := mksync(w, "replay", "--from-seq", "1", "--authority", "crm")
	require.NoError(t, said.err, said.stderr)
	w.PartnerIs(large, "041 222 333", func(p metakocka.Partner) any { return p.Contacts[0].GSM })

	s, _ = w.Start()
	w.Exec("DELETE FROM contacts WHERE id = $1", large)
	w.Status(large, "deleted")
	w.NoProblem(s)
	text, err := control.AsyncAPI()
	require.NoError(t, err)
	d := describedAt(t, string(text))
	for _, m := range stored(t, s, "CRM_CONTACTS") {
		d.holds("schemas/ContactEvent", m.Data())
		require.Less(t, len(m.Data()), 2000)
	}
}
