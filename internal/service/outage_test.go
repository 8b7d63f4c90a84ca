package service_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

func TestMetaKockaDownForAWhile(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	s, _ := w.Start()
	known := w.Insert("Ana Zajc", "ana@primer.si")
	w.Status(known, "synced")
	w.Ready(s, http.StatusOK, "ready")

	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	w.Exec("UPDATE contacts SET phone = '040 111 222' WHERE id = $1", known)
	var fresh []string
	for i := range 20 {
		fresh = append(fresh, w.Insert(fmt.Sprintf("Nova Oseba %d", i), fmt.Sprintf("nova%d@primer.si", i)))
	}
	w.Ready(s, http.StatusServiceUnavailable, "paused")
	_, metrics := world.Get(t, s, "/metrics")
	require.Contains(t, metrics, "mksync_ready 0")
	require.Contains(t, metrics, "mksync_sending_paused 1")

	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	for _, id := range fresh {
		w.Status(id, "synced")
	}
	w.Agree(known, "040 111 222")
	w.Ready(s, http.StatusOK, "ready")
	require.Len(t, w.ERP.Partners(), 21)
	letters, err := s.Bus.DeadLetters(t.Context())
	require.NoError(t, err)
	require.Empty(t, letters, "an outage dead-letters nothing")
}

// TestMetaKockaThatIsNotReachedIsNotTheDatabase: it is asked under the contact's lock, by a
// network of its own.
func TestMetaKockaThatIsNotReachedIsNotTheDatabase(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) { w.Config.MetaKockaURL = "http://127.0.0.1:1/rest/eshop/v1" })
	_, err := h.Push(h.Insert("Ana Zajc", "ana@primer.si"), false)
	require.True(t, syncer.Outage(err), "%v", err)
	require.NotErrorIs(t, err, store.ErrStoreAway)
	require.NotContains(t, err.Error(), "database")
}

// TestAnswersOfAddPartnerLost: the partner is made, the answer never comes.
func TestAnswersOfAddPartnerLost(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.MetaKockaTimeout = time.Second
	w.Start()
	w.Status(w.Insert("Prva Oseba", "prva@primer.si"), "synced")
	require.NoError(t, w.ERP.FailNext("add_partner",
		sim.FaultAfter, sim.FaultBefore, sim.FaultAfter, sim.FaultLate, sim.FaultHalf, sim.FaultBefore))
	var all []string
	for i := range 12 {
		email := fmt.Sprintf("izgubljen%d@primer.si", i)
		if i%2 == 0 {
			email = ""
		}
		all = append(all, w.One("INSERT INTO contacts (name, email) VALUES ($1, nullif($2, '')) RETURNING id::text", fmt.Sprintf("Izgubljen Odgovor %d", i), email))
	}
	for _, id := range all {
		w.Status(id, "synced")
	}
	require.Len(t, w.ERP.Partners(), 13, "exactly one partner for each contact")
}

func TestNATSRestarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	port := natsserver.FreePorts(t, 1)[0]
	first, err := embedded.Start(t.Context(), embedded.Config{Dir: dir, Port: port})
	require.NoError(t, err)
	w := world.New(t, sim.Options{})
	w.Config.NATSURL = config.Secret(first.URL())
	s, _ := w.Start()
	id := w.Insert("Bine Kos", "bine@primer.si")
	w.Status(id, "synced")
	p := w.Partner(id)

	first.Shutdown()
	w.Exec("UPDATE contacts SET phone = '041 222 333' WHERE id = $1", id)
	second := w.Insert("Cene Kos", "cene@primer.si")
	require.NoError(t, w.ERP.EditPartner(p.MKID, func(p *metakocka.Partner) { p.Contacts[0].Email = "bine.kos@primer.si" }))
	w.Ready(s, http.StatusServiceUnavailable, "NATS")

	again, err := embedded.Start(t.Context(), embedded.Config{Dir: dir, Port: port})
	require.NoError(t, err)
	t.Cleanup(again.Shutdown)
	w.Status(second, "synced")
	w.Agree(id, "041 222 333")
	w.Eventually(func() error {
		if got := w.One("SELECT email FROM contacts WHERE id = $1", id); got != "bine.kos@primer.si" {
			return errors.New("e-mail is " + got)
		}
		return nil
	})
	w.Ready(s, http.StatusOK, "ready")
}

// TestCommitThatIsNotVisibleYet: Postgres decodes a commit before others can
// see it, with synchronous replication for as long as the standby takes. The
// event must not be taken for nothing new.
func TestCommitThatIsNotVisibleYet(t *testing.T) {
	t.Parallel()
	_, url := world.OwnServer(t)
	w := world.NewIn(t, url, sim.Options{})
	w.Exec("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	w.Exec("ALTER DATABASE crm SET synchronous_commit = local")
	w.Exec("SELECT pg_reload_conf()")
	w.DB.Reset()
	s, _ := w.Start()
	w.Status(w.Insert("Prva Oseba", "prva@primer.si"), "synced")

	release := "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
	t.Cleanup(func() { w.Exec(release) })
	done := make(chan error, 1)
	go func() {
		_, err := w.DB.Exec(context.WithoutCancel(t.Context()), "SET synchronous_commit = on; INSERT INTO contacts (name) VALUES ('Sinhrona Oseba')")
		done <- err
	}()
	w.Eventually(func() error {
		pending, inFlight, err := s.Bus.ConsumerState(t.Context(), bus.StreamContacts, event.ConsumerPusher)
		if err == nil && inFlight == 0 {
			err = fmt.Errorf("the event is not in flight: %d pending", pending)
		}
		return err
	})
	require.Equal(t, "1", w.One("SELECT count(*)::text FROM contacts"), "committed, but not visible")
	w.Exec(release)
	require.NoError(t, <-done)
	w.Status(w.One("SELECT id::text FROM contacts WHERE name = 'Sinhrona Oseba'"), "synced")
}

func TestPostgresRestarted(t *testing.T) {
	t.Parallel()
	server, url := world.OwnServer(t)
	w := world.NewIn(t, url, sim.Options{})
	s, _ := w.Start()
	id := w.Insert("Darja Hrast", "darja@primer.si")
	w.Status(id, "synced")
	p := w.Partner(id)
	require.NoError(t, server.Restart(t.Context()))
	require.NoError(t, w.ERP.EditPartner(p.MKID, func(p *metakocka.Partner) { p.Contacts[0].Email = "darja.hrast@primer.si" }))
	w.DB.Reset()
	w.Exec("UPDATE contacts SET phone = '031 333 444' WHERE id = $1", id)
	w.Agree(id, "031 333 444")
	w.Eventually(func() error {
		if got := w.One("SELECT email FROM contacts WHERE id = $1", id); got != "darja.hrast@primer.si" {
			return errors.New("e-mail is " + got)
		}
		return nil
	})
	w.Ready(s, http.StatusOK, "ready")
}
