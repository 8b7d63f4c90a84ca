package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// later asks for a job and returns where it is.
func (c client) later(path, body string) string {
	c.t.Helper()
	r := c.do("POST", "/api/metakocka/contacts/"+path, body, "Prefer", "wait=5, Respond-Async")
	require.Equal(c.t, 202, r.status, r.body)
	require.Equal(c.t, "respond-async", r.header.Get("Preference-Applied"))
	var job operations.Job
	r.data(&job)
	require.Equal(c.t, "/api/metakocka/jobs/"+job.ID, r.header.Get("Location"))
	require.Equal(c.t, "crm", job.CreatedBy)
	return strings.TrimPrefix(r.header.Get("Location"), "/api/metakocka/")
}

// until waits until a job is as wanted.
func (c client) until(w *world, path string, wanted func(operations.Job) bool) (job operations.Job) {
	c.t.Helper()
	w.eventually(func() error {
		job = operations.Job{}
		c.get(path).data(&job)
		if !wanted(job) {
			return fmt.Errorf("job is %+v", job)
		}
		return nil
	})
	return job
}

func ended(j operations.Job) bool { return !j.Status.Open() && j.FinishedAt != nil && j.Result != nil }

func TestJobsAreWorkedOnLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{Partners: []metakocka.Partner{person("7001", "Cene", "", "cene@partner.si")}})
	_, c := w.api()
	ana, bor := w.insert("Ana", "ana@novak.si"), w.insert(" ", "bor@novak.si")
	job := c.until(w, c.later("bulk-sync", `{"contactIds":["`+strings.ToUpper(ana)+`","`+bor+`","`+ana+`"]}`), ended)
	require.Equal(t, store.JobDone, job.Status)
	require.Equal(t, "contacts.bulk-sync", job.Operation)
	var res operations.BulkSyncResult
	reply{t: t, body: `{"success":true,"data":` + string(job.Result) + `}`}.data(&res)
	require.Equal(t, []int{3, 2, 1}, []int{res.Total, res.Succeeded, res.Failed})
	require.Equal(t, []string{ana, bor, ana}, []string{res.Results[0].ContactID, res.Results[1].ContactID, res.Results[2].ContactID})
	require.Equal(t, "crm", w.one("SELECT created_by FROM metakocka_contact_mappings WHERE contact_id = $1", ana))

	job = c.until(w, c.later("bulk-import", `{"importAll":true}`), ended)
	var imported operations.BulkImportResult
	reply{t: t, body: `{"success":true,"data":` + string(job.Result) + `}`}.data(&imported)
	require.Equal(t, 1, imported.Imported)
	require.Equal(t, "7001", imported.Results[0].MetaKockaID)
	var all operations.List[operations.Job]
	c.get("jobs?limit=1").data(&all)
	require.Equal(t, job.ID, all.Items[0].ID)
	require.Nil(t, all.Items[0].Result)
	c.get("jobs?after=" + all.Next).data(&all)
	require.Len(t, all.Items, 1)
	require.Zero(t, w.count("SELECT count(*) FROM mksync_job_items"))

	c.do("DELETE", "/api/metakocka/jobs/"+job.ID, "").refused(409, "conflict", "is done already")
	c.get("jobs/"+uuid.NewString()).refused(404, "not_found")
	c.get("jobs/x").refused(400, "malformed", `id: "x" is not a uuid`)
	c.get("jobs/"+job.ID+"?id=1").refused(400, "malformed", "id: is not a parameter of this address; known: brief, failed, after, limit")
	c.do("POST", "/api/metakocka/contacts/bulk-sync", `{"contactIds":[]}`, "Prefer", "respond-async").refused(400, "malformed")
}

// TestJobsWaitAndSurviveARestart: an outage fails nothing of a job, and what was
// finished before a restart is not done again.
func TestJobsWaitAndSurviveARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	var ids []string
	for i := range 12 {
		ids = append(ids, w.insert(fmt.Sprintf("Oseba %d", i), fmt.Sprintf("oseba%d@partner.si", i)))
	}
	_, c, stop := w.apiUntil()
	require.NoError(t, w.erp.SetFaults(sim.Faults{EndpointLatency: map[string]time.Duration{metakocka.EndpointAdd: 150 * time.Millisecond}}))
	path := c.later("bulk-sync", `{"contactIds":`+jsonList(ids)+`}`)
	c.until(w, path, func(j operations.Job) bool { return j.Done > 1 && j.Total == 12 })
	require.NoError(t, w.erp.SetFaults(sim.Faults{Down: true}))
	c.until(w, path, func(j operations.Job) bool { return j.Paused != "" && j.Failed == 0 })
	stop()
	done := w.count("SELECT count(*) FROM mksync_job_items")
	require.Positive(t, done)
	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	gets := w.erp.Calls().Received[metakocka.EndpointGet]
	_, c, _ = w.apiUntil()
	job := c.until(w, path, ended)
	require.Equal(t, []any{store.JobDone, 12, 12, 0}, []any{job.Status, job.Total, job.Done, job.Failed})
	require.Len(t, w.erp.Partners(), 12)
	t.Logf("%d were done before; %d calls", done, w.erp.Calls().Received[metakocka.EndpointGet]-gets)
	var res operations.BulkSyncResult
	reply{t: t, body: `{"success":true,"data":` + string(job.Result) + `}`}.data(&res)
	for i, id := range ids {
		require.Equal(t, id, res.Results[i].ContactID)
		require.True(t, res.Results[i].Success)
	}
}

func TestJobsAreCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	var ids []string
	for i := range 15 {
		ids = append(ids, w.insert(fmt.Sprintf("Oseba %d", i), fmt.Sprintf("oseba%d@partner.si", i)))
	}
	_, c := w.api()
	require.NoError(t, w.erp.SetFaults(sim.Faults{EndpointLatency: map[string]time.Duration{metakocka.EndpointAdd: 300 * time.Millisecond}}))
	running := c.later("bulk-sync", `{"contactIds":`+jsonList(ids)+`}`)
	waiting := c.later("bulk-import", `{"importAll":true}`)
	c.until(w, running, func(j operations.Job) bool { return j.Done > 0 })
	for range 2 {
		var job operations.Job
		c.do("DELETE", "/api/metakocka/"+waiting, "").data(&job)
		require.Equal(t, store.JobCancelled, job.Status)
		require.Equal(t, "crm", job.FinishedBy)
	}
	require.Equal(t, 200, c.do("DELETE", "/api/metakocka/"+running, "").status)
	job := c.until(w, running, ended)
	require.Equal(t, store.JobCancelled, job.Status)
	var res operations.BulkSyncResult
	reply{t: t, body: `{"success":true,"data":` + string(job.Result) + `}`}.data(&res)
	require.True(t, res.Stopped)
	require.Less(t, res.Succeeded, 15)
	require.Len(t, w.erp.Partners(), res.Succeeded)
}

// abandoned is a job that was worked on by a process that is gone: item is done.
func (w *world) abandoned(request json.RawMessage, j store.Job, item ...string) (path string) {
	w.t.Helper()
	kept := w.store()
	job, err := kept.AddJob(w.t.Context(), operations.OpBulkSync.Name, request, "")
	require.NoError(w.t, err)
	_, err = kept.TakeJob(w.t.Context(), job.ID)
	require.NoError(w.t, err)
	var items []store.JobItem
	for _, id := range item {
		items = append(items, store.JobItem{ID: id, Item: json.RawMessage(`{"contactId":"` + id + `","success":true}`)})
	}
	j.ID = job.ID
	_, err = kept.SaveJob(w.t.Context(), j, items)
	require.NoError(w.t, err)
	return "jobs/" + job.ID
}

func (w *world) cancelled(path string) {
	w.t.Helper()
	require.NoError(w.t, w.store().CancelJob(w.t.Context(), strings.TrimPrefix(path, "jobs/"), "me"))
}

// endedAs waits for a job's end and returns its result.
func (c client) endedAs(w *world, path string, status store.JobStatus) (job operations.Job, res operations.BulkSyncResult) {
	c.t.Helper()
	job = c.until(w, path, ended)
	require.Equal(c.t, status, job.Status)
	require.NoError(c.t, json.Unmarshal(job.Result, &res))
	require.Equal(c.t, []int{job.Total, job.Done, job.Failed}, []int{res.Total, res.Succeeded + res.Failed, res.Failed})
	return job, res
}

// TestACancelledJobKeepsWhatItDid: also where nobody worked on it when it was
// cancelled, and where MetaKocka was away.
func TestACancelledJobKeepsWhatItDid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.persons(3)
	some := w.abandoned(byContact(ids), store.Job{Total: 3, Done: 1}, ids[1])
	w.cancelled(some)
	all := w.abandoned(json.RawMessage(`{"syncAll":true}`), store.Job{Total: 9, Done: 5, Failed: 2})
	w.cancelled(all)
	require.NoError(t, w.erp.SetFaults(sim.Faults{Down: true}))
	_, c := w.api()
	_, res := c.endedAs(w, some, store.JobCancelled)
	require.Equal(t, []any{3, 1, true}, []any{res.Total, res.Succeeded, res.Stopped})
	require.Equal(t, ids[1], res.Results[0].ContactID)
	_, res = c.endedAs(w, all, store.JobCancelled)
	require.Equal(t, []int{9, 3, 2}, []int{res.Total, res.Succeeded, res.Failed})

	waits := c.later("bulk-sync", `{"syncAll":true}`)
	c.until(w, waits, func(j operations.Job) bool { return j.Paused != "" })
	require.Equal(t, 200, c.do("DELETE", "/api/metakocka/"+waits, "").status)
	_, res = c.endedAs(w, waits, store.JobCancelled)
	require.Empty(t, res.Results)
	require.Zero(t, w.count("SELECT count(*) FROM mksync_job_items"))
}

// TestAFailedJobKeepsWhatItDid: and says what is to be looked at, as its request
// at once does.
func TestAFailedJobKeepsWhatItDid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.left(13)
	for _, p := range w.erp.Partners()[:12] {
		require.NoError(t, w.erp.DeletePartner(p.MKID))
	}
	ids := w.persons(22)
	path := w.abandoned(byContact(ids), store.Job{Total: 22, Done: 1}, ids[0])
	_, c := w.api()
	job, res := c.endedAs(w, path, store.JobFailed)
	require.Contains(t, job.Error, "12 of 13 linked partners are missing")
	require.Equal(t, []any{22, 1, true}, []any{res.Total, res.Succeeded, res.Stopped})
	require.Equal(t, ids[0], res.Results[0].ContactID)
	c.post("contacts/bulk-sync", string(byContact(ids))).refused(503, "unavailable", "check the company and the key")
}

// TestAJobDoesNotTellInternalErrors: who may read a job need not know the
// database's insides.
func TestAJobDoesNotTellInternalErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	_, c := w.api()
	w.exec("ALTER TABLE mksync_partners RENAME TO mksync_hidden")
	_, res := c.endedAs(w, c.later("bulk-sync", string(byContact(w.persons(1)))), store.JobDone)
	require.Equal(t, syncer.ErrInternal.Message, res.Results[0].Error)
	job, _ := c.endedAs(w, c.later("bulk-sync", `{"syncAll":true}`), store.JobFailed)
	require.Equal(t, syncer.ErrInternal.Message, job.Error)
}
