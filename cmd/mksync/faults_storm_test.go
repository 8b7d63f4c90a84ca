package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/testenv/crowd"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/wire"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// messaging is the NATS that a storm's service uses.
type messaging interface {
	// addresses are those of its servers.
	addresses(t testing.TB) []string
	// troubles are what happens to it alone.
	troubles(st *storm) []trouble
}

// trouble is one bad thing, and how often it happens beside the others.
type trouble struct {
	weight int
	happen func()
}

// storm is a service, all that it needs, and everything that can go wrong with
// it: Postgres and NATS of its own, the ERP, and a bad wire to each.
type storm struct {
	*world.World
	rand      *rand.Rand
	postgres  *pgserver.Server
	nats      messaging
	clock     *wallClock // Postgres's; nil: it cannot be put forward and back
	wires     []*wire.Wire
	instances []*keeper.Keeper
	slowStops []string
	writes    *crowd.Writes
	table     crowd.Table

	mu     sync.Mutex // guards these
	counts map[string]int
	broken int // how often the wire to MetaKocka was bad
}

// newStorm builds the world. One instance runs nowhere yet.
func newStorm(t *testing.T, s uint64, nats messaging, table crowd.Table) *storm {
	t.Helper()
	clock, err := newWallClock(t)
	var env []string
	if err != nil {
		t.Log(err)
	} else {
		env = clock.env
	}
	server, url := world.OwnServer(t, env...)
	st := &storm{
		clock: clock, postgres: server, table: table,
		World: table.World(t, url, sim.Options{Seed: s, Notes: sim.Kept}),
		rand:  rand.New(rand.NewPCG(s, 1)), counts: map[string]int{},
	}
	st.nats = nats
	var servers []string
	for _, address := range nats.addresses(t) {
		servers = append(servers, st.wire("nats", address))
	}

	st.Config.DatabaseURL = config.Secret(st.wire("postgres", st.Config.DatabaseURL.Reveal()))
	st.Config.NATSURL, st.Config.StreamReplicas = config.Secret(strings.Join(servers, ",")), len(servers)
	st.Config.MetaKockaURL = st.wire("metakocka", st.Config.MetaKockaURL)
	st.Config.MaxDeletes, st.Config.PollInterval, st.Config.AutoImport = 100_000, time.Second, true
	st.Config.MetaKockaSettle = time.Second
	st.Config.NATSSyncInterval = natsSync
	st.writes = crowd.WatchWrites(st.ERP)
	return st
}

func (st *storm) wire(name, address string) string {
	w, through := wire.New(st.T, name, address)
	st.wires = append(st.wires, w)
	return through
}

// runService starts another instance.
func (st *storm) runService() {
	st.Config.DataDir = st.T.TempDir()
	name := fmt.Sprintf("instance %d", len(st.instances)+1)
	st.instances = append(st.instances, keeper.Keep(st.T, name, append(st.Environ(), childVariable+"=1", raceVariable+"="+os.Getenv(raceVariable)+" halt_on_error=1")))
}

func (st *storm) count(what string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.counts[what]++
}

func (st *storm) pause(least, most time.Duration) {
	waits.Idle(st.T.Context(), least+time.Duration(st.rand.Int64N(int64(most-least)+1)))
}

func (st *storm) instance() *keeper.Keeper { return st.instances[st.rand.IntN(len(st.instances))] }

// cycle kills an instance and does one other bad thing.
func (st *storm) cycle() {
	st.moods()
	if st.rand.IntN(2) == 0 {
		st.jump()
	}
	st.trouble()
	st.pause(50*time.Millisecond, 700*time.Millisecond)
	st.count("kill -9")
	st.instance().Kill()
	st.pause(100*time.Millisecond, 600*time.Millisecond)
}

// trouble is one bad thing, by weight.
func (st *storm) trouble() {
	kinds := append([]trouble{
		{54, st.spoil},
		{6, st.cut},
		{6, st.stopped},
		{5, st.terminated},
		{5, st.restartPostgres},
		{4, st.dropSlot},
		{4, st.advanceSlot},
		{4, st.renewSlot},
		{5, st.deleteStream},
		{5, st.purgeStream},
		{5, st.stranger},
		{5, st.hideContacts},
	}, st.nats.troubles(st)...)
	all := 0
	for _, k := range kinds {
		all += k.weight
	}
	roll := st.rand.IntN(all)
	for _, k := range kinds {
		if roll -= k.weight; roll < 0 {
			k.happen()
			return
		}
	}
}

