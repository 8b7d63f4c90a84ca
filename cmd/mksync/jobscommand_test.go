package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

func TestJobsByCommand(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	none := mksync(w, "jobs", "list")
	require.Empty(t, none.lines())
	require.Contains(t, none.stderr, "there are no jobs")
	bad := w.Insert(" ", "bor@novak.si")
	ids := append(w.Persons(20), bad)
	let := w.Hold(metakocka.EndpointAdd)
	_, c := w.API()
	w.Eventually(func() error { return mksync(w, "mappings").err })
	id := c.Later("bulk-sync", `{"contactIds":`+world.JSONList(ids)+`}`)[len("jobs/"):]
	next := c.Later("bulk-sync", `{"contactIds":["`+ids[0]+`"]}`)[len("jobs/"):]
	let(1)
	c.Until(w, "jobs/"+id, func(j operations.Job) bool { return j.Done > 0 })
	list := mksync(w, "jobs", "list")
	require.Equal(t, []string{next, id}, list.ids())
	require.Contains(t, list.lines()[0], "waits for job "+id+", over the same contacts")
	require.Contains(t, list.lines()[1], "running")
	cancelled := mksync(w, "jobs", "cancel", next)
	require.Equal(t, []string{next}, cancelled.ids())
	require.Contains(t, cancelled.lines()[0], "cancelled")

	goOn := sync.OnceFunc(func() { let(world.All) })
	watched := mksyncHeard(w, "", func(soFar string) {
		if strings.Contains(soFar, "syncing: ") {
			goOn()
		}
	}, "jobs", "watch", id)
	require.ErrorIs(t, watched.err, errReported)
	require.Contains(t, watched.stderr, "is done: 21 of 21, 1 failed")
	require.Contains(t, watched.stdout, bad+"  failed  name:")
	shown := mksync(w, "jobs", "show", id)
	require.Contains(t, shown.stdout, "contacts.bulk-sync")
	require.Contains(t, shown.stdout, "21 of 21, 1 failed")
	require.Contains(t, shown.stdout, bad+"  failed  name:")
	var asJSON shownJob
	mksync(w, "jobs", "show", id, "--json").read(&asJSON)
	require.Equal(t, store.JobDone, asJSON.Status)
	require.Len(t, asJSON.Failures, 1)
	require.Nil(t, asJSON.Result)

	mksync(w, "jobs", "watch", next).refused("is cancelled")
	mksync(w, "jobs", "cancel", id).refused("is done already")
	mksync(w, "jobs", "show", uuid.NewString()).refused("there is no job")
	mksync(w, "jobs", "watch", "x").refused(`id: "x" is not a uuid`)
	require.Contains(t, mksync(w, "jobs").stdout, "watch")
}

// TestLargeJobsFitIntoMessages: a job whose result is larger than a message of
// NATS can be shown and watched.
func TestLargeJobsFitIntoMessages(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	const most = 256 << 10 // a small one: what is read under the race detector takes long
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir(), MaxPayload: most})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	w.Config.NATSURL = config.Secret(server.URL())
	w.API()
	w.Eventually(func() error { return mksync(w, "mappings").err })
	const n = 2000
	res := operations.BulkSyncResult{Total: n, Failed: n}
	for i := range n {
		res.Results = append(res.Results, operations.BulkItem{ContactID: uuid.NewString(), Error: fmt.Sprintf("a reason of some length, as most of them are, number %d of them", i)})
	}
	text, err := json.Marshal(res)
	require.NoError(t, err)
	require.Greater(t, len(text), most)
	id := w.One(`INSERT INTO mksync_jobs (operation, request, status, total, done, failed, result, finished_at)
		VALUES ('contacts.bulk-sync', '{}', 'done', $1, $1, $1, $2, now()) RETURNING id::text`, n, text)
	require.Len(t, mksync(w, "jobs", "list").lines(), 1)
	watched := mksync(w, "jobs", "watch", id)
	require.ErrorIs(t, watched.err, errReported)
	require.Contains(t, watched.stdout, "number 1999 of them")
}
