package operations

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// WithJobs lets the API take requests that are worked on later.
func (a *API) WithJobs(j *Jobs) *API {
	a.jobs = j
	return a
}

// Job is a bulk request that is worked on after it was answered.
type Job struct {
	ID        string          `json:"id"`
	Operation string          `json:"operation"`
	Status    store.JobStatus `json:"status"`
	Doing     string          `json:"doing,omitempty"`
	Paused    string          `json:"paused,omitempty"` // why MetaKocka is waited for
	// PausedSaid and ErrorSaid are the two as codes with parameters.
	PausedSaid coded.Text `json:"pausedSaid,omitzero"`
	ErrorSaid  coded.Text `json:"errorSaid,omitzero"`
	// WaitsFor are the open jobs over the same contacts that come first.
	WaitsFor []string `json:"waitsFor,omitempty"`
	Total    int      `json:"total"` // 0: not known yet
	Done     int      `json:"done"`
	Failed   int      `json:"failed"`
	// Result is the operation's answer. That of a job that was cancelled or failed
	// holds what was done until then.
	Result    json.RawMessage `json:"result,omitempty"`
	Error     string          `json:"error,omitempty"` // why it failed as a whole
	CreatedAt time.Time       `json:"createdAt"`
	CreatedBy string          `json:"createdBy,omitempty"`
	StartedAt *time.Time      `json:"startedAt"`
	// ExpectedAt is when it is likely to be done, by the speed of the last items;
	// null while that is not known.
	ExpectedAt *time.Time `json:"expectedAt"`
	FinishedAt *time.Time `json:"finishedAt"`
	FinishedBy string     `json:"finishedBy,omitempty"` // who cancelled it
	Next       string     `json:"next,omitempty"`       // where the next page of its results begins
}

func jobOf(j store.Job) Job {
	if !j.FinishedAt.IsZero() {
		j.Doing = ""
		j.Paused = coded.Text{}
		j.ExpectedAt = time.Time{}
	}
	return Job{
		ID: j.ID, Operation: j.Operation, Status: j.Status, Doing: j.Doing, Paused: j.Paused.String(), PausedSaid: said(j.Paused), WaitsFor: j.WaitsFor, ExpectedAt: known(j.ExpectedAt),
		Total: j.Total, Done: j.Done, Failed: j.Failed, Result: j.Result, Error: j.Error.String(), ErrorSaid: said(j.Error),
		CreatedAt: j.CreatedAt, CreatedBy: j.CreatedBy, StartedAt: known(j.StartedAt), FinishedAt: known(j.FinishedAt), FinishedBy: j.FinishedBy,
	}
}

var errNoJobs = syncer.Refuse(syncer.CodeUnavailable, "process_jobs", "this process takes no jobs")

// StartBulkSync queues a bulk sync.
func (a *API) StartBulkSync(ctx context.Context, r BulkSyncRequest) (Job, error) {
	ids, err := r.ids(a)
	if err != nil {
		return Job{}, err
	}
	r.ContactIDs = ids
	return a.start(ctx, OpBulkSync.Name, r, r.By)
}

// StartBulkImport queues a bulk import.
func (a *API) StartBulkImport(ctx context.Context, r BulkImportRequest) (Job, error) {
	if err := r.check(); err != nil {
		return Job{}, err
	}
	return a.start(ctx, OpBulkImport.Name, r, r.By)
}

func (a *API) start(ctx context.Context, operation string, request any, by string) (Job, error) {
	if a.jobs == nil {
		return Job{}, errNoJobs
	}
	text, err := json.Marshal(request)
	if err != nil {
		return Job{}, fmt.Errorf("store job: %w", err)
	}
	j, err := a.jobs.store.AddJob(ctx, operation, text, by)
	if err != nil {
		return Job{}, err
	}
	a.jobs.wake()
	return jobOf(j), nil
}

// JobRequest names a job. Failed, After and Limit choose of its results, and of a
// job that runs of what is finished so far; without them a job that is done has
// all of them, and one that runs none.
type JobRequest struct {
	ID     string `json:"id"`
	Brief  bool   `json:"brief,omitempty"`  // without the result
	Failed bool   `json:"failed,omitempty"` // only what failed
	After  string `json:"after,omitempty"`  // Next of the page before
	Limit  int    `json:"limit,omitempty"`
}

// Job shows one job.
func (a *API) Job(ctx context.Context, r JobRequest) (Job, error) {
	page, err := r.page()
	if err != nil {
		return Job{}, err
	}

	j, err := a.job(ctx, r.ID)
	if r.Brief {
		j.Result = nil
		page = nil
	}
	if err != nil || page == nil {
		return j, err
	}

	// A job that runs has no result yet, but what is finished of it.
	if j.Status.Open() {
		if j.Result, err = a.soFar(ctx, j.ID); err != nil {
			return j, err
		}
	}

	if j.Result == nil {
		return j, nil
	}
	j.Result, j.Next, err = page.cut(j.Result)
	return j, err
}

