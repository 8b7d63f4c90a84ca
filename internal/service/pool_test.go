package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestManyAtOnceDoNotWaitForEachOthersConnections: a piece of work that holds a
// connection gets the others it needs, however many calls may be in flight.
func TestManyAtOnceDoNotWaitForEachOthersConnections(t *testing.T) {
	t.Parallel()
	var partners []metakocka.Partner
	for i := range 80 {
		partners = append(partners, metakocka.Partner{Customer: fmt.Sprintf("Partner %d", i)})
	}
	w := world.New(t, sim.Options{Partners: partners})
	w.Config.MetaKockaConcurrency = 64
	s, stop := w.Start(service.RoleAPI)
	defer stop()
	ctx := waits.Context(t, 20*time.Second)
	res, err := operations.OpBulkImport.Ask(ctx, s.API(s.Monitor()), operations.BulkImportRequest{ImportAll: true})
	require.NoError(t, err)
	require.Equal(t, len(partners), res.Imported, res.Results)
}

// TestAsManyCallsAreInFlightAsAllowed: enough contacts are worked on for that, of a
// snapshot as of changes.
func TestAsManyCallsAreInFlightAsAllowed(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	const calls = 8
	w.Config.MetaKockaConcurrency = calls
	let := w.Hold(metakocka.EndpointAdd)
	w.Persons(3 * calls)
	s := w.Up()
	full := func() {
		w.Eventually(func() error {
			if n := s.ERP.State().InFlight; n < calls {
				return fmt.Errorf("%d calls in flight", n)
			}
			return nil
		})
	}
	full()
	let(3 * calls)
	w.Eventually(func() error {
		if n := w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"); n < 3*calls {
			return fmt.Errorf("%d contacts are synced", n)
		}
		return nil
	})
	w.Persons(3 * calls)
	full()
	let(world.All)
}
