package cluster

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/crowd"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	atlength "github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/wire"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
)

// cyclesVariable is how many faults happen at length; `make cluster` sets it.
const cyclesVariable = "MKSYNC_TEST_CLUSTER"

// long says whether the long form runs.
var long = os.Getenv(cyclesVariable) != ""

// onlyVariable is a regular expression of the kinds of faults that happen, to look at one.
const onlyVariable = "MKSYNC_TEST_CLUSTER_ONLY"

// secondsVariable is how long a fault may be on; the shortest are half as long.
const secondsVariable = "MKSYNC_TEST_CLUSTER_SECONDS"

// cluster is mksync on three machines, and all that it needs.
type cluster struct {
	*world.World
	rand      *rand.Rand
	nats      *natsCluster
	postgres  *postgres
	crm       *wire.Wire // from the CRM's users to its database
	processes []*process
	people    *crowd.Crowd
	writes    *crowd.Writes
	watch     *watch
	disk      disk

	least, most time.Duration // how long a fault is on

	mu     sync.Mutex // guards these
	counts map[string]int
	broken int // how often a process may have lost MetaKocka's answers
}

// newCluster starts everything but mksync.
func newCluster(t *testing.T, s uint64) *cluster {
	t.Helper()
	c := &cluster{rand: rand.New(rand.NewPCG(s, 1)), counts: map[string]int{}}
	var servers sync.WaitGroup
	dirs := make([]string, machines)
	for i := range dirs {
		dirs[i] = t.TempDir()
	}
	c.disk = newDisk(t)
	if c.disk.Disk != nil {
		dirs[machines-1] = c.disk.Dir
	}
	servers.Go(func() { c.nats = startNATS(t, dirs) })
	var url string
	servers.Go(func() { c.postgres, url = startPostgres(t) })
	servers.Wait()
	require.False(t, t.Failed())

	var through string
	c.crm, through = wire.New(t, "crm", url)
	table := crowd.Plain()
	c.World = table.World(t, through, sim.Options{Seed: s, Notes: sim.Kept})
	c.writes = crowd.WatchWrites(c.ERP)
	c.latency(5*time.Millisecond, 20*time.Millisecond)

	// Each process's way to the database begins where the primary is, not at the CRM's wire.
	c.Config.DatabaseURL = config.Secret(world.AsRole(t, url, "mksync"))
	c.Config.StreamReplicas, c.Config.NATSSyncInterval = machines, time.Second
	c.Config.MaxDeletes, c.Config.PollInterval, c.Config.AutoImport = 100_000, time.Second, true
	c.Config.MetaKockaSettle, c.Config.HeartbeatInterval = time.Second, time.Second

	c.people = crowd.New(c.World, table, rand.New(rand.NewPCG(s, 2)))
	c.people.Imports, c.people.Filters = true, true
	for range 10 {
		c.people.Insert()
	}
	return c
}

// latency is how long MetaKocka takes for each call, and up to so much more.
func (c *cluster) latency(d, jitter time.Duration) {
	c.T.Helper()
	require.NoError(c.T, c.ERP.SetFaults(sim.Faults{Latency: d, Jitter: jitter}))
}

// TestCluster breaks one part after the other while people edit on both sides. In the end
// nothing is lost and nothing is doubled; in between nothing stood still for longer than
// mksync takes to say so. `make long` takes one machine away, `make cluster` does all.
func TestCluster(t *testing.T) {
	if !long {
		atlength.Only(t)
	}
	t.Parallel()
	s := testenv.Seed(t)
	c := newCluster(t, s)
	cycles, only, every := 1, regexp.MustCompile("^machine away$"), 200*time.Millisecond
	c.least, c.most = 200*time.Millisecond, 500*time.Millisecond
	if n, err := strconv.Atoi(os.Getenv(cyclesVariable)); err == nil {
		cycles, only, every = n, regexp.MustCompile(os.Getenv(onlyVariable)), 40*time.Millisecond
		c.least, c.most = time.Second, 12*time.Second
		if seconds, err := strconv.Atoi(os.Getenv(secondsVariable)); err == nil {
			c.most = time.Duration(seconds) * time.Second
			c.least = c.most / 2
		}
	}
	split := splits[c.rand.IntN(len(splits))]
	t.Log("roles: ", strings.Join(split[:], " | "))
	c.startProcesses(split)
	t.Cleanup(func() { c.explain(t) }) // before they are ended

	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	c.watch = c.keepWatch(ctx, service.Patience(c.Config))
	work.Go(func() { c.people.Run(ctx, every) })
	c.watch.recovered()
	began := time.Now()
	c.storm(cycles, only)
	lasted := time.Since(began)
	stop()
	work.Wait()
	c.people.ComeBack()
	c.people.Correct()

	took, v := crowd.Settled(t, c.people, time.Minute)
	excess := c.rest()
	crowd.Chronicled(t, c.people)
	t.Log(c.report(cycles, lasted, took, v, excess))
	if long {
		c.olderCopy()
	}
	require.Empty(t, c.crashes())
	if long { // it measures times, for which it needs the machine for itself
		c.said()
	}
	for _, p := range c.processes {
		_, err := p.Terminate(20 * time.Second)
		require.NoError(t, err)
	}
}

