package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// sharing makes the world's services share one NATS server.
func (w *world) sharing() {
	w.t.Helper()
	server, err := embedded.Start(w.t.Context(), embedded.Config{Dir: w.t.TempDir()})
	require.NoError(w.t, err)
	w.t.Cleanup(server.Shutdown)
	w.cfg.NATSURL = config.Secret(server.URL())
}

func (w *world) store() *pgstore.Store {
	w.t.Helper()
	pool, store, err := service.OpenStore(w.t.Context(), w.cfg)
	require.NoError(w.t, err)
	w.t.Cleanup(pool.Close)
	return store
}

func (w *world) persons(n int) (ids []string) {
	w.t.Helper()
	for i := range n {
		i += w.count("SELECT count(*) FROM contacts") - len(ids)
		ids = append(ids, w.insert(fmt.Sprintf("Oseba %d", i), fmt.Sprintf("oseba%d@partner.si", i)))
	}
	return ids
}

// latency makes add_partner slow.
func (w *world) latency(d time.Duration) {
	w.t.Helper()
	require.NoError(w.t, w.erp.SetFaults(sim.Faults{EndpointLatency: map[string]time.Duration{metakocka.EndpointAdd: d}}))
}

func byContact(ids []string) json.RawMessage {
	return json.RawMessage(`{"contactIds":` + jsonList(ids) + `}`)
}

