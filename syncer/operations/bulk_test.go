package operations_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

func TestBulkSyncWaitsForMetaKocka(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	s, _ := w.Start("api", "poller")
	for i := range 20 {
		w.Add(mapping.Contact{Name: fmt.Sprintf("Oseba %d", i)})
	}
	paused := make(chan string, 1)
	ctx := operations.WithWatch(t.Context(), func(_ context.Context, p operations.Progress) error {
		if p.Doing != "syncing" || p.Paused == "" {
			return nil
		}
		select {
		case paused <- p.Paused:
		default:
		}
		return w.ERP.SetFaults(sim.Faults{})
	})
	w.ERP.OnCall(func(c sim.Call) {
		if c.Endpoint == metakocka.EndpointAdd && len(w.ERP.Partners()) >= 5 && len(paused) == 0 {
			_ = w.ERP.SetFaults(sim.Faults{Down: true})
		}
	})
	res, err := operations.OpBulkSync.Ask(ctx, s.API(s.Monitor()), operations.BulkSyncRequest{SyncAll: true})
	require.NoError(t, err)
	require.Equal(t, 20, res.Succeeded, res.Results)
	require.Len(t, w.ERP.Partners(), 20)
	require.NotEmpty(t, paused)
}

// TestABulkRequestAnswersForEach: one that fails holds up none, and says what its partners
// lack.
func TestABulkRequestAnswersForEach(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Bor", "", "")}})
	id := w.Add(mapping.Contact{Name: "Ana"})
	a := asks(w)
	res, err := operations.OpBulkSync.Ask(a.ctx(), a.api, operations.BulkSyncRequest{ContactIDs: []string{id, noOne}})
	require.NoError(t, err)
	require.Equal(t, []int{2, 1, 1}, []int{res.Total, res.Succeeded, res.Failed})
	require.Equal(t, w.Partner(id).MKID, res.Results[0].MetaKockaID)
	require.Contains(t, res.Results[1].Error, "there is no contact")

	w.Exec("ALTER TABLE contacts ADD COLUMN owner text NOT NULL DEFAULT ''")
	w.Exec("ALTER TABLE contacts ALTER COLUMN owner DROP DEFAULT")
	require.NoError(t, a.service.Assemble(a.ctx()))
	a = asksOf(w, a.service)
	imported, err := operations.OpBulkImport.Ask(a.ctx(), a.api, operations.BulkImportRequest{ImportAll: true})
	require.NoError(t, err)
	require.Contains(t, imported.Results[0].Error, `partner 7001: the CRM refused the contact: column "owner" is required and the partner has no value for it`)
}

// TestBulkSyncStopsWhenAsked: what is under way comes to its end, and the rest
// is done by the next one.
func TestBulkSyncStopsWhenAsked(t *testing.T) {
	t.Parallel()
	for name, running := range map[string]bool{"through the running service": true, "without a service": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, sim.Options{})
			w.Exec(world.AuditSQL)
			const all = 40
			for i := range all {
				w.Add(mapping.Contact{Name: fmt.Sprintf("Oseba %d", i)})
			}
			w.Latency(500 * time.Millisecond) // whoever goes on has far to go
			s, stop := w.Start("api", "poller")
			var api operations.Answerer = s.API(s.Monitor())
			if running {
				api = control.NewClient(s.Conn, bus.Names{})
			}
			w.Eventually(func() error {
				_, err := operations.OpStatus.Ask(t.Context(), api, operations.Nothing{})
				return err
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			res, err := operations.OpBulkSync.Ask(operations.WithWatch(ctx, func(_ context.Context, p operations.Progress) error {
				if p.Total > 0 && p.Done > 3 {
					cancel()
				}
				return nil
			}), api, operations.BulkSyncRequest{SyncAll: true})
			require.NoError(t, err)
			require.True(t, res.Stopped)
			require.Zero(t, res.Failed)
			require.Less(t, res.Succeeded, all)
			require.Equal(t, res.Succeeded, w.Written().Adds)
			require.Zero(t, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE intent IS NOT NULL"))
			require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
			stop()
			_, err = operations.OpBulkSync.Ask(t.Context(), asks(w).api, operations.BulkSyncRequest{SyncAll: true})
			require.NoError(t, err)
			require.Len(t, w.ERP.Partners(), all)
		})
	}
}
