package operations_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestJobsOverTheSameContactsRunOneAfterAnother: in two processes; a job that
// shares nothing with them does not wait.
func TestJobsOverTheSameContactsRunOneAfterAnother(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Sharing()
	ids := w.Persons(16)
	w.Config.MetaKockaConcurrency = 1
	let := w.Hold(metakocka.EndpointAdd)
	_, c := w.API()
	w.Start(service.RoleAPI)
	first := c.Later("bulk-sync", `{"contactIds":`+world.JSONList(ids[:8])+`}`)
	let(1)
	c.Until(w, first, func(j operations.Job) bool { return j.Done > 0 })
	same := c.Later("bulk-sync", `{"contactIds":`+world.JSONList(ids[6:10])+`}`)
	all := c.Later("bulk-import", `{"importAll":true}`)
	other := c.Later("bulk-sync", `{"contactIds":`+world.JSONList(ids[10:12])+`}`)
	alone := c.Later("bulk-sync", `{"contactIds":`+world.JSONList(ids[12:14])+`}`)

	job := c.Until(w, same, func(j operations.Job) bool { return len(j.WaitsFor) > 0 })
	require.Equal(t, []string{first[len("jobs/"):]}, job.WaitsFor)
	require.Equal(t, store.JobQueued, job.Status)
	require.Equal(t, 200, c.Do("DELETE", "/api/metakocka/"+all, "").Status)
	w.Latency(20 * time.Millisecond)
	let(world.All)
	for _, path := range []string{other, alone} {
		c.Until(w, path, world.Ended)
	}
	require.Zero(t, w.Count(`SELECT count(*) FROM mksync_jobs a JOIN mksync_jobs b ON b.id = ANY (a.waits_for)
		WHERE a.started_at < b.finished_at`), "none began before what it waits for ended")
	require.Equal(t, store.JobDone, c.Until(w, first, world.Ended).Status)
	require.Equal(t, store.JobDone, c.Until(w, same, world.Ended).Status)
	require.Zero(t, w.Count(`SELECT count(*) FROM mksync_jobs a JOIN mksync_jobs b ON b.id = ANY (a.waits_for)
		WHERE a.started_at < b.finished_at`))
	require.Equal(t, 1, w.Count(`SELECT count(*) FROM mksync_jobs WHERE waits_for = ARRAY[$1::uuid] AND status = 'done'`, first[len("jobs/"):]))
	require.Len(t, w.ERP.Partners(), 14)
}

// TestWhichJobsOverlap looks at what each new job waits for.
func TestWhichJobsOverlap(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Persons(3)
	w.Exec("INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id, sync_status) VALUES ($1, '7001', 'synced')", ids[0])
	kept := w.Store()
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
	w.Exec("UPDATE mksync_jobs SET finished_at = now() - interval '31 days' WHERE id = $1", a.ID)
	add(imports, `{"metakockaIds":["7010"]}`)
	require.Zero(t, w.Count("SELECT count(*) FROM mksync_jobs WHERE id = $1", a.ID), "it is forgotten")
}

// TestJobsSayWhenTheyAreLikelyDone: and are stopped within one contact's time.
func TestJobsSayWhenTheyAreLikelyDone(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Persons(120)
	w.Latency(100 * time.Millisecond)
	let := w.Hold(metakocka.EndpointAdd)
	_, c := w.API()
	path := c.Later("bulk-sync", `{"contactIds":`+world.JSONList(ids)+`}`)
	require.Nil(t, c.Until(w, path, func(j operations.Job) bool { return j.Status == store.JobRunning }).ExpectedAt)
	let(world.All)
	var asked time.Time
	job := c.Until(w, path, func(j operations.Job) bool {
		told := j.ExpectedAt != nil
		if !told {
			asked = time.Now() // before the next look
		}
		return told
	})
	// At best two are done in 100 ms; else it is as quick as it has been so far.
	left, soFar := float64(job.Total-job.Done), time.Since(*job.StartedAt).Seconds()/float64(job.Done)
	require.Greater(t, job.ExpectedAt.Sub(asked).Seconds(), left*0.050/2)
	require.Less(t, time.Until(*job.ExpectedAt).Seconds(), 2*left*soFar+2)
	require.Equal(t, 200, c.Do("DELETE", "/api/metakocka/"+path, "").Status)
	before := w.ERP.Calls().Received[metakocka.EndpointAdd]
	job = c.Until(w, path, world.Ended)
	require.Nil(t, job.ExpectedAt)
	sent := w.ERP.Calls().Received[metakocka.EndpointAdd]
	require.Less(t, sent-before, 30, "as many as are sent in a second and a half at most")
	require.Less(t, sent, len(ids))
	require.Len(t, w.ERP.Partners(), sent)
}

// TestResultsOfAJobComeInPages: all of them or only what failed, also while it
// runs.
func TestResultsOfAJobComeInPages(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Persons(12)
	for range 3 {
		ids = append(ids, w.Insert(" ", ""))
	}
	let := w.Hold(metakocka.EndpointAdd)
	_, c := w.API()
	path := c.Later("bulk-sync", `{"contactIds":`+world.JSONList(ids)+`}`)
	let(12)
	c.Until(w, path, world.Ended)
	page := func(query string) (operations.Job, operations.BulkSyncResult) {
		var j operations.Job
		var res operations.BulkSyncResult
		c.Get(path + query).Data(&j)
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
	c.Get(path+"?failed=yes").Refused(400, "malformed", "failed: must be true or false")
	c.Get(path+"?limit=0").Refused(400, "malformed", "limit")
	c.Get(path+"?after=x").Refused(400, "malformed", "after")

	path = c.Later("bulk-sync", `{"contactIds":`+world.JSONList(append(ids[12:], w.Persons(20)...))+`}`)
	c.Until(w, path+"?failed=true", func(j operations.Job) bool {
		var res operations.BulkSyncResult
		_ = json.Unmarshal(j.Result, &res)
		return j.Status.Open() && len(res.Results) == 3
	})
	c.Do("DELETE", "/api/metakocka/"+path, "")
}
