package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestTruncateIsHeld: a TRUNCATE deletes nothing in MetaKocka by itself.
func TestTruncateIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.DeletePolicy = syncer.PolicyAnonymize
	ids := w.people("Ana", "Bor")
	before := w.erp.Partners()
	w.listening()
	w.exec("TRUNCATE contacts")
	for _, id := range ids {
		w.status(id, "held")
	}
	require.Equal(t, before, w.erp.Partners())
	held := w.mksync("deletions", "list")
	require.Len(t, held.ids(), len(ids))
	require.Contains(t, held.stdout, "the contacts table was truncated")
}

// TestNobodyIsMissingInAPollThatIsWrong: neither a poll that is cut off nor one
// in which most partners are not found takes a partner for gone.
func TestNobodyIsMissingInAPollThatIsWrong(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	w.cfg.RemoteDeletePolicy = syncer.PolicyDelete
	s := w.up()
	var ids []string
	for i := range 12 {
		ids = append(ids, w.add(mapping.Contact{Name: fmt.Sprintf("Oseba %d", i), Email: fmt.Sprintf("oseba%d@partner.si", i)}))
	}
	for _, id := range ids {
		w.status(id, "synced")
	}
	w.idle(s)
	says := func(words string) {
		w.eventually(func() error {
			if all := strings.Join(s.Monitor().Status(t.Context()).Problems, "; "); !strings.Contains(all, words) {
				return errors.New("problems: " + all)
			}
			return nil
		})
	}
	require.NoError(t, w.erp.SetFaults(sim.Faults{Down: true}))
	says("the last poll of MetaKocka did not succeed")
	for _, p := range w.erp.Partners() {
		require.NoError(t, w.erp.DeletePartner(p.MKID))
	}
	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	says("none is taken for gone: check the company and the key")
	require.Equal(t, "12", w.one("SELECT count(*)::text FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))
	require.Equal(t, "12", w.one("SELECT count(*)::text FROM contacts"))
}
