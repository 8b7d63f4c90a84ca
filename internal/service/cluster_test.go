package service_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestABacklogOfThreeCopies: on a cluster the whole service works off more than a
// consumer holds at once, in messages (512) and in bytes (8 MiB). The short form has the
// same of the consumer alone: TestConsumeABacklogOfThreeCopies.
func TestABacklogOfThreeCopies(t *testing.T) {
	long.Only(t)
	t.Parallel()
	const contacts, photo = 600, 40 << 10
	w := world.New(t, sim.Options{})
	w.Config.NATSURL = config.Secret(strings.Join(natsserver.StartCluster(t).URLs(), ","))
	w.Config.StreamReplicas = 3
	w.Exec("ALTER TABLE contacts ADD COLUMN photo text")

	s, _ := w.Start(service.RoleListener)
	w.Exec(`INSERT INTO contacts (name, email, photo)
		SELECT 'Oseba ' || i, 'oseba' || i || '@primer.si', repeat('x', $2) FROM generate_series(1, $1) i`, contacts, photo)
	w.Eventually(func() error {
		if n := s.Monitor().Status(t.Context()).Pusher.Pending; n < contacts {
			return fmt.Errorf("%d events wait for the pusher", n)
		}
		return nil
	})
	others, _ := w.Start(service.RolePusher, service.RolePuller, service.RolePoller)
	testenv.Eventually(t, time.Minute, func() error {
		if n := w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"); n < contacts {
			return fmt.Errorf("%d contacts are synced", n)
		}
		return nil
	})
	require.Len(t, w.ERP.Partners(), contacts)
	w.WorkedOff(others)
	w.NoProblem(others)
}
