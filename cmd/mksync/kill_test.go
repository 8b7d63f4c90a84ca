package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/crowd"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestKilledAtAnyMoment kills the service again and again while both sides are
// edited: no contact twice in MetaKocka, no edit lost.
func TestKilledAtAnyMoment(t *testing.T) {
	long.Only(t)
	killed(t, 4, "", nil)
}

// TestKilledWithOtherKeys is TestKilledAtAnyMoment with contacts whose keys are no uuids.
func TestKilledWithOtherKeys(t *testing.T) {
	long.Only(t)
	t.Run("bigint", func(t *testing.T) { killed(t, 3, "bigint", func(n int) string { return strconv.Itoa(n - 5) }) })
	t.Run("text", func(t *testing.T) {
		killed(t, 3, "text", func(n int) string { return fmt.Sprintf("a.b c/š*> %d", n) })
	})
}

// killed kills the service so often; newID gives contacts their keys, where these are no uuids.
func killed(t *testing.T, kills int, key string, newID func(n int) string) {
	t.Helper()
	t.Parallel()
	s := testenv.Seed(t)
	r := rand.New(rand.NewPCG(s, 1))
	w := world.New(t, sim.Options{Seed: s, Notes: sim.Kept})
	w.Config.MaxDeletes, w.Config.PollInterval = 10_000, time.Second
	if n, err := strconv.Atoi(os.Getenv("MKSYNC_TEST_KILLS")); err == nil { // `make long`: a hundred
		kills = n
	}
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Latency: 5 * time.Millisecond, Jitter: 20 * time.Millisecond}))
	w.Exec(crowd.WideCountries)
	table := crowd.Plain()
	if newID != nil {
		table.NewID = newID
		w.Exec("ALTER TABLE contacts ALTER id DROP DEFAULT, ALTER id TYPE " + key + " USING NULL")
		_, err := service.Migrate(t.Context(), w.Config)
		require.NoError(t, err)
	}
	w.Exec(world.AuditSQL)
	people := crowd.New(w, table, rand.New(rand.NewPCG(s, 2)))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); people.Run(ctx, 20*time.Millisecond) }()

	log := &keeper.Log{}
	for range kills {
		c := spawn(w, log)
		waits.Idle(t.Context(), 400*time.Millisecond+time.Duration(r.IntN(900))*time.Millisecond)
		c.kill()
	}
	last := spawn(w, log)
	waits.Idle(t.Context(), time.Second)
	stop()
	<-done
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.Tail())
		}
	})
	crowd.Settled(t, people, time.Minute+time.Duration(kills)*2*time.Second)
	crowd.Chronicled(t, people)
	crowd.Rowed(t, people)
	require.Zero(t, last.terminate(), "SIGTERM ends run with status 0")
	_, kinds := people.Edits()
	t.Logf("kills %d, edits %s, partners %d, calls %+v", kills, kinds, len(w.ERP.Partners()), w.ERP.Calls().Processed)
}
