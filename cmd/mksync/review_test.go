package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestKilledInTheMiddleOfAnApproval: each contact has one partner in the end, whenever the
// process that carries the approvals out is killed.
func TestKilledInTheMiddleOfAnApproval(t *testing.T) {
	t.Parallel()
	s := testenv.Seed(t)
	r := rand.New(rand.NewPCG(s, 3))
	opts, n := sim.Options{Seed: s}, long.Or(10, 16)
	for i := range n / 2 {
		opts.Partners = append(opts.Partners, world.Person(fmt.Sprint(7001+i), fmt.Sprintf("Oseba %d", i), "", fmt.Sprintf("oseba%d@primer.si", i)))
	}
	w := world.New(t, opts)
	w.Config.FirstSync = syncer.FirstSyncReview
	w.Config.PollInterval = time.Second
	var ids []string
	for i := range n {
		ids = append(ids, w.Add(mapping.Contact{Name: fmt.Sprintf("Oseba %d", i), Email: fmt.Sprintf("oseba%d@primer.si", i), Phone: fmt.Sprintf("041 222 %03d", i)}))
	}
	w.Latency(40 * time.Millisecond)
	log := &keeper.Log{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.Tail())
		}
	})
	c := spawn(w, log)
	for _, id := range ids {
		w.Status(id, "held")
	}
	require.Len(t, w.ERP.Partners(), n/2)

	// All are approved as they were shown, by a job that every process takes up again.
	store := w.Store()
	shown, err := store.CountProposals(t.Context())
	require.NoError(t, err)
	request, err := json.Marshal(operations.ApproveAllRequest{AsOf: shown.AsOf})
	require.NoError(t, err)
	_, err = store.AddJob(t.Context(), operations.OpApproveAll.Name, request, "ana")
	require.NoError(t, err)
	begun := func() int {
		return w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status <> 'held'")
	}
	for kill := range long.Or(1, 2) {
		w.Eventually(func() error {
			if got := begun(); got <= kill {
				return fmt.Errorf("%d are begun", got)
			}
			return nil
		})
		waits.Idle(t.Context(), time.Duration(r.IntN(150))*time.Millisecond)
		c.kill()
		c = spawn(w, log)
	}

	for _, id := range ids {
		w.Status(id, "synced")
	}
	require.Len(t, w.ERP.Partners(), n)
	require.Equal(t, n, w.Count("SELECT count(DISTINCT metakocka_id) FROM metakocka_contact_mappings"))
	for i, id := range ids {
		w.PartnerIs(id, fmt.Sprintf("041 222 %03d", i), func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	}
	require.Zero(t, c.terminate())
}
