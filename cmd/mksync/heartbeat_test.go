package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/wire"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/event"
)

// newBeatingWorld is a world with an external NATS server, quick heartbeats and
// little patience.
func newBeatingWorld(t *testing.T) *world.World {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	w := world.New(t, sim.Options{})
	w.Config.NATSURL = config.Secret(server.URL())
	w.Config.HeartbeatInterval, w.Config.MetaKockaTimeout, w.Config.PollInterval = 100*time.Millisecond, time.Second, time.Second
	if w.One("SELECT current_setting('server_version_num')") < "140000" {
		t.Skip("this Postgres passes no messages on")
	}
	return w
}

// beats waits until the status tells of a heartbeat sent after now.
func beats(w *world.World, s *service.Service) {
	w.T.Helper()
	began, err := s.Store.Now(w.T.Context())
	require.NoError(w.T, err)
	w.Eventually(func() error {
		if at := s.Monitor().Status(w.T.Context()).Listener.LastHeartbeatAt; at == nil || at.Before(began) {
			return errors.New("no heartbeat was seen")
		}
		return nil
	})
}

// TestStandingStillBetweenSlotAndStream: the connection is there, but the server
// gives nothing out. Another process and the listener's own tell so.
func TestStandingStillBetweenSlotAndStream(t *testing.T) {
	t.Parallel()
	w := newBeatingWorld(t)
	others, _ := w.Start(service.RolePusher, service.RolePuller, service.RolePoller)
	direct := w.Config.DatabaseURL
	postgres, through := wire.New(t, "postgres", direct.Reveal())
	w.Config.DatabaseURL = config.Secret(through)
	s, stop := w.Start(service.RoleListener)
	beats(w, others)
	w.NoProblem(others)
	w.Eventually(func() error {
		if said := s.Monitor().Status(t.Context()).NotReady; len(said) > 0 {
			return fmt.Errorf("not ready: %q", said)
		}
		return nil
	})

	postgres.Spoil(t, wire.Toxic{Kind: "timeout", Attributes: map[string]int{"timeout": 0}}, "downstream", 1)
	w.Problem(others, "no heartbeat of the listener came from the slot into the stream")
	postgres.Heal(t)
	beats(w, others)
	w.NoProblem(others)
	stop()
}

// TestTheWalsenderStandsStill: the listener's own process is not ready.
func TestTheWalsenderStandsStill(t *testing.T) {
	t.Parallel()
	w := newBeatingWorld(t)
	s, _ := w.Start()
	beats(w, s)
	w.Ready(s, http.StatusOK, "ready")
	pid := world.Atoi(t, w.One("SELECT active_pid::text FROM pg_replication_slots WHERE slot_name = $1", w.Config.Slot))
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Skipf("the server's processes are not ours to stop: %v", err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	w.Ready(s, http.StatusServiceUnavailable, "the listener's heartbeat does not come from the slot into the stream")
	require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
	beats(w, s)
	w.Ready(s, http.StatusOK, "ready")
}

// TestTheStreamsServerStandsStill: with nothing to publish only the heartbeat
// misses the stream.
func TestTheStreamsServerStandsStill(t *testing.T) {
	t.Parallel()
	w := newBeatingWorld(t)
	server := startNATS(t)
	w.Config.NATSURL = config.Secret(server.url(t))
	s, _ := w.Start(service.RoleListener)
	beats(w, s)
	server.Signal(syscall.SIGSTOP, keeper.Unasked)
	w.Problem(s, "the listener's heartbeat does not come from the slot into the stream")
	server.Signal(syscall.SIGCONT, keeper.Unasked)
	beats(w, s)
}

// TestStandingStillBetweenStreamAndConsumer: nobody takes events; then somebody
// does and hangs; then a process is frozen with events in its hands.
func TestStandingStillBetweenStreamAndConsumer(t *testing.T) {
	t.Parallel()
	w := newBeatingWorld(t)
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
	w := newBeatingWorld(t)
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