func (a *API) job(ctx context.Context, id string) (Job, error) {
	if a.jobs == nil {
		return Job{}, errNoJobs
	}
	id, err := checkUUID("id", id)
	if err != nil {
		return Job{}, err
	}
	j, err := a.jobs.store.Job(ctx, id)
	if err != nil || j == nil {
		return Job{}, syncer.OrNotFound(err, "job.none", "there is no job {job}", id)
	}
	return jobOf(*j), nil
}

// soFar is the result of a job that runs: what is finished of named ones.
func (a *API) soFar(ctx context.Context, id string) (json.RawMessage, error) {
	items, err := a.jobs.store.JobItems(ctx, id)
	if err != nil {
		return nil, err
	}
	list := []json.RawMessage{}
	for _, id := range slices.Sorted(maps.Keys(items)) {
		list = append(list, items[id])
	}
	return json.Marshal(map[string]any{"results": list})
}

// Items are what became of the contacts or partners, as far as Result tells.
func (j Job) Items() ([]BulkItem, error) {
	if j.Result == nil {
		return nil, nil
	}
	var r struct{ Results []BulkItem }
	if err := json.Unmarshal(j.Result, &r); err != nil {
		return nil, fmt.Errorf("read job's results: %w", err)
	}
	return r.Results, nil
}

// resultPage is a part of a job's results.
type resultPage struct {
	failed       bool
	after, limit int
}

// page is nil where all results are asked for.
func (r JobRequest) page() (*resultPage, error) {
	if !r.Failed && r.After == "" && r.Limit == 0 {
		return nil, nil //nolint:nilnil // documented
	}
	p := Page{After: r.After, Limit: r.Limit}
	limit, err := p.limit()
	if err != nil {
		return nil, err
	}
	after, err := p.number()
	return &resultPage{r.Failed, int(after), limit}, err
}

// cut leaves only the page in a result; next is where the following one begins.
func (p resultPage) cut(result json.RawMessage) (cut json.RawMessage, next string, err error) {
	whole := map[string]json.RawMessage{}
	var all []json.RawMessage
	if err := json.Unmarshal(result, &whole); err != nil {
		return nil, "", fmt.Errorf("read job's result: %w", err)
	}
	if err := json.Unmarshal(whole["results"], &all); err != nil {
		return nil, "", fmt.Errorf("read job's results: %w", err)
	}

	all = slices.DeleteFunc(all, func(text json.RawMessage) bool {
		var item BulkItem
		return p.failed && json.Unmarshal(text, &item) == nil && item.Success
	})

	from := min(p.after, len(all))
	to := min(from+p.limit, len(all))
	if to < len(all) {
		next = strconv.Itoa(to)
	}

	if whole["results"], err = json.Marshal(orNone(all[from:to])); err != nil {
		return nil, "", fmt.Errorf("write job's results: %w", err)
	}
	cut, err = json.Marshal(whole)
	return cut, next, err
}

// orNone is a list that is [] in JSON where it is empty.
func orNone[T any](list []T) []T { return append([]T{}, list...) }

// Jobs lists the jobs without their results, newest first.
func (a *API) Jobs(ctx context.Context, p Page) (l List[Job], err error) {
	if a.jobs == nil {
		return l, errNoJobs
	}
	limit, err := p.limit()
	if err == nil && p.After != "" {
		p.After, err = checkUUID("after", p.After)
	}
	if err != nil {
		return l, err
	}
	found, err := a.jobs.store.Jobs(ctx, p.After, limit)
	l = listOf(found, limit, jobOf, func(j store.Job) string { return j.ID })
	return l, err
}

// WorkOff works on a job here until it is over: for a process that runs no role, where no
// service does it.
func (a *API) WorkOff(ctx context.Context, id string) error {
	if a.jobs == nil {
		return errNoJobs
	}
	return a.jobs.workOff(ctx, a, id)
}

// CancelJob stops a job; what of it is under way comes to its end.
func (a *API) CancelJob(ctx context.Context, r EntryRequest) (Job, error) {
	j, err := a.job(ctx, r.ID)
	if err != nil {
		return j, err
	}
	if err := a.jobs.store.CancelJob(ctx, j.ID, r.By); err != nil {
		return j, err
	}
	a.jobs.wake() // where nobody works on it, its result is still to be stored
	j, err = a.job(ctx, j.ID)
	if err == nil && slices.Contains([]store.JobStatus{store.JobDone, store.JobFailed}, j.Status) {
		err = syncer.Refuse(syncer.CodeConflict, "job.already", "job {job} is {status} already", j.ID, j.Status)
	}
	return j, err
}
