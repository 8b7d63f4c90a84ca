package main

import (
	"errors"
	"net/http"
	"slices"
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
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/event"
)

// newBeatingWorld is a world with an external NATS server, quick heartbeats and
// little patience.
func newBeatingWorld(t *testing.T) *world {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	w := newWorld(t, sim.Options{})
	w.cfg.NATSURL = config.Secret(server.URL())
	w.cfg.HeartbeatInterval, w.cfg.MetaKockaTimeout, w.cfg.PollInterval = 100*time.Millisecond, time.Second, time.Second
	if w.one("SELECT current_setting('server_version_num')") < "140000" {
		t.Skip("this Postgres passes no messages on")
	}
	return w
}

// problem waits until the status of a process names a problem.
func (w *world) problem(s *service.Service, words string) {
	w.t.Helper()
	w.eventually(func() error {
		problems := s.Monitor().Status(w.t.Context()).Problems
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, words) }) {
			return errors.New("problems are " + strings.Join(problems, "; "))
		}
		return nil
	})
}

func (w *world) noProblem(s *service.Service) {
	w.t.Helper()
	w.eventually(func() error {
		if problems := s.Monitor().Status(w.t.Context()).Problems; len(problems) > 0 {
			return errors.New("problems are " + strings.Join(problems, "; "))
		}
		return nil
	})
}

// beats waits until the status tells of a heartbeat sent after now.
func (w *world) beats(s *service.Service) {
	w.t.Helper()
	began, err := s.Store.Now(w.t.Context())
	require.NoError(w.t, err)
	w.eventually(func() error {
		if at := s.Monitor().Status(w.t.Context()).Listener.LastHeartbeatAt; at == nil || at.Before(began) {
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
	others, _ := w.start(service.RolePusher, service.RolePuller, service.RolePoller)
	direct := w.cfg.DatabaseURL
	wire, through := newWire(t, "postgres", direct.Reveal())
	w.cfg.DatabaseURL = config.Secret(through)
	s, stop := w.start(service.RoleListener)
	w.beats(others)
	w.noProblem(others)
	require.Empty(t, s.Monitor().Status(t.Context()).NotReady)

	wire.spoil(t, toxic{"timeout", map[string]int{"timeout": 0}}, "downstream", 1)
	w.problem(others, "no heartbeat of the listener came from the slot into the stream")
	wire.heal()
	w.beats(others)
	w.noProblem(others)
	stop()
}

// TestTheWalsenderStandsStill: the listener's own process is not ready.
func TestTheWalsenderStandsStill(t *testing.T) {
	t.Parallel()
	w := newBeatingWorld(t)
	s, _ := w.start()
	w.beats(s)
	w.ready(s, http.StatusOK, "ready")
	pid := atoi(t, w.one("SELECT active_pid::text FROM pg_replication_slots WHERE slot_name = $1", w.cfg.Slot))
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Skipf("the server's processes are not ours to stop: %v", err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	w.ready(s, http.StatusServiceUnavailable, "the listener's heartbeat does not come from the slot into the stream")
	require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
	w.beats(s)
	w.ready(s, http.StatusOK, "ready")
}

// TestTheStreamsServerStandsStill: with nothing to publish only the heartbeat
// misses the stream.
func TestTheStreamsServerStandsStill(t *testing.T) {
	t.Parallel()
	w := newBeatingWorld(t)
	server := startNATS(t)
	w.cfg.NATSURL = config.Secret(server.url(t))
	s, _ := w.start(service.RoleListener)
	w.beats(s)
	server.signal(syscall.SIGSTOP, exitUnasked)
	w.problem(s, "the listener's heartbeat does not come from the slot into the stream")
	server.signal(syscall.SIGCONT, exitUnasked)
	w.beats(s)
}

// TestStandingStillBetweenStreamAndConsumer: nobody takes events; then somebody
// does and hangs; then a process is frozen with events in its hands.
func TestStandingStillBetweenStreamAndConsumer(t *testing.T) {
	t.Parallel()
	w := newBeatingWorld(t)
	s, _ := w.start(service.RoleListener, service.RolePoller, service.RolePuller, service.RoleAPI)
	_, stop := w.start(service.RolePusher)
	id := w.insert("Ana Zajc", "ana@primer.si")
	w.status(id, "synced")
	w.noProblem(s)
	stop()
	w.problem(s, "nobody takes events out of the stream CRM_CONTACTS: no mksync with the role of the pusher runs")
	w.ready(s, http.StatusOK, "ready") // its own roles do their work

	pusher, stopPusher := w.start(service.RolePusher)
	w.noProblem(s)
	release := w.lockContact(id)
	w.exec("UPDATE contacts SET phone = '040 111 222' WHERE id = $1", id)
	w.problem(pusher, "the pusher has been working on one event for")
	release()
	w.agree(id, "040 111 222")
	w.noProblem(pusher)
	stopPusher()

	js, err := jetstream.New(s.Conn)
	require.NoError(t, err)
	frozen, err := js.Consumer(t.Context(), bus.StreamContacts, event.ConsumerPusher)
	require.NoError(t, err)
	w.exec("UPDATE contacts SET phone = '040 333 444' WHERE id = $1", id)
	_, err = frozen.Next(jetstream.FetchMaxWait(waits.Stretch(10 * time.Second)))
	require.NoError(t, err)
	w.problem(s, "events stand still between the stream CRM_CONTACTS and the pusher")
	enough := dropEvents(t, frozen)
	w.problem(s, "the pusher has got through with no event of the stream CRM_CONTACTS for")
	enough()
	w.start(service.RolePusher)
	w.agree(id, "040 333 444")
	w.noProblem(s)
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
	s, _ := w.start()
	id := w.insert("Ana Zajc", "ana@primer.si")
	w.status(id, "synced")
	require.NoError(t, w.erp.SetFaults(sim.Faults{Down: true}))
	w.exec("UPDATE contacts SET phone = '040 111 222' WHERE id = $1", id)
	w.problem(s, "sending is paused")
	idle(t.Context(), 2*service.Patience(w.cfg))
	for _, p := range s.Monitor().Status(t.Context()).Problems {
		require.NotContains(t, p, "stand still")
		require.NotContains(t, p, "heartbeat")
	}
	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	w.agree(id, "040 111 222")
}

// lockContact takes a contact's lock as a hanging worker would.
func (w *world) lockContact(id string) (release func()) {
	w.t.Helper()
	conn, err := w.db.Acquire(w.t.Context())
	require.NoError(w.t, err)
	_, err = conn.Exec(w.t.Context(), "SELECT pg_advisory_lock(hashtextextended($1, 0))", "contact:"+id)
	require.NoError(w.t, err)
	return func() {
		_, err := conn.Exec(w.t.Context(), "SELECT pg_advisory_unlock_all()")
		require.NoError(w.t, err)
		conn.Release()
	}
}
