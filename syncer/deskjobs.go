package syncer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/crmmind/mksync/mapping"
)

// WithJobs lets the desk take requests that are worked on later.
func (d *Desk) WithJobs(j *Jobs) *Desk {
	d.jobs = j
	return d
}

// Job is a bulk request that is worked on after it was answered.
type Job struct {
	ID        string            `json:"id"`
	Operation string            `json:"operation"`
	Status    mapping.JobStatus `json:"status"`
	Doing     string            `json:"doing,omitempty"`
	Paused    string            `json:"paused,omitempty"` // why it waits
	Total     int               `json:"total"`            // 0: not known yet
	Done      int               `json:"done"`
	Failed    int               `json:"failed"`
	// Result is the operation's answer. That of a cancelled job holds what was
	// done until then.
	Result     json.RawMessage `json:"result,omitempty"`
	Error      string          `json:"error,omitempty"` // why it failed as a whole
	CreatedAt  time.Time       `json:"createdAt"`
	CreatedBy  string          `json:"createdBy,omitempty"`
	StartedAt  *time.Time      `json:"startedAt"`
	FinishedAt *time.Time      `json:"finishedAt"`
	FinishedBy string          `json:"finishedBy,omitempty"` // who cancelled it
}

func jobOf(j mapping.Job) Job {
	return Job{
		ID: j.ID, Operation: j.Operation, Status: j.Status, Doing: j.Doing, Paused: j.Paused,
		Total: j.Total, Done: j.Done, Failed: j.Failed, Result: j.Result, Error: j.Error,
		CreatedAt: j.CreatedAt, CreatedBy: j.CreatedBy, StartedAt: known(j.StartedAt), FinishedAt: known(j.FinishedAt), FinishedBy: j.FinishedBy,
	}
}

var errNoJobs = &RequestError{CodeUnavailable, "this process takes no jobs"}

// StartBulkSync queues a bulk sync.
func (d *Desk) StartBulkSync(ctx context.Context, r BulkSyncRequest) (Job, error) {
	ids, err := r.ids()
	if err != nil {
		return Job{}, err
	}
	r.ContactIDs = ids
	return d.start(ctx, OpBulkSync.Name, r, r.By)
}

// StartBulkImport queues a bulk import.
func (d *Desk) StartBulkImport(ctx context.Context, r BulkImportRequest) (Job, error) {
	if err := r.check(); err != nil {
		return Job{}, err
	}
	return d.start(ctx, OpBulkImport.Name, r, r.By)
}

func (d *Desk) start(ctx context.Context, operation string, request any, by string) (Job, error) {
	if d.jobs == nil {
		return Job{}, errNoJobs
	}
	text, err := json.Marshal(request)
	if err != nil {
		return Job{}, fmt.Errorf("store job: %w", err)
	}
	j, err := d.jobs.store.AddJob(ctx, operation, text, by)
	if err != nil {
		return Job{}, err
	}
	select {
	case d.jobs.poke <- struct{}{}:
	default:
	}
	return jobOf(j), nil
}

// JobRequest names a job.
type JobRequest struct {
	ID string `json:"id"`
}

// Job shows one job.
func (d *Desk) Job(ctx context.Context, r JobRequest) (Job, error) {
	if d.jobs == nil {
		return Job{}, errNoJobs
	}
	id, err := checkUUID("id", r.ID)
	if err != nil {
		return Job{}, err
	}
	j, err := d.jobs.store.Job(ctx, id)
	if err != nil || j == nil {
		return Job{}, orNotFound(err, "there is no job %s", id)
	}
	return jobOf(*j), nil
}

// Jobs lists the jobs without their results, newest first.
func (d *Desk) Jobs(ctx context.Context, p Page) (l List[Job], err error) {
	if d.jobs == nil {
		return l, errNoJobs
	}
	limit, err := p.limit()
	if err == nil && p.After != "" {
		p.After, err = checkUUID("after", p.After)
	}
	if err != nil {
		return l, err
	}
	found, err := d.jobs.store.Jobs(ctx, p.After, limit)
	l = listOf(found, limit, jobOf, func(j mapping.Job) string { return j.ID })
	for i := range l.Items {
		l.Items[i].Result = nil
	}
	return l, err
}

// CancelJob stops a job; what of it is under way comes to its end.
func (d *Desk) CancelJob(ctx context.Context, r EntryRequest) (Job, error) {
	j, err := d.Job(ctx, JobRequest{r.ID})
	if err != nil {
		return j, err
	}
	if err := d.jobs.store.CancelJob(ctx, j.ID, r.By); err != nil {
		return j, err
	}
	j, err = d.Job(ctx, JobRequest{j.ID})
	if err == nil && slices.Contains([]mapping.JobStatus{mapping.JobDone, mapping.JobFailed}, j.Status) {
		err = fault(CodeConflict, "job %s is %s already", j.ID, j.Status)
	}
	return j, err
}
