// Package wire is connections that can be made bad: proxies before servers, which tests cut,
// slow down and heal.
package wire

import (
	"bytes"
	"encoding/json"
	"net/url"
	"runtime"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// Wire is a connection that can be made bad: what is reached through it, is
// reached through a proxy.
type Wire struct {
	Name   string
	server *toxiproxy.ApiServer
	proxy  *toxiproxy.Proxy
}

// Toxiproxy logs by a logger of the whole process, too.
func init() { zerolog.SetGlobalLevel(zerolog.Disabled) }

// New puts a proxy before the host of an address and returns the address
// by way of it.
func New(t testing.TB, name, address string) (*Wire, string) {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	w := &Wire{Name: name, server: server, proxy: toxiproxy.NewProxy(server, name, listen(), u.Host)}
	w.Mend(t)
	t.Cleanup(w.Cut)
	u.Host = w.proxy.Listen
	return w, u.String()
}

// listen is an address of this machine from which nobody connects. While a wire is cut its
// port is free, and at 127.0.0.1 an outgoing connection might be given it.
func listen() string {
	if runtime.GOOS == "linux" { // elsewhere there is only the one
		return "127.0.0.2:0"
	}
	return "127.0.0.1:0"
}

// Leaks are goroutines that a stopped proxy leaves behind when it was bad while data was on
// its way, and a stopped NATS server when it was about to take up a stream.
func Leaks() []goleak.Option {
	const pkg, nats = "github.com/Shopify/toxiproxy/v2", "github.com/nats-io/nats-server/v2/server"
	return []goleak.Option{
		goleak.IgnoreAnyFunction(pkg + ".(*ToxicLink).read"), goleak.IgnoreAnyFunction(pkg + ".(*ToxicLink).write"),
		goleak.IgnoreAnyFunction(pkg + "/toxics.(*ToxicStub).Run"), goleak.IgnoreAnyFunction(pkg + "/toxics.(*ToxicStub).Close"),
		goleak.IgnoreAnyFunction(nats + ".(*fileStore).flushStreamStateLoop"), goleak.IgnoreAnyFunction(nats + "/ats.Register.func1"),
	}
}

// Toxic is one way of being bad.
type Toxic struct {
	Kind       string
	Attributes map[string]int
}

// Toxics are the ways, each as bad as it gets without being an outage.
var Toxics = []Toxic{
	{"reset_peer", map[string]int{"timeout": 0}},
	{"reset_peer", map[string]int{"timeout": 50}},
	{"timeout", map[string]int{"timeout": 0}}, // swallows everything, closes nothing
	{"timeout", map[string]int{"timeout": 200}},
	{"bandwidth", map[string]int{"rate": 16}},
	{"slow_close", map[string]int{"delay": 400}},
	{"latency", map[string]int{"latency": 150, "jitter": 150}},
	{"slicer", map[string]int{"average_size": 60, "size_variation": 40, "delay": 300}},
	{"limit_data", map[string]int{"bytes": 4000}},
}

// Spoil makes the wire bad in one direction. share is the probability for each
// connection to be hit.
func (w *Wire) Spoil(t testing.TB, bad Toxic, direction string, share float64) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{
		"name": bad.Kind + "-" + direction, "type": bad.Kind, "stream": direction, "toxicity": share, "attributes": bad.Attributes,
	})
	require.NoError(t, err)
	_, err = w.proxy.Toxics.AddToxicJson(bytes.NewReader(raw))
	require.NoError(t, err)
}

// Heal makes the wire good again: another proxy takes the place of this one, whose connections
// are closed, and what was swallowed stays lost. A toxic is not taken out of a connection: the
// library hands on what it holds back before it does, five seconds for each piece that nobody
// reads, and at times waits for ever. On the wire to MetaKocka a write that it held back would
// be an edit made in the ERP.
func (w *Wire) Heal(t testing.TB) {
	t.Helper()
	w.Cut()
	w.proxy = toxiproxy.NewProxy(w.server, w.Name, w.proxy.Listen, w.proxy.Upstream)
	w.Mend(t)
}

// Cut closes every connection and refuses new ones until Mend is called.
func (w *Wire) Cut() { w.proxy.Stop() }

// Mend takes connections again.
func (w *Wire) Mend(t testing.TB) {
	t.Helper()
	require.NoError(t, w.proxy.Start())
}

// Lead makes the wire end at another address, and closes the connections to the one before.
func (w *Wire) Lead(t testing.TB, address string) {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	w.Cut()
	w.proxy.Upstream = u.Host
	w.Mend(t)
}
