package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/crowd"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// cyclesVariable is how many cycles TestFaults runs, each with one kill -9;
// `make faults` runs a hundred.
const cyclesVariable = "MKSYNC_TEST_FAULTS"

// TestFaults lets everything go wrong that can while people edit on both sides.
// In the end nothing is lost and nothing is doubled.
func TestFaults(t *testing.T) {
	long.Only(t)
	t.Parallel()
	weather(t, startNATS(t), crowd.Plain(), 3)
}

// TestFaultsOnTheCRMsTable is the same with the table of a CRM that was there before mksync.
// It refuses what not every user of the ERP knows of. `make faults` and `make long` run it.
func TestFaultsOnTheCRMsTable(t *testing.T) {
	long.Only(t)
	t.Parallel()
	weather(t, startNATS(t), crowd.Guest(), 1)
}

// TestFaultsOnACluster is the same with streams of three copies, on three servers. It
// takes as long as many other tests together, so only `make faults` runs it.
func TestFaultsOnACluster(t *testing.T) {
	t.Parallel()
	if os.Getenv(cyclesVariable) == "" {
		t.Skip("make faults runs it")
	}
	weather(t, natsCluster{natsserver.StartCluster(t)}, crowd.Plain(), 3)
}

// weather runs a storm of so many cycles, or as many as are asked for.
func weather(t *testing.T, nats messaging, table crowd.Table, cycles int) {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv(cyclesVariable)); err == nil {
		cycles = n
	}
	s := testenv.Seed(t)
	st := newStorm(t, s, nats, table)
	people := crowd.New(st.World, table, rand.New(rand.NewPCG(s, 2)))
	people.Imports, people.Filters = true, true
	for range 30 {
		people.Insert()
	}
	for range 3 {
		people.InsertKin()
	}
	st.runService()
	st.runService()
	t.Cleanup(func() { st.explain(t) }) // before they are ended
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); people.Run(ctx, 25*time.Millisecond) }()
	for range cycles {
		st.cycle()
	}
	st.calm()
	stop()
	<-done
	people.ComeBack()
	people.Correct()

	// A contact that was refused in three pauses, each of which ended with the process that
	// knew of it, is tried again after two minutes and a quarter.
	took, v := crowd.Settled(t, people, 3*time.Minute+time.Duration(cycles)*time.Second)
	excess := st.rest(people)
	crowd.Chronicled(t, people)
	crashes, refusals := st.unasked()
	t.Log(st.report(people, cycles, took, v, excess, refusals))
	require.Empty(t, crashes)
	for _, k := range st.instances {
		_, err := k.Terminate(20 * time.Second)
		require.NoError(t, err)
	}
}

// rest checks that what has settled stays so, without a call that writes, and
// that nobody's partner was written more often than allowed; it returns how many writes were in excess.
func (st *storm) rest(people *crowd.Crowd) (excess int) {
	st.T.Helper()
	before := st.ERP.Calls().Writes()
	waits.Idle(st.T.Context(), 2*st.Config.PollInterval+500*time.Millisecond)
	v, err := people.Judge(st.T.Context())
	require.NoError(st.T, err)
	require.Empty(st.T, v.Losses)
	require.Empty(st.T, v.Duplicates)

	// A poll that saw a partner has those looked at again that are held for it.
	crowd.Settled(st.T, people, 30*time.Second)
	require.Equal(st.T, before, st.ERP.Calls().Writes(), "two sides that agree are left alone")
	all := st.writes.InExcess(st.T, people)
	require.LessOrEqual(st.T, len(all), st.excessAllowed(), crowd.Some(all))
	return len(all)
}

func (st *storm) report(people *crowd.Crowd, cycles int, took time.Duration, v crowd.Verdict, excess int, refusals []string) string {
	calls := st.ERP.Calls()
	edits, kinds := people.Edits()
	return fmt.Sprintf(`
cycles             %d
edits              %d %s
people             %d, of whom %d are held and %d partial, as their data demands; %d left out
faults
%s  writes failed      %d
calls              %d, writes %d: %+v
writes in excess   %d of at most %d
duplicates         %d
losses             %d
seconds to settle  %.1f
starts refused     %d`,
		cycles, edits, kinds, people.Count(), v.Held, v.Partial, v.LeftOut, st.faults(), st.writes.Failed(),
		calls.Total(), calls.Writes(), calls.Received, excess, st.excessAllowed(), len(v.Duplicates), len(v.Losses), took.Seconds(), len(refusals))
}

// explain leaves the logs of a failed run in a directory, with what each instance was
// doing: one that stands still logs nothing.
func (st *storm) explain(t *testing.T) {
	t.Helper()
	if !t.Failed() {
		return
	}
	dir, err := os.MkdirTemp("", "mksync-faults-")
	if err != nil {
		return
	}
	for _, k := range st.instances {
		<-k.Signal(syscall.SIGQUIT, keeper.Killed) // it writes its goroutines
	}
	kept := st.instances
	if n, ok := st.nats.(*natsProcess); ok {
		kept = append(kept, n.Keeper)
	}
	for i, k := range kept {
		_ = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.log", i+1)), []byte(k.Log.String()), 0o600)
	}
	if c, ok := st.nats.(natsCluster); ok {
		for i, state := range c.RaftStates() {
			_ = os.WriteFile(filepath.Join(dir, fmt.Sprintf("n%d.json", i)), state, 0o600)
		}
	}
	crashes, refusals := st.unasked()
	t.Logf("logs are in %s; crashes: %s; refusals: %s\n%s", dir, crowd.Some(crashes), crowd.Some(refusals), st.faults())
}