// storm lets each kind of fault happen in turn, in an order of its own each time.
func (c *cluster) storm(cycles int, only *regexp.Regexp) {
	var deck []fault
	for range cycles {
		if len(deck) == 0 {
			deck = slices.DeleteFunc(c.faults(), func(f fault) bool { return !only.MatchString(f.kind) })
			c.rand.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		f := deck[0]
		deck = deck[1:]
		c.count(f.kind)
		c.watch.begin(f.kind)
		began := time.Now()
		f.happen()
		over := time.Now()
		c.watch.recovered()
		c.T.Logf("%s: %s for %.1f s, and %.1f s until edits arrived", began.Format(time.TimeOnly), f.kind, over.Sub(began).Seconds(), time.Since(over).Seconds())
		waits.Eventually(c.T, 2*time.Minute, c.nats.whole) // before another server may go
	}
}

// rest checks that what has settled stays so, without a call that writes, and returns
// how many writes were in excess.
func (c *cluster) rest() (excess int) {
	c.T.Helper()
	before := c.ERP.Calls().Writes()
	waits.Idle(c.T.Context(), 2*c.Config.PollInterval+500*time.Millisecond)
	crowd.Settled(c.T, c.people, 30*time.Second)
	require.Equal(c.T, before, c.ERP.Calls().Writes(), "two sides that agree are left alone")
	all := c.writes.InExcess(c.T, c.people)
	require.LessOrEqual(c.T, len(all), c.excessAllowed(), crowd.Some(all))
	return len(all)
}

// excessAllowed: a process that ends or is frozen, or whose wire to MetaKocka breaks, leaves
// at most as many calls without an answer as are made at once; where Postgres ends, or the
// wire to it breaks, the answers of as many are not stored. NATS has no part in a write.
func (c *cluster) excessAllowed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Config.MetaKockaConcurrency * c.broken
}

// goesOn is how long at most nothing may arrive while one of three is away, however long it
// is: a cluster of NATS takes up to ten seconds to have other leaders, and a client some
// seconds more to find them.
const goesOn = 30 * time.Second

// said fails where nothing arrived for long though two of three were there, or a process
// said that all is well meanwhile.
func (c *cluster) said() {
	c.T.Helper()
	for kind, f := range c.watch.found {
		limit := goesOn
		if kind == frozen {
			limit += time.Minute // Postgres's wal_sender_timeout: until then the slot is the frozen one's
		}
		if kind != majorityAway {
			require.Less(c.T, max(f.still[toMetaKocka], f.still[toCRM]), waits.Stretch(limit), "%s: nothing arrived for so long", kind)
		}
		require.Less(c.T, f.unsaid, 5*time.Second, "%s: nothing arrived, and status said that all is well", kind)
	}
}

func (c *cluster) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}

// crashes are the ends of processes that nobody asked for, but for those of an mksync that
// says why it does not run.
func (c *cluster) crashes() (crashes []string) {
	for _, k := range c.keepers() {
		for _, end := range k.Ends() {
			if !strings.Contains(end, ": mksync: ") {
				crashes = append(crashes, k.Name+": "+end)
			}
		}
		if text := k.Log.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") {
			crashes = append(crashes, k.Name+" has a data race or a panic in its log")
		}
	}
	return crashes
}

func (c *cluster) keepers() (all []*keeper.Keeper) {
	for _, p := range c.processes {
		all = append(all, p.Keeper)
	}
	for _, m := range c.nats.machines {
		all = append(all, m.Keeper)
	}
	return all
}

func (c *cluster) report(cycles int, lasted, took time.Duration, v crowd.Verdict, excess int) string {
	var b strings.Builder
	edits, kinds := c.people.Edits()
	calls := c.ERP.Calls()
	fmt.Fprintf(&b, `
faults             %d in %.0f s
edits              %d %s
people             %d, of whom %d are held and %d partial, as their data demands; %d left out
calls              %d, writes %d
writes in excess   %d of at most %d
duplicates         %d
losses             %d
seconds to settle  %.1f

seconds at most, by kind of fault   to MetaKocka        to the CRM
                             times  none arrives  late  none arrives  late  all well, says status
`, cycles, lasted.Seconds(), edits, kinds, c.people.Count(), v.Held, v.Partial, v.LeftOut, calls.Total(), calls.Writes(),
		excess, c.excessAllowed(), len(v.Duplicates), len(v.Losses), took.Seconds())
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(c.watch.found)) {
		f := c.watch.found[kind]
		fmt.Fprintf(&b, "%-28s %5d  %12.1f  %4.1f  %12.1f  %4.1f  %21.1f\n", kind, f.times,
			f.still[toMetaKocka].Seconds(), f.late[toMetaKocka].Seconds(), f.still[toCRM].Seconds(), f.late[toCRM].Seconds(), f.unsaid.Seconds())
	}
	return b.String()
}

// explain leaves the logs of a failed run (MKSYNC_TEST_LOG=1: of any) in a directory, with what each process was doing:
// one that stands still logs nothing.
func (c *cluster) explain(t *testing.T) {
	t.Helper()
	if !t.Failed() && os.Getenv("MKSYNC_TEST_LOG") == "" {
		return
	}
	dir, err := os.MkdirTemp("", "mksync-cluster-")
	if err != nil {
		return
	}
	for _, p := range c.processes {
		p.mu.Lock()
		t.Logf("%s (%s) said %s ago: %v %q", p.Name, p.roles, time.Since(p.said.at), p.said.failed, p.said.status.Problems)
		p.mu.Unlock()
	}
	for _, k := range c.keepers() {
		k.Signal(syscall.SIGCONT, keeper.Unasked)
		<-k.Signal(syscall.SIGQUIT, keeper.Killed) // it writes its goroutines
		_ = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(k.Name, " ", "-")+".log"), []byte(k.Log.String()), 0o600)
	}
	t.Logf("logs are in %s; crashes: %s; faults: %v, the last one: %s", dir, crowd.Some(c.crashes()), c.counts, c.watch.kind)
}
