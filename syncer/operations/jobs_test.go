package operations_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

func TestJobsAreWorkedOnLater(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Cene", "", "cene@partner.si")}})
	_, c := w.API()
	ana, bor := w.Insert("Ana", "ana@novak.si"), w.Insert(" ", "bor@novak.si")
	job := c.Until(w, c.Later("bulk-sync", `{"contactIds":["`+strings.ToUpper(ana)+`","`+bor+`","`+ana+`"]}`), world.Ended)
	require.Equal(t, store.JobDone, job.Status)
	require.Equal(t, "contacts.bulk-sync", job.Operation)
	var res operations.BulkSyncResult
	world.Reply{T: t, Body: `{"success":true,"data":` + string(job.Result) + `}`}.Data(&res)
	require.Equal(t, []int{3, 2, 1}, []int{res.Total, res.Succeeded, res.Failed})
	require.Equal(t, []string{ana, bor, ana}, []string{res.Results[0].ContactID, res.Results[1].ContactID, res.Results[2].ContactID})
	require.Equal(t, "crm", w.One("SELECT created_by FROM metakocka_contact_mappings WHERE contact_id = $1", ana))

	job = c.Until(w, c.Later("bulk-import", `{"importAll":true}`), world.Ended)
	var imported operations.BulkImportResult
	world.Reply{T: t, Body: `{"success":true,"data":` + string(job.Result) + `}`}.Data(&imported)
	require.Equal(t, 1, imported.Imported)
	require.Equal(t, "7001", imported.Results[0].MetaKockaID)
	var all operations.List[operations.Job]
	c.Get("jobs?limit=1").Data(&all)
	require.Equal(t, job.ID, all.Items[0].ID)
	require.Nil(t, all.Items[0].Result)
	c.Get("jobs?after=" + all.Next).Data(&all)
	require.Len(t, all.Items, 1)
	require.Zero(t, w.Count("SELECT count(*) FROM mksync_job_items"))

	c.Do("DELETE", "/api/metakocka/jobs/"+job.ID, "").Refused(409, "conflict", "is done already")
	c.Get("jobs/"+uuid.NewString()).Refused(404, "not_found")
	c.Get("jobs/x").Refused(400, "malformed", `id: "x" is not a uuid`)
	c.Get("jobs/"+job.ID+"?id=1").Refused(400, "malformed", "id: is not a parameter of this address; known: brief, failed, after, limit")
	c.Do("POST", "/api/metakocka/contacts/bulk-sync", `{"contactIds":[]}`, "Prefer", "respond-async").Refused(400, "malformed")
}

// TestJobsWaitAndSurviveARestart: an outage fails nothing of a job, and what was
// finished before a restart is not done again.
func TestJobsWaitAndSurviveARestart(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	var ids []string
	for i := range 12 {
		ids = append(ids, w.Insert(fmt.Sprintf("Oseba %d", i), fmt.Sprintf("oseba%d@partner.si", i)))
	}
	var adds atomic.Int64
	w.ERP.OnCall(func(c sim.Call) {
		if c.Endpoint == metakocka.EndpointAdd && adds.Add(1) == 5 { // the others are still to come
			_ = w.ERP.SetFaults(sim.Faults{Down: true})
		}
	})
	_, c, stop := w.APIUntil()
	path := c.Later("bulk-sync", `{"contactIds":`+world.JSONList(ids)+`}`)
	c.Until(w, path, func(j operations.Job) bool { return j.Paused != "" && j.Failed == 0 && j.Done > 1 && j.Total == 12 })
	stop()
	done := w.Count("SELECT count(*) FROM mksync_job_items")
	require.Positive(t, done)
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	gets := w.ERP.Calls().Received[metakocka.EndpointGet]
	_, c, _ = w.APIUntil()
	job := c.Until(w, path, world.Ended)
	require.Equal(t, []any{store.JobDone, 12, 12, 0}, []any{job.Status, job.Total, job.Done, job.Failed})
	require.Len(t, w.ERP.Partners(), 12)
	t.Logf("%d were done before; %d calls", done, w.ERP.Calls().Received[metakocka.EndpointGet]-gets)
	var res operations.BulkSyncResult
	world.Reply{T: t, Body: `{"success":true,"data":` + string(job.Result) + `}`}.Data(&res)
	for i, id := range ids {
		require.Equal(t, id, res.Results[i].ContactID)
		require.True(t, res.Results[i].Success)
	}
}

func TestJobsAreCancelled(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	var ids []string
	for i := range 15 {
		ids = append(ids, w.Insert(fmt.Sprintf("Oseba %d", i), fmt.Sprintf("oseba%d@partner.si", i)))
	}
	let := w.Hold(metakocka.EndpointAdd)
	_, c := w.API()
	running := c.Later("bulk-sync", `{"contactIds":`+world.JSONList(ids)+`}`)
	waiting := c.Later("bulk-import", `{"importAll":true}`)
	let(1)
	c.Until(w, running, func(j operations.Job) bool { return j.Done > 0 })
	for range 2 {
		var job operations.Job
		c.Do("DELETE", "/api/metakocka/"+waiting, "").Data(&job)
		require.Equal(t, store.JobCancelled, job.Status)
		require.Equal(t, "crm", job.FinishedBy)
	}
	require.Equal(t, 200, c.Do("DELETE", "/api/metakocka/"+running, "").Status)
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Latency: 200 * time.Millisecond})) // whoever goes on has far to go
	let(world.All)
	job := c.Until(w, running, world.Ended)
	require.Equal(t, store.JobCancelled, job.Status)
	var res operations.BulkSyncResult
	world.Reply{T: t, Body: `{"success":true,"data":` + string(job.Result) + `}`}.Data(&res)
	require.True(t, res.Stopped)
	require.Less(t, res.Succeeded, 15)
	require.Len(t, w.ERP.Partners(), res.Succeeded)
}

