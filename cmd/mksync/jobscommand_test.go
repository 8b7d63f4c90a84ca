package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

func TestJobsByCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	none := w.mksync("jobs", "list")
	require.Empty(t, none.lines())
	require.Contains(t, none.stderr, "there are no jobs")
	bad := w.insert(" ", "bor@novak.si")
	ids := append(w.persons(20), bad)
	w.latency(150 * time.Millisecond)
	_, c := w.api()
	w.eventually(func() error { return w.mksync("mappings").err })
	id := c.later("bulk-sync", `{"contactIds":`+jsonList(ids)+`}`)[len("jobs/"):]
	next := c.later("bulk-sync", `{"contactIds":["`+ids[0]+`"]}`)[len("jobs/"):]
	c.until(w, "jobs/"+id, func(j operations.Job) bool { return j.Done > 0 })
	list := w.mksync("jobs", "list")
	require.Equal(t, []string{next, id}, list.ids())
	require.Contains(t, list.lines()[0], "waits for job "+id+", over the same contacts")
	require.Contains(t, list.lines()[1], "running")
	cancelled := w.mksync("jobs", "cancel", next)
	require.Equal(t, []string{next}, cancelled.ids())
	require.Contains(t, cancelled.lines()[0], "cancelled")

	watched := w.mksync("jobs", "watch", id)
	require.ErrorIs(t, watched.err, errReported)
	require.Contains(t, watched.stderr, "syncing: ")
	require.Contains(t, watched.stderr, "is done: 21 of 21, 1 failed")
	require.Contains(t, watched.stdout, bad+"  failed  name:")
	shown := w.mksync("jobs", "show", id)
	require.Contains(t, shown.stdout, "contacts.bulk-sync")
	require.Contains(t, shown.stdout, "21 of 21, 1 failed")
	require.Contains(t, shown.stdout, bad+"  failed  name:")
	var asJSON shownJob
	w.mksync("jobs", "show", id, "--json").read(&asJSON)
	require.Equal(t, store.JobDone, asJSON.Status)
	require.Len(t, asJSON.Failures, 1)
	require.Nil(t, asJSON.Result)

	w.mksync("jobs", "watch", next).refused("is cancelled")
	w.mksync("jobs", "cancel", id).refused("is done already")
	w.mksync("jobs", "show", uuid.NewString()).refused("there is no job")
	w.mksync("jobs", "watch", "x").refused(`id: "x" is not a uuid`)
	require.Contains(t, w.mksync("jobs").stdout, "watch")
}

// TestLargeJobsFitIntoMessages: a job whose result is larger than a message of
// NATS can be shown and watched.
func TestLargeJobsFitIntoMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	const most = 256 << 10 // a small one: what is read under the race detector takes long
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir(), MaxPayload: most})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	w.cfg.NATSURL = config.Secret(server.URL())
	w.api()
	w.eventually(func() error { return w.mksync("mappings").err })
	const n = 2000
	res := operations.BulkSyncResult{Total: n, Failed: n}
	for i := range n {
		res.Results = append(res.Results, operations.BulkItem{ContactID: uuid.NewString(), Error: fmt.Sprintf("a reason of some length, as most of them are, number %d of them", i)})
	}
	text, err := json.Marshal(res)
	require.NoError(t, err)
	require.Greater(t, len(text), most)
	id := w.one(`INSERT INTO mksync_jobs (operation, request, status, total, done, failed, result, finished_at)
		VALUES ('contacts.bulk-sync', '{}', 'done', $1, $1, $1, $2, now()) RETURNING id::text`, n, text)
	require.Len(t, w.mksync("jobs", "list").lines(), 1)
	watched := w.mksync("jobs", "watch", id)
	require.ErrorIs(t, watched.err, errReported)
	require.Contains(t, watched.stdout, "number 1999 of them")
}
