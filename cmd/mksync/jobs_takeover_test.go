package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestAJobOfAKilledProcessIsTakenOver: within seconds, and what was finished is
// not done again.
func TestAJobOfAKilledProcessIsTakenOver(t *testing.T) {
	long.Only(t)
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Sharing()
	w.Config.PollInterval = time.Minute
	ids := w.Persons(18) // few: each is asked for by itself
	w.Latency(700 * time.Millisecond)
	log := &keeper.Log{}
	c := spawn(w, log, "run", "--roles", service.RoleAPI)
	store := w.Store()
	job, err := store.AddJob(t.Context(), operations.OpBulkSync.Name, world.ByContact(ids), "")
	require.NoError(t, err)
	done := func() int { return w.Count("SELECT done FROM mksync_jobs WHERE id = $1", job.ID) }
	begun := func(n int) {
		w.Eventually(func() error {
			if done() < n {
				return fmt.Errorf("not begun: %s", log.Tail())
			}
			return nil
		})
	}
	begun(1)
	w.Start(service.RoleAPI) // waits
	begun(4)
	c.kill()
	w.Latency(0)
	var finished []string // partners
	items, err := store.JobItems(t.Context(), job.ID)
	require.NoError(t, err)
	for _, text := range items {
		var item operations.BulkItem
		require.NoError(t, json.Unmarshal(text, &item))
		finished = append(finished, item.MetaKockaID)
	}
	require.Greater(t, len(finished), 3)
	var mu sync.Mutex
	again := 0
	w.ERP.OnCall(func(c sim.Call) {
		mu.Lock()
		defer mu.Unlock()
		for _, id := range finished {
			if bytes.Contains(c.Arguments, []byte(`"`+id+`"`)) {
				again++
			}
		}
	})
	began := waits.Start()
	w.Eventually(func() error {
		if n := done(); n <= len(finished) {
			return fmt.Errorf("%d are done", n)
		}
		return nil
	})
	require.Less(t, began.Elapsed(), 5*time.Second)
	w.Eventually(func() error {
		if status := w.One("SELECT status FROM mksync_jobs WHERE id = $1", job.ID); status != "done" {
			return fmt.Errorf("it is %s", status)
		}
		return nil
	})
	require.Equal(t, 18, done())
	require.Len(t, w.ERP.Partners(), 18)
	mu.Lock()
	defer mu.Unlock()
	require.Zero(t, again, "a finished contact was asked for or sent again")
}
