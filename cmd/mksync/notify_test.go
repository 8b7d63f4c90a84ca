package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestTheSupervisorIsTold, as systemd asks for it: nothing is ready before MetaKocka
// answers, an outage after that is told and stops no watchdog, and the end is announced.
func TestTheSupervisorIsTold(t *testing.T) {
	long.Only(t)
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.PollInterval = time.Second
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	s, stop := w.Start(service.RolePoller)
	w.Problem(s, "the last poll of MetaKocka did not succeed")
	stop()

	supervisor := listenOnSocket(t)
	var log keeper.Log
	c := spawnWith(w, &log, []string{"NOTIFY_SOCKET=" + supervisor.path, "WATCHDOG_USEC=3000000"})
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.Tail())
		}
	})

	begun := supervisor.until("STATUS=the last poll of MetaKocka did not succeed")
	require.NotContains(t, begun, "READY=1")
	require.Contains(t, begun, "EXTEND_TIMEOUT_USEC=60000000")

	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	begun = supervisor.until("READY=1")
	require.NotContains(t, begun, "WATCHDOG=1")
	for range 3 {
		supervisor.until("WATCHDOG=1")
	}

	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	supervisor.until("STATUS=the last poll of MetaKocka did not succeed")
	for range 3 {
		require.NotContains(t, supervisor.until("WATCHDOG=1"), "READY=1", "only once")
	}

	ended := make(chan int, 1)
	go func() { ended <- c.terminate() }()
	supervisor.until("STOPPING=1")
	require.Zero(t, <-ended)
}

// TestAServiceNeedsNoSupervisor: one that cannot be reached is warned of, and that is all.
func TestAServiceNeedsNoSupervisor(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.PollInterval = time.Second
	id := w.Insert("Ana Novak", "ana@primer.si")
	var log keeper.Log
	c := spawnWith(w, &log, []string{"NOTIFY_SOCKET=" + filepath.Join(t.TempDir(), "gone")})
	w.Status(id, "synced")
	require.Zero(t, c.terminate())
	require.Contains(t, log.String(), "the supervisor cannot be told")
}

// supervisor is the socket that a supervisor listens on.
type supervisor struct {
	t    *testing.T
	path string
	conn *net.UnixConn
}

func listenOnSocket(t *testing.T) *supervisor {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // t.TempDir may be longer than a socket's path
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &supervisor{t: t, path: filepath.Join(dir, "socket")}
	s.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.conn.Close() })
	return s
}

// until reads until a line begins with begin, and returns all lines that came.
func (s *supervisor) until(begin string) (lines []string) {
	s.t.Helper()
	buf := make([]byte, 4096)
	waited := func() error {
		return fmt.Errorf("%q did not come; the last lines are %q", begin, lines[max(0, len(lines)-6):])
	}
	waits.Eventually(s.t, time.Minute, func() error {
		require.NoError(s.t, s.conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		n, err := s.conn.Read(buf)
		if err != nil {
			return waited()
		}
		came := strings.Split(string(buf[:n]), "\n")
		lines = append(lines, came...)
		if !slices.ContainsFunc(came, func(line string) bool { return strings.HasPrefix(line, begin) }) {
			return waited()
		}
		return nil
	})
	return lines
}
