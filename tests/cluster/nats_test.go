package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/wire"
)

const (
	machines = 3
	// natsConfig is what operators are given, and what these servers run with.
	natsConfig = "../../deploy/cluster/nats.conf"
	natsSecret = "of-the-cluster"
)

// place is where a server of the cluster is, which its configuration leaves open.
type place struct {
	Name, Dir   string
	Port, Route int
	Routes      []string // by way of proxies
}

// runNATS is a server of the cluster.
func runNATS(ctx context.Context) error {
	var at place
	if err := json.Unmarshal([]byte(os.Getenv(natsVariable)), &at); err != nil {
		return err
	}
	o, err := server.ProcessConfigFile(natsConfig)
	if err != nil {
		return err
	}

	o.Host, o.Port, o.HTTPPort = "127.0.0.1", at.Port, 0
	o.StoreDir = at.Dir
	o.JetStreamMaxStore = 1 << 40 // else what is free on a small disk would be the limit
	o.NoSigs = true
	o.Cluster.Host, o.Cluster.Port = "127.0.0.1", at.Route

	// What a server tells others of its address would lead past the proxies.
	o.Cluster.NoAdvertise, o.Cluster.Advertise = true, "127.0.0.1:1"
	o.Routes = nil
	for _, address := range at.Routes {
		u, err := url.Parse(address)
		if err != nil {
			return err
		}
		o.Routes = append(o.Routes, u)
	}

	ns, err := server.NewServer(o)
	if err != nil {
		return err
	}
	ns.ConfigureLogger()
	ns.Start()
	<-ctx.Done()
	ns.Shutdown()
	ns.WaitForShutdown()
	return nil
}

// machine is one server of the cluster.
type machine struct {
	*keeper.Keeper
	dir    string
	url    string
	routes []*wire.Wire // to it from the others, and from it to them
}

// natsCluster is three servers.
type natsCluster struct {
	t        testing.TB
	machines []*machine
	admin    *nats.Conn
	js       jetstream.JetStream
}

// startNATS starts the servers; dirs are where they store.
func startNATS(t testing.TB, dirs []string) *natsCluster {
	t.Helper()
	ports := natsserver.FreePorts(t, 2*machines)
	c := &natsCluster{t: t}
	places := make([]place, machines)
	for i, dir := range dirs {
		at := place{Name: fmt.Sprint("nats-", i+1), Dir: dir, Port: ports[i], Route: ports[machines+i]}
		places[i] = at
		c.machines = append(c.machines, &machine{dir: dir, url: fmt.Sprintf("nats://mksync:%s@127.0.0.1:%d", natsSecret, at.Port)})
	}
	for i := range places {
		for j := range places {
			address := fmt.Sprint("nats://127.0.0.1:", places[j].Route)
			if i != j {
				var w *wire.Wire
				w, address = wire.New(t, "route", address)
				c.machines[i].routes = append(c.machines[i].routes, w)
				c.machines[j].routes = append(c.machines[j].routes, w)
			}
			places[i].Routes = append(places[i].Routes, address)
		}
	}

	for i, m := range c.machines {
		what, err := json.Marshal(places[i])
		require.NoError(t, err)
		m.Keeper = keeper.Keep(t, places[i].Name, append(os.Environ(), natsVariable+"="+string(what),
			"NATS_SERVER="+places[i].Name, "MKSYNC_NATS_PASSWORD="+natsSecret, "MKSYNC_ASKER_PASSWORD=nobody"))
	}
	c.connect()
	return c
}

// connect signs an administrator in, who waits until the servers have a leader.
func (c *natsCluster) connect() {
	c.t.Helper()
	var err error
	c.admin, err = nats.Connect(c.machines[0].url+","+c.machines[1].url+","+c.machines[2].url, nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.Timeout(time.Second))
	require.NoError(c.t, err)
	c.t.Cleanup(c.admin.Close)
	c.js, err = jetstream.New(c.admin)
	require.NoError(c.t, err)
	waits.Eventually(c.t, time.Minute, func() error {
		ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
		defer cancel()
		_, err := c.js.AccountInfo(ctx)
		return err
	})
}

// streams are those that have copies.
var streams = []string{bus.StreamContacts, bus.StreamPartners, bus.StreamDeadLetters}

var errNotWhole = errors.New("a copy is behind")

// whole is an error until each stream has a leader and three copies that are up to date. One
// more server may go then.
func (c *natsCluster) whole() error {
	for _, name := range streams {
		ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
		stream, err := c.js.Stream(ctx, name)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		info := stream.CachedInfo().Cluster
		if info == nil || info.Leader == "" || len(info.Replicas) != machines-1 {
			return fmt.Errorf("%s: %w: %+v", name, errNotWhole, info)
		}
		for _, r := range info.Replicas {
			if !r.Current || r.Offline {
				return fmt.Errorf("%s: %w: %+v", name, errNotWhole, *r)
			}
		}
	}
	return nil
}

// some is any server.
func (c *natsCluster) some(r *rand.Rand) int { return r.IntN(machines) }

// leader is the server that leads the contacts' stream, or any where none does now.
func (c *natsCluster) leader(r *rand.Rand) int {
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
	defer cancel()
	if stream, err := c.js.Stream(ctx, bus.StreamContacts); err == nil && stream.CachedInfo().Cluster != nil {
		for i, m := range c.machines {
			if m.Name == stream.CachedInfo().Cluster.Leader {
				return i
			}
		}
	}
	return c.some(r)
}

// stepDown has each leader give way.
func (c *natsCluster) stepDown() {
	for _, name := range streams {
		_, _ = c.admin.Request("$JS.API.STREAM.LEADER.STEPDOWN."+name, nil, time.Second) // it may have none right now
	}
}

// empty takes from a server all that it stored, as a new disk does, while it is down.
func (m *machine) empty() error { return os.RemoveAll(filepath.Join(m.dir, "jetstream")) }
