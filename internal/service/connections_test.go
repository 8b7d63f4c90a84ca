package service_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/operations"
)

// What docs/postgres.md says of a process with all roles.
const (
	mostConnections   = 10
	connectionsAtRest = 6
)

// TestFewConnections: so many does a process have at the worst moment, however much it does
// at once, and so many at rest.
func TestFewConnections(t *testing.T) {
	long.Only(t)
	t.Parallel()
	const each = 16
	var partners []metakocka.Partner
	for i := range each {
		partners = append(partners, metakocka.Partner{Customer: fmt.Sprintf("Partner %d", i)})
	}
	w := world.New(t, sim.Options{Partners: partners})
	w.Config.MetaKockaConcurrency = 64
	w.Pace = service.UsualPace
	w.Pool = 0
	w.Latency(20 * time.Millisecond)
	most := countConnections(w)

	w.Persons(each) // a snapshot
	s := w.Up()
	api := s.API(s.Monitor())
	var work sync.WaitGroup
	work.Go(func() {
		res, err := operations.OpBulkImport.Ask(t.Context(), api, operations.BulkImportRequest{ImportAll: true})
		require.NoError(t, err)
		require.Equal(t, len(partners), res.Imported, res.Results)
	})
	work.Go(func() {
		_, err := operations.OpCheck.Ask(t.Context(), api, check.CheckRequest{})
		require.NoError(t, err)
	})
	work.Go(func() {
		for _, id := range w.Persons(each) {
			w.Exec("UPDATE contacts SET phone = '041 234 567' WHERE id = $1", id)
		}
	})
	work.Wait()
	w.Eventually(func() error {
		if n := w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"); n < 3*each {
			return fmt.Errorf("%d contacts are synced", n)
		}
		return nil
	})
	require.LessOrEqual(t, most(), mostConnections)
	waits.Eventually(t, time.Minute, func() error {
		if n := w.Count(connections); n > connectionsAtRest {
			return fmt.Errorf("%d connections at rest", n)
		}
		return nil
	})
}

const connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'mksync'"

// countConnections looks again and again how many connections mksync has, which keeps each
// for seconds; most ends that and tells the most there were.
func countConnections(w *world.World) (most func() int) {
	ctx, cancel := context.WithCancel(w.T.Context())
	w.T.Cleanup(cancel)
	counted := make(chan int, 1)
	go func() {
		most, n := 0, 0
		for w.DB.QueryRow(ctx, connections).Scan(&n) == nil {
			most = max(most, n)
			time.Sleep(20 * time.Millisecond)
		}
		counted <- most
	}()
	return func() int {
		cancel()
		return <-counted
	}
}

// TestMovedTablesEndTheService: it lost the connection that kept them where they are, and
// had no other in time.
func TestMovedTablesEndTheService(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	log := telemetry.NewLogger(t.Output(), telemetry.LogConfig{Level: "error", Format: "text"})
	s, err := service.New(t.Context(), w.Config, service.Options{Version: world.Version, Pace: world.QuickPace, Roles: service.AllRoles}, log)
	require.NoError(t, err)
	defer s.Close()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(t.Context()) }()

	mover, err := w.DB.Acquire(t.Context())
	require.NoError(t, err)
	defer mover.Release()
	mine := make(chan error, 1)
	go func() {
		_, err := mover.Exec(context.Background(), "SELECT pg_advisory_lock(hashtextextended('mksync:running', 0))")
		mine <- err
	}()
	w.Eventually(func() error {
		w.Exec(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ShareLock'
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
		select {
		case err := <-mine:
			return err
		default:
			return errors.New("the service has its lock still")
		}
	})
	err, told := waits.Within(30*time.Second, ended)
	require.True(t, told)
	require.ErrorIs(t, err, pgstore.ErrBeingMoved)
}
