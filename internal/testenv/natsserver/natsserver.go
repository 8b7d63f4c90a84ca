// Package natsserver gives tests NATS servers that bus/embedded does not make: with
// users and their rights, without JetStream, or three as a cluster.
package natsserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// What a server is told.
type (
	// Options are a server's.
	Options = server.Options
	// User may sign in.
	User = server.User
	// Permissions are a user's.
	Permissions = server.Permissions
	// SubjectPermission is what of the subjects is allowed.
	SubjectPermission = server.SubjectPermission
)

// Configured are the options of a configuration file, for a server of a test.
func Configured(t testing.TB, path string) *Options {
	t.Helper()
	o, err := server.ProcessConfigFile(path)
	require.NoError(t, err)
	o.Port = server.RANDOM_PORT
	o.HTTPPort = 0
	o.StoreDir = ""
	return o
}

// Log collects what a server reports as an error, refusals among them.
type Log struct {
	mu    sync.Mutex
	lines []string
}

// Watch begins to collect.
func Watch(ns *server.Server) *Log {
	l := &Log{}
	ns.SetLoggerV2(l, false, false, false)
	return l
}

// Lines are the lines so far.
func (l *Log) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// Errorf collects a line; the server's logger has it and the others.
func (l *Log) Errorf(f string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(f, v...))
}

// Fatalf collects a line, too.
func (l *Log) Fatalf(f string, v ...any) { l.Errorf(f, v...) }

// Warnf says nothing of use.
func (l *Log) Warnf(string, ...any) {}

// Noticef says nothing of use.
func (l *Log) Noticef(string, ...any) {}

// Debugf says nothing of use.
func (l *Log) Debugf(string, ...any) {}

// Tracef says nothing of use.
func (l *Log) Tracef(string, ...any) {}

// patience is how long a server may take on a busy machine.
const patience = time.Minute

var errNotReady = errors.New("NATS server is not ready")

// Start runs a server on a free port of this machine until the test ends.
func Start(t testing.TB, options *Options) *server.Server {
	t.Helper()
	ns := launch(t, options)
	t.Cleanup(func() { end(ns) })
	return ns
}

// Port is where a server listens, for one that takes its place.
func Port(ns *server.Server) int { return ns.Addr().(*net.TCPAddr).Port }

// launch runs a server until somebody ends it.
func launch(t testing.TB, options *Options) *server.Server {
	t.Helper()
	o := *options
	if o.Port == 0 {
		o.Port = FreePorts(t, 1)[0]
	}
	if o.StoreDir == "" {
		o.StoreDir = t.TempDir()
	}
	o.Host = "127.0.0.1"
	o.NoSigs = true
	o.NoLog = true
	ns, err := server.NewServer(&o)
	require.NoError(t, err)
	ns.Start()
	require.True(t, ns.ReadyForConnections(patience), errNotReady)
	return ns
}

func end(ns *server.Server) {
	ns.Shutdown()
	ns.WaitForShutdown()
}

// Cluster is three servers that keep streams of three copies. It is for one goroutine.
type Cluster struct {
	Servers []*server.Server
	options []*Options
}

// StartCluster runs a cluster until the test ends, and returns when it takes streams. Its
// servers tell clients no addresses: who connects by way of proxies stays there.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	var all []*Options
	for i := range 3 {
		all = append(all, &Options{
			ServerName: fmt.Sprint("n", i), JetStream: true, SyncInterval: time.Second,
			Cluster: server.ClusterOpts{Name: "c", NoAdvertise: true},
		})
	}
	return StartClusterOf(t, all)
}

// StartClusterOf runs a cluster of servers with these options, which find each other on
// free ports of this machine.
func StartClusterOf(t testing.TB, options []*Options) *Cluster {
	t.Helper()
	size := len(options)
	ports := FreePorts(t, 2*size)
	var routes []*url.URL
	for _, p := range ports[:size] {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprint("127.0.0.1:", p)})
	}

	c := &Cluster{options: options}
	for i, o := range options {
		o.Routes = routes
		o.Cluster.Host, o.Cluster.Port = "127.0.0.1", ports[i]
		o.Port = ports[size+i]
		o.StoreDir = t.TempDir()
		c.Servers = append(c.Servers, launch(t, o))
		t.Cleanup(func() { c.Stop(i) }) // whichever runs by then
	}
	require.Eventually(t, c.complete, patience, 20*time.Millisecond, "the cluster does not get together")
	return c
}

// Stop stops one server.
func (c *Cluster) Stop(i int) { end(c.Servers[i]) }

// Restart starts a server that was stopped, with what it stored and where it was reached.
func (c *Cluster) Restart(t testing.TB, i int) {
	t.Helper()
	c.Servers[i] = launch(t, c.options[i])
}

// RaftStates is what each server says of the groups of copies that it is in: who leads
// them, and how far it is itself.
func (c *Cluster) RaftStates() (states [][]byte) {
	for _, ns := range c.Servers {
		state, err := json.MarshalIndent(ns.Raftz(&server.RaftzOptions{AccountFilter: server.DEFAULT_GLOBAL_ACCOUNT}), "", " ")
		if err != nil {
			state = []byte(err.Error())
		}
		states = append(states, state)
	}
	return states
}

// complete tells whether a leader knows all as its followers.
func (c *Cluster) complete() bool {
	for _, ns := range c.Servers {
		if ns.JetStreamIsLeader() && len(ns.JetStreamClusterPeers()) == len(c.Servers) {
			return true
		}
	}
	return false
}

// URLs are the servers' addresses.
func (c *Cluster) URLs() []string {
	all := make([]string, len(c.Servers))
	for i, o := range c.options {
		all[i] = fmt.Sprint("nats://127.0.0.1:", o.Port)
	}
	return all
}

// FreePorts are ports that nobody listens on, and that no outgoing connection is given by
// itself: what ends and starts again still finds them free. All are held until the last is
// found, so that they differ.
func FreePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	var held []net.Listener
	for tries := 0; len(ports) < n; tries++ {
		require.Less(t, tries, 1000, "no port is free")
		port := 20000 + rand.IntN(12000)                            // Linux, macOS and Windows give others
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)) //nolint:noctx // at once
		if err != nil {
			continue
		}
		ports = append(ports, port)
		held = append(held, l)
	}
	for _, l := range held {
		require.NoError(t, l.Close())
	}
	return ports
}
