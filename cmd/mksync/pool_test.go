package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestManyAtOnceDoNotWaitForEachOthersConnections: a piece of work that holds a
// connection gets the others it needs, however many calls may be in flight.
func TestManyAtOnceDoNotWaitForEachOthersConnections(t *testing.T) {
	t.Parallel()
	var partners []metakocka.Partner
	for i := range 80 {
		partners = append(partners, metakocka.Partner{Customer: fmt.Sprintf("Partner %d", i)})
	}
	w := newWorld(t, sim.Options{Partners: partners})
	w.cfg.MetaKockaConcurrency = 64
	s, stop := w.start(roleAPI)
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	res, err := syncer.OpBulkImport.Ask(ctx, s.desk(s.monitor()), syncer.BulkImportRequest{ImportAll: true})
	require.NoError(t, err)
	require.Equal(t, len(partners), res.Imported, res.Results)
}
