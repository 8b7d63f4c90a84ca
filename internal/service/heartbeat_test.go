package service_test

import (
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/event"
)

// TestTheWalsenderStandsStill: the listener's own process is not ready.
func TestTheWalsenderStandsStill(t *testing.T) {
	long.Only(t)
	t.Parallel()
	w := world.NewBeating(t)
	s, _ := w.Start()
	w.Beats(s)
	w.Ready(s, http.StatusOK, "ready")
	pid := world.Atoi(t, w.One("SELECT active_pid::text FROM pg_replication_slots WHERE slot_name = $1", w.Config.Slot))
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Skipf("the server's processes are not ours to stop: %v", err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	w.Ready(s, http.StatusServiceUnavailable, "the listener's heartbeat does not come from the slot into the stream")
	require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
	w.Beats(s)
	w.Ready(s, http.StatusOK, "ready")
}

// TestStandingStillBetweenStreamAndConsumer: nobody takes events; then somebody
// does and hangs; then a process is frozen with events in its hands.
func TestStandingStillBetweenStreamAndConsumer(t *testing.T) {
	long.Only(t)
	t.Parallel()
	w := world.NewBeating(t)
	s, _ := w.Start(service.RoleListener, service.RolePoller, service.RolePuller, service.RoleAPI)
	_, stop := w.Start(service.RolePusher)
	id := w.Insert("Ana Zajc", "ana@primer.si")
	w.Status(id, "synced")
	w.NoProblem(s)
	stop()
	w.Problem(s, "nobody takes events out of the stream CRM_CONTACTS: no mksync with the role of the pusher runs")
	w.Ready(s, http.StatusOK, "ready") // its own roles do their work

	pusher, stopPusher := w.Start(service.RolePusher)
	w.NoProblem(s)
	release := lockContact(w, id)
	w.Exec("UPDATE contacts SET phone = '040 111 222' WHERE id = $1", id)
	w.Problem(pusher, "the pusher has been working on one event for")
	release()
	w.Agree(id, "040 111 222")
	w.NoProblem(pusher)
	stopPusher()

	js, err := jetstream.New(s.Conn)
	require.NoError(t, err)
	frozen, err := js.Consumer(t.Context(), bus.StreamContacts, event.ConsumerPusher)
	require.NoError(t, err)
	w.Exec("UPDATE contacts SET phone = '040 333 444' WHERE id = $1", id)
	_, err = frozen.Next(jetstream.FetchMaxWait(waits.Stretch(10 * time.Second)))
	require.NoError(t, err)
	w.Problem(s, "events stand still between the stream CRM_CONTACTS and the pusher")
	enough := dropEvents(t, frozen)
	w.Problem(s, "the pusher has got through with no event of the stream CRM_CONTACTS for")
	enough()
	w.Start(service.RolePusher)
	w.Agree(id, "040 333 444")
	w.NoProblem(s)
}

// dropEvents asks for a consumer's events until it is told enough, and does nothing with
// them: they are given out again and again.
func dropEvents(t *testing.T, c jetstream.Consumer) (enough func()) {
	t.Helper()
	it, err := c.Messages()
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := it.Next(); err != nil {
				return
			}
		}
	}()
	return func() { it.Stop(); <-done }
}

// TestAPauseIsNoStandstill: while MetaKocka is away events wait, and nothing is
// wrong with their way.
func TestAPauseIsNoStandstill(t *testing.T) {
	t.Parallel()
	w := world.NewBeating(t)
	s, _ := w.Start()
	id := w.Insert("Ana Zajc", "ana@primer.si")
	w.Status(id, "synced")
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	w.Exec("UPDATE contacts SET phone = '040 111 222' WHERE id = $1", id)
	w.Problem(s, "sending is paused")
	waits.Idle(t.Context(), 2*service.Patience(w.Config))
	w.Eventually(func() error { // what it says of a moment of a busy machine does not stay
		said := strings.Join(s.Monitor().Status(t.Context()).Problems, "; ")
		if strings.Contains(said, "stand still") || strings.Contains(said, "heartbeat") {
			return errors.New("problems are " + said)
		}
		return nil
	})
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	w.Agree(id, "040 111 222")
}

// lockContact takes a contact's lock as a hanging worker would.
func lockContact(w *world.World, id string) (release func()) {
	w.T.Helper()
	conn, err := w.DB.Acquire(w.T.Context())
	require.NoError(w.T, err)
	_, err = conn.Exec(w.T.Context(), "SELECT pg_advisory_lock(hashtextextended($1, 0))", "contact:"+id)
	require.NoError(w.T, err)
	return func() {
		_, err := conn.Exec(w.T.Context(), "SELECT pg_advisory_unlock_all()")
		require.NoError(w.T, err)
		conn.Release()
	}
}
