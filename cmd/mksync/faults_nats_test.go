package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// natsVariable makes the test binary be a NATS server on the directory it
// names, so that tests can kill one.
const natsVariable = "MKSYNC_TEST_NATS"

func natsMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	port, err := strconv.Atoi(os.Getenv(natsVariable + "_PORT"))
	if err != nil {
		return 2
	}
	server, err := embedded.Start(ctx, embedded.Config{Dir: os.Getenv(natsVariable), Port: port, SyncInterval: natsSync})
	if err != nil {
		fmt.Fprintln(os.Stderr, "nats:", err)
		return 1
	}
	<-ctx.Done()
	server.Shutdown()
	return 0
}

// natsSync is how often the server of the tests syncs its files.
const natsSync = time.Second

// natsProcess is a NATS server that can be killed and can lose its files.
type natsProcess struct {
	*keeper.Keeper
	dir string
}

// startNATS starts the server on a port that is free.
func startNATS(t *testing.T) *natsProcess {
	t.Helper()
	port := natsserver.FreePorts(t, 1)[0]
	dir := t.TempDir()
	n := &natsProcess{dir: dir}
	n.Keeper = keeper.Keep(t, "nats", append(os.Environ(), natsVariable+"="+dir, fmt.Sprint(natsVariable, "_PORT=", port)))
	return n
}

// url waits until the server runs.
func (n *natsProcess) url(t testing.TB) string {
	t.Helper()
	for {
		if url, ok := embedded.Lookup(n.dir); ok {
			return url
		}
		require.NoError(t, t.Context().Err())
		waits.Idle(t.Context(), 20*time.Millisecond)
	}
}

// lose kills the server and removes everything it stored.
func (n *natsProcess) lose() error {
	n.Hold(true)
	defer n.Hold(false)
	return os.RemoveAll(filepath.Join(n.dir, "jetstream"))
}

// keepCopy copies everything stored as it is at one moment: meanwhile the server
// stands still.
func (n *natsProcess) keepCopy() error {
	n.Signal(syscall.SIGSTOP, keeper.Unasked)
	defer n.Signal(syscall.SIGCONT, keeper.Unasked)
	if err := os.RemoveAll(filepath.Join(n.dir, "copy")); err != nil {
		return err
	}
	return os.CopyFS(filepath.Join(n.dir, "copy"), os.DirFS(filepath.Join(n.dir, "jetstream")))
}

// goBack kills the server and puts what it stored back to the copy.
func (n *natsProcess) goBack() error {
	n.Hold(true)
	defer n.Hold(false)
	if err := os.RemoveAll(filepath.Join(n.dir, "jetstream")); err != nil {
		return err
	}
	return os.Rename(filepath.Join(n.dir, "copy"), filepath.Join(n.dir, "jetstream"))
}

// addresses implements messaging.
func (n *natsProcess) addresses(t testing.TB) []string {
	t.Helper()
	return []string{n.url(t)}
}

// troubles implements messaging.
func (n *natsProcess) troubles(st *storm) []trouble {
	return []trouble{
		{6, func() { n.powerCut(st) }},
		{5, func() {
			st.count("nats killed")
			n.Kill()
		}},
		{3, func() {
			st.count("nats data lost")
			require.NoError(st.T, n.lose())
		}},
	}
}

// powerCut takes from the server what it stored a moment ago: it acknowledges before it
// syncs its files. Everything else goes on.
func (n *natsProcess) powerCut(st *storm) {
	st.count("nats power cut")
	require.NoError(st.T, n.keepCopy())
	st.pause(natsSync/4, natsSync*3/4)
	require.NoError(st.T, n.goBack())
}

// natsCluster is three servers, with streams of three copies.
type natsCluster struct{ *natsserver.Cluster }

// addresses implements messaging.
func (c natsCluster) addresses(testing.TB) []string { return c.URLs() }

// troubles implements messaging.
func (c natsCluster) troubles(st *storm) []trouble {
	return []trouble{
		{9, func() { c.oneAway(st) }},
		{3, func() { c.allAway(st) }},
		{6, func() { c.moveLeader(st) }},
	}
}

// oneAway stops a server for a while: the other two are a majority.
func (c natsCluster) oneAway(st *storm) {
	st.count("one server away")
	i := st.rand.IntN(len(c.Servers))
	c.Stop(i)
	st.pause(100*time.Millisecond, 3*time.Second)
	c.Restart(st.T, i)
}

// allAway stops every server, one after the other, and starts them again.
func (c natsCluster) allAway(st *storm) {
	st.count("all servers away")
	for i := range c.Servers {
		c.Stop(i)
	}
	st.pause(100*time.Millisecond, time.Second)
	for i := range c.Servers {
		c.Restart(st.T, i)
	}
}

// moveLeader makes the leader of a stream one of its followers.
func (c natsCluster) moveLeader(st *storm) {
	st.onStreams("leader stepped down", func(nc *nats.Conn, _ jetstream.JetStream) {
		_, _ = nc.Request("$JS.API.STREAM.LEADER.STEPDOWN."+st.someStream(), nil, time.Second) // it may have none right now
	})
}