// spoil makes one wire bad for a while.
func (st *storm) spoil() {
	w, bad := st.wires[st.rand.IntN(len(st.wires))], wire.Toxics[st.rand.IntN(len(wire.Toxics))]
	direction := []string{"upstream", "downstream"}[st.rand.IntN(2)]
	st.count(bad.Kind)
	st.touched(w)
	w.Spoil(st.T, bad, direction, []float64{0.3, 0.6, 1}[st.rand.IntN(3)])
	st.pause(100*time.Millisecond, 1500*time.Millisecond)
	w.Heal(st.T)
}

// touched counts what may lose answers of MetaKocka.
func (st *storm) touched(w *wire.Wire) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if w.Name == "metakocka" {
		st.broken++
	}
}

// cut makes one server unreachable for a while.
func (st *storm) cut() {
	w := st.wires[st.rand.IntN(len(st.wires))]
	st.count("unreachable")
	st.touched(w)
	w.Cut()
	st.pause(100*time.Millisecond, time.Second)
	w.Mend(st.T)
}

// stopped freezes an instance, as a machine that is moved or swaps: for it the
// clock jumps, and the others may have taken over its work.
func (st *storm) stopped() {
	st.count("frozen")
	k := st.instance()
	k.Signal(syscall.SIGSTOP, keeper.Unasked)
	st.pause(time.Second, 3*time.Second)
	k.Signal(syscall.SIGCONT, keeper.Unasked)
}

func (st *storm) terminated() {
	st.count("SIGTERM")
	if _, err := st.instance().Terminate(20 * time.Second); err != nil {
		st.slowStops = append(st.slowStops, err.Error())
	}
}

func (st *storm) restartPostgres() {
	st.count("postgres crashed")
	require.NoError(st.T, st.postgres.Restart(st.T.Context()))
}

// moods are how MetaKocka behaves for the next while.
func (st *storm) moods() {
	usual := sim.Faults{Latency: 5 * time.Millisecond, Jitter: 20 * time.Millisecond, LateBy: 700 * time.Millisecond}
	f := usual
	switch st.rand.IntN(7) {
	case 0:
		f.Endpoints = []string{metakocka.EndpointAdd}
		f.CutAfter, f.CutHalf, f.GatewayTimeout, f.Garbage = 0.15, 0.05, 0.05, 0.05
		f.LateProcessing = 0.1
	case 1:
		f.Endpoints = []string{metakocka.EndpointUpdate}
		f.CutAfter, f.CutBefore, f.LateProcessing = 0.15, 0.1, 0.15
	case 2:
		f.Rate429, f.Rate5xx, f.HTMLPage, f.Garbage = 0.05, 0.05, 0.05, 0.05
	case 3:
		f.CutBefore, f.CutAfter, f.LateProcessing = 0.05, 0.1, 0.05
	case 4:
		f.Down = st.rand.IntN(3) == 0
	case 5: // writes alone, as by a licence that has run out
		f.Endpoints, f.WrongKey = []string{metakocka.EndpointAdd, metakocka.EndpointUpdate}, 1
	}
	require.NoError(st.T, st.ERP.SetFaults(f))
}

// calm ends every fault.
func (st *storm) calm() {
	for _, w := range st.wires {
		st.touched(w)
		w.Heal(st.T)
	}
	require.NoError(st.T, st.ERP.SetFaults(sim.Faults{Latency: 2 * time.Millisecond}))
}

// unasked are the ends of processes that a crash of their own may be behind: a
// service may well not start while its database is away, and says so in a line.
func (st *storm) unasked() (crashes, refusals []string) {
	for _, k := range st.instances {
		for _, end := range k.Ends() {
			if strings.Contains(end, ": mksync: ") {
				refusals = append(refusals, k.Name+": "+end)
			} else {
				crashes = append(crashes, k.Name+": "+end)
			}
		}
		if text := k.Log.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") {
			crashes = append(crashes, k.Name+" has a data race or a panic in its log")
		}
	}
	return crashes, append(refusals, st.slowStops...)
}

func (st *storm) faults() string {
	st.mu.Lock()
	defer st.mu.Unlock()
	var b strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(st.counts)) {
		fmt.Fprintf(&b, "  %-18s %d\n", kind, st.counts[kind])
	}
	return b.String()
}

// excessAllowed: a process that is killed or frozen, or a wire to MetaKocka that
// breaks, leaves at most as many calls unanswered as are made at once. An update
// that took effect is recognised and not repeated; only one that another edit hid
// may be.
func (st *storm) excessAllowed() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.Config.MetaKockaConcurrency * (st.counts["kill -9"] + st.counts["frozen"] + st.broken)
}