// abandoned is a job that was worked on by a process that is gone: item is done.
func abandoned(w *world.World, request json.RawMessage, j store.Job, item ...string) (path string) {
	w.T.Helper()
	kept := w.Store()
	job, err := kept.AddJob(w.T.Context(), operations.OpBulkSync.Name, request, "")
	require.NoError(w.T, err)
	_, err = kept.TakeJob(w.T.Context(), job.ID)
	require.NoError(w.T, err)
	var items []store.JobItem
	for _, id := range item {
		items = append(items, store.JobItem{ID: id, Item: json.RawMessage(`{"contactId":"` + id + `","success":true}`)})
	}
	j.ID = job.ID
	_, err = kept.SaveJob(w.T.Context(), j, items)
	require.NoError(w.T, err)
	return "jobs/" + job.ID
}

func cancelled(w *world.World, path string) {
	w.T.Helper()
	require.NoError(w.T, w.Store().CancelJob(w.T.Context(), strings.TrimPrefix(path, "jobs/"), "me"))
}

// endedAs waits for a job's end and returns its result.
func endedAs(c world.Client, w *world.World, path string, status store.JobStatus) (job operations.Job, res operations.BulkSyncResult) {
	c.T.Helper()
	job = c.Until(w, path, world.Ended)
	require.Equal(c.T, status, job.Status)
	require.NoError(c.T, json.Unmarshal(job.Result, &res))
	require.Equal(c.T, []int{job.Total, job.Done, job.Failed}, []int{res.Total, res.Succeeded + res.Failed, res.Failed})
	return job, res
}

// TestACancelledJobKeepsWhatItDid: also where nobody worked on it when it was
// cancelled, and where MetaKocka was away.
func TestACancelledJobKeepsWhatItDid(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Persons(3)
	some := abandoned(w, world.ByContact(ids), store.Job{Total: 3, Done: 1}, ids[1])
	cancelled(w, some)
	all := abandoned(w, json.RawMessage(`{"syncAll":true}`), store.Job{Total: 9, Done: 5, Failed: 2})
	cancelled(w, all)
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	_, c := w.API()
	_, res := endedAs(c, w, some, store.JobCancelled)
	require.Equal(t, []any{3, 1, true}, []any{res.Total, res.Succeeded, res.Stopped})
	require.Equal(t, ids[1], res.Results[0].ContactID)
	_, res = endedAs(c, w, all, store.JobCancelled)
	require.Equal(t, []int{9, 3, 2}, []int{res.Total, res.Succeeded, res.Failed})

	waits := c.Later("bulk-sync", `{"syncAll":true}`)
	c.Until(w, waits, func(j operations.Job) bool { return j.Paused != "" })
	require.Equal(t, 200, c.Do("DELETE", "/api/metakocka/"+waits, "").Status)
	_, res = endedAs(c, w, waits, store.JobCancelled)
	require.Empty(t, res.Results)
	require.Zero(t, w.Count("SELECT count(*) FROM mksync_job_items"))
}

// TestAFailedJobKeepsWhatItDid: and says what is to be looked at, as its request
// at once does.
func TestAFailedJobKeepsWhatItDid(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Left(13)
	for _, p := range w.ERP.Partners()[:12] {
		require.NoError(t, w.ERP.DeletePartner(p.MKID))
	}
	ids := w.Persons(22)
	path := abandoned(w, world.ByContact(ids), store.Job{Total: 22, Done: 1}, ids[0])
	_, c := w.API()
	job, res := endedAs(c, w, path, store.JobFailed)
	require.Contains(t, job.Error, "12 of 13 linked partners are missing")
	require.Equal(t, []any{22, 1, true}, []any{res.Total, res.Succeeded, res.Stopped})
	require.Equal(t, ids[0], res.Results[0].ContactID)
	c.Post("contacts/bulk-sync", string(world.ByContact(ids))).Refused(503, "unavailable", "check the company and the key")
}

// TestAJobDoesNotTellInternalErrors: who may read a job need not know the
// database's insides.
func TestAJobDoesNotTellInternalErrors(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	_, c := w.API()
	w.Exec("ALTER TABLE mksync_partners RENAME TO mksync_hidden")
	_, res := endedAs(c, w, c.Later("bulk-sync", string(world.ByContact(w.Persons(1)))), store.JobDone)
	require.Equal(t, syncer.ErrInternal.Message, res.Results[0].Error)
	job, _ := endedAs(c, w, c.Later("bulk-sync", `{"syncAll":true}`), store.JobFailed)
	require.Equal(t, syncer.ErrInternal.Message, job.Error)
}
