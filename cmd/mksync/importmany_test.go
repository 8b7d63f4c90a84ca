package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestUnsyncedPartnersCostNoCall: they are listed as they were seen.
func TestUnsyncedPartnersCostNoCall(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Ana", "", ""), world.Person("7002", "Bor", "", "")}})
	_, stop := w.Start(service.RolePoller)
	w.Polls(1)
	stop()
	_, c := w.API()
	before := w.ERP.Calls().Received
	var l operations.List[operations.Partner]
	c.Get("partners/unsynced").Data(&l)
	require.Len(t, l.Items, 2)
	require.Len(t, mksync(w, "partners", "--unsynced").ids(), 2)
	require.Equal(t, before, w.ERP.Calls().Received)
}
