package poll_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestPartnerThatVanishesBeforeItWasPolled: a linked partner that no poll has
// seen yet is missed all the same.
func TestPartnerThatVanishesBeforeItWasPolled(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.PollInterval = time.Hour // one at the start
	_, stop := w.Start()
	w.Status(w.Insert("Prva Oseba", "prva@primer.si"), "synced")
	id := w.One("INSERT INTO contacts (name) VALUES ('Kratka Zgodba') RETURNING id::text")
	w.Status(id, "synced")
	partner := w.Partner(id).MKID
	stop()
	require.NoError(t, w.ERP.DeletePartner(partner))
	w.Start()
	w.Status(id, "unlinked")
}

// TestNobodyIsMissingInAPollThatIsWrong: neither a poll that is cut off nor one
// in which most partners are not found takes a partner for gone.
func TestNobodyIsMissingInAPollThatIsWrong(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Config.RemoteDeletePolicy = syncer.PolicyDelete
	s := w.Up()
	var ids []string
	for i := range 12 {
		ids = append(ids, w.Add(mapping.Contact{Name: fmt.Sprintf("Oseba %d", i), Email: fmt.Sprintf("oseba%d@partner.si", i)}))
	}
	for _, id := range ids {
		w.Status(id, "synced")
	}
	w.Idle(s)
	says := func(words string) {
		w.Eventually(func() error {
			if all := strings.Join(s.Monitor().Status(t.Context()).Problems, "; "); !strings.Contains(all, words) {
				return errors.New("problems: " + all)
			}
			return nil
		})
	}
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	says("the last poll of MetaKocka did not succeed")
	for _, p := range w.ERP.Partners() {
		require.NoError(t, w.ERP.DeletePartner(p.MKID))
	}
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	says("none is taken for gone: check the company and the key")
	require.Equal(t, "12", w.One("SELECT count(*)::text FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))
	require.Equal(t, "12", w.One("SELECT count(*)::text FROM contacts"))
}