// TestJobsOverTheSameContactsRunOneAfterAnother: in two processes; a job that
// shares nothing with them does not wait.
func TestJobsOverTheSameContactsRunOneAfterAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.sharing()
	ids := w.persons(16)
	w.latency(250 * time.Millisecond)
	w.cfg.MetaKockaConcurrency = 1
	_, c := w.api()
	w.start(service.RoleAPI)
	first := c.later("bulk-sync", `{"contactIds":`+jsonList(ids[:8])+`}`)
	c.until(w, first, func(j operations.Job) bool { return j.Done > 0 })
	same := c.later("bulk-sync", `{"contactIds":`+jsonList(ids[6:10])+`}`)
	all := c.later("bulk-import", `{"importAll":true}`)
	other := c.later("bulk-sync", `{"contactIds":`+jsonList(ids[10:12])+`}`)
	alone := c.later("bulk-sync", `{"contactIds":`+jsonList(ids[12:14])+`}`)

	job := c.until(w, same, func(j operations.Job) bool { return len(j.WaitsFor) > 0 })
	require.Equal(t, []string{first[len("jobs/"):]}, job.WaitsFor)
	require.Equal(t, store.JobQueued, job.Status)
	require.Equal(t, 200, c.do("DELETE", "/api/metakocka/"+all, "").status)
	for _, path := range []string{other, alone} {
		c.until(w, path, ended)
	}
	require.Zero(t, w.count(`SELECT count(*) FROM mksync_jobs a JOIN mksync_jobs b ON b.id = ANY (a.waits_for)
		WHERE a.started_at < b.finished_at`), "none began before what it waits for ended")
	require.Equal(t, store.JobDone, c.until(w, first, ended).Status)
	require.Equal(t, store.JobDone, c.until(w, same, ended).Status)
	require.Zero(t, w.count(`SELECT count(*) FROM mksync_jobs a JOIN mksync_jobs b ON b.id = ANY (a.waits_for)
		WHERE a.started_at < b.finished_at`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM mksync_jobs WHERE waits_for = ARRAY[$1::uuid] AND status = 'done'`, first[len("jobs/"):]))
	require.Len(t, w.erp.Partners(), 14)
}

// TestWhichJobsOverlap looks at what each new job waits for.
func TestWhichJobsOverlap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.persons(3)
	w.exec("INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id, sync_status) VALUES ($1, '7001', 'synced')", ids[0])
	kept := w.store()
	add := func(operation, request string) store.Job {
		j, err := kept.AddJob(t.Context(), operation, json.RawMessage(request), "")
		require.NoError(t, err)
		return j
	}
	syncs, imports := operations.OpBulkSync.Name, operations.OpBulkImport.Name
	a := add(syncs, `{"contactIds":["`+ids[0]+`","`+ids[1]+`"]}`)
	require.Empty(t, a.WaitsFor)
	b := add(imports, `{"metakockaIds":["7002"]}`)
	require.Empty(t, b.WaitsFor)
	require.Equal(t, []string{a.ID}, add(imports, `{"metakockaIds":["7003","7001"]}`).WaitsFor, "the partner of one of its contacts")
	require.Equal(t, []string{b.ID}, add(imports, `{"metakockaIds":["7002"]}`).WaitsFor)
	require.Empty(t, add(syncs, `{"contactIds":["`+ids[2]+`"]}`).WaitsFor)
	require.Len(t, add(syncs, `{"syncAll":true}`).WaitsFor, 5)
	require.Len(t, add(imports, `{"metakockaIds":["7009"]}`).WaitsFor, 1)
	ready, err := kept.ReadyJobs(t.Context())
	require.NoError(t, err)
	require.Len(t, ready, 3)
	require.NoError(t, kept.CancelJob(t.Context(), a.ID, "me"))
	again, err := kept.ReadyJobs(t.Context())
	require.NoError(t, err)
	require.Len(t, again, 3, "the one that waited is ready")
	require.NotEqual(t, ready, again)
	blocked, err := kept.TakeJob(t.Context(), a.ID)
	require.NoError(t, err)
	require.Nil(t, blocked, "it is cancelled")
	w.exec("UPDATE mksync_jobs SET finished_at = now() - interval '31 days' WHERE id = $1", a.ID)
	add(imports, `{"metakockaIds":["7010"]}`)
	require.Zero(t, w.count("SELECT count(*) FROM mksync_jobs WHERE id = $1", a.ID), "it is forgotten")
}

// TestAJobOfAKilledProcessIsTakenOver: within seconds, and what was finished is
// not done again.
func TestAJobOfAKilledProcessIsTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.sharing()
	w.cfg.PollInterval = time.Minute
	ids := w.persons(18) // few: each is asked for by itself
	w.latency(300 * time.Millisecond)
	log := &logBuffer{}
	c := w.spawn(log, "run", "--roles", service.RoleAPI)
	store := w.store()
	job, err := store.AddJob(t.Context(), operations.OpBulkSync.Name, byContact(ids), "")
	require.NoError(t, err)
	done := func() int { return w.count("SELECT done FROM mksync_jobs WHERE id = $1", job.ID) }
	w.eventually(func() error {
		if done() < 4 {
			return fmt.Errorf("not begun: %s", log.tail())
		}
		return nil
	})
	w.start(service.RoleAPI) // waits
	c.kill()
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
	w.erp.OnCall(func(c sim.Call) {
		mu.Lock()
		defer mu.Unlock()
		for _, id := range finished {
			if bytes.Contains(c.Arguments, []byte(`"`+id+`"`)) {
				again++
			}
		}
	})
	began := waits.Start()
	w.eventually(func() error {
		if n := done(); n <= len(finished) {
			return fmt.Errorf("%d are done", n)
		}
		return nil
	})
	require.Less(t, began.Elapsed(), 5*time.Second)
	w.eventually(func() error {
		if status := w.one("SELECT status FROM mksync_jobs WHERE id = $1", job.ID); status != "done" {
			return fmt.Errorf("it is %s", status)
		}
		return nil
	})
	require.Equal(t, 18, done())
	require.Len(t, w.erp.Partners(), 18)
	mu.Lock()
	defer mu.Unlock()
	require.Zero(t, again, "a finished contact was asked for or sent again")
}

// TestJobsSayWhenTheyAreLikelyDone: and are stopped within one contact's time.
func TestJobsSayWhenTheyAreLikelyDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.persons(120)
	w.latency(100 * time.Millisecond)
	_, c := w.api()
	path := c.later("bulk-sync", `{"contactIds":`+jsonList(ids)+`}`)
	require.Nil(t, c.until(w, path, func(j operations.Job) bool { return j.Status == store.JobRunning }).ExpectedAt)
	job := c.until(w, path, func(j operations.Job) bool { return j.ExpectedAt != nil })
	// At best two are done in 100 ms; else it is as quick as it has been so far.
	left, soFar := float64(job.Total-job.Done), time.Since(*job.StartedAt).Seconds()/float64(job.Done)
	require.Greater(t, time.Until(*job.ExpectedAt).Seconds(), left*0.050/2)
	require.Less(t, time.Until(*job.ExpectedAt).Seconds(), 2*left*soFar+2)
	cancelled := waits.Start()
	require.Equal(t, 200, c.do("DELETE", "/api/metakocka/"+path, "").status)
	job = c.until(w, path, ended)
	require.Less(t, cancelled.Elapsed(), 1500*time.Millisecond)
	require.Nil(t, job.ExpectedAt)
	sent := w.erp.Calls().Received[metakocka.EndpointAdd]
	require.Less(t, sent, len(ids))
	require.Len(t, w.erp.Partners(), sent)
}

// TestResultsOfAJobComeInPages: all of them or only what failed, also while it
// runs.
func TestResultsOfAJobComeInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.persons(12)
	for range 3 {
		ids = append(ids, w.insert(" ", ""))
	}
	_, c := w.api()
	path := c.later("bulk-sync", `{"contactIds":`+jsonList(ids)+`}`)
	c.until(w, path, ended)
	page := func(query string) (operations.Job, operations.BulkSyncResult) {
		var j operations.Job
		var res operations.BulkSyncResult
		c.get(path + query).data(&j)
		require.NoError(t, json.Unmarshal(j.Result, &res))
		require.Equal(t, 15, res.Total)
		return j, res
	}
	j, res := page("?failed=true&limit=2")
	require.Len(t, res.Results, 2)
	require.Contains(t, res.Results[0].Error, "name")
	require.Equal(t, "2", j.Next)
	j, res = page("?failed=true&limit=2&after=" + j.Next)
	require.Len(t, res.Results, 1)
	require.Equal(t, ids[14], res.Results[0].ContactID)
	require.Empty(t, j.Next)
	_, res = page("?limit=4&after=10")
	require.Len(t, res.Results, 4)
	require.Equal(t, ids[10], res.Results[0].ContactID)
	_, res = page("?after=99")
	require.Empty(t, res.Results)
	c.get(path+"?failed=yes").refused(400, "malformed", "failed: must be true or false")
	c.get(path+"?limit=0").refused(400, "malformed", "limit")
	c.get(path+"?after=x").refused(400, "malformed", "after")

	w.latency(300 * time.Millisecond)
	path = c.later("bulk-sync", `{"contactIds":`+jsonList(append(ids[12:], w.persons(20)...))+`}`)
	c.until(w, path+"?failed=true", func(j operations.Job) bool {
		var res operations.BulkSyncResult
		_ = json.Unmarshal(j.Result, &res)
		return j.Status.Open() && len(res.Results) == 3
	})
	c.do("DELETE", "/api/metakocka/"+path, "")
}
