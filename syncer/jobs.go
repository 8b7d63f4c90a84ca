package syncer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/crmmind/mksync/mapping"
)

// JobStore keeps jobs; *pgstore.Store is one.
type JobStore interface {
	// AddJob queues a job. mapping.ErrTooManyJobs.
	AddJob(ctx context.Context, operation string, request json.RawMessage, by string) (mapping.Job, error)
	Job(ctx context.Context, id string) (*mapping.Job, error)
	Jobs(ctx context.Context, before string, limit int) ([]mapping.Job, error)
	// NextJob takes the oldest job up that is not finished; nil: there is none.
	NextJob(ctx context.Context) (*mapping.Job, error)
	JobItems(ctx context.Context, jobID string) (map[string]json.RawMessage, error)
	// SaveJob stores how far a job is; going is false when it was cancelled.
	SaveJob(ctx context.Context, j mapping.Job, items []mapping.JobItem) (going bool, err error)
	FinishJob(ctx context.Context, j mapping.Job) error
	CancelJob(ctx context.Context, id, by string) error
	// Alone runs use while no other process has the named part to itself.
	Alone(ctx context.Context, name string, use func(ctx context.Context) error) error
}

// Jobs are bulk requests that are worked on after they were answered: one at a
// time in all processes, in the order they came. A job waits for MetaKocka to
// come back, and is taken up where it was when its process is gone; items that
// are finished are not worked on again.
type Jobs struct {
	store JobStore
	log   *slog.Logger
	look  time.Duration
	poke  chan struct{}
}

// NewJobs returns ready Jobs; look is how often other processes' are looked for,
// a second where it is 0.
func NewJobs(store JobStore, look time.Duration, log *slog.Logger) *Jobs {
	if look <= 0 {
		look = time.Second
	}
	return &Jobs{store: store, log: log, look: look, poke: make(chan struct{}, 1)}
}

// Run works jobs off through d until ctx ends.
func (j *Jobs) Run(ctx context.Context, d *Desk) error {
	failed := ""
	for {
		err := j.store.Alone(ctx, "jobs", func(ctx context.Context) error { return j.work(ctx, d) })
		if ctx.Err() != nil {
			return nil //nolint:nilerr // only ctx ends the work
		}
		if err != nil && err.Error() != failed {
			j.log.Warn("jobs wait", "error", err)
		}
		failed = fmt.Sprint(err)
		if pause(ctx, j.look) != nil {
			return nil //nolint:nilerr // only ctx ends the work
		}
	}
}

// work takes jobs up until something does not work.
func (j *Jobs) work(ctx context.Context, d *Desk) error {
	for {
		job, err := j.store.NextJob(ctx)
		if err != nil {
			return err
		}
		if job != nil {
			if err := j.one(ctx, d, *job); err != nil {
				return err
			}
			continue
		}
		if err := pauseUntil(ctx, j.look, j.poke); err != nil {
			return err
		}
	}
}

// errCancelled stops a job that was cancelled.
var errCancelled = errors.New("the job was cancelled")

// jobRun is one job under way.
type jobRun struct {
	*Jobs
	job     mapping.Job
	known   map[string]BulkItem // finished items of named ones
	named   int                 // 0: all there are
	key     func(BulkItem) string
	stopped error // why the watch stopped it
}

// one works on a job. An error means that it is to be taken up again.
func (j *Jobs) one(ctx context.Context, d *Desk, job mapping.Job) error {
	run := &jobRun{Jobs: j, job: job, known: map[string]BulkItem{}}
	if err := run.load(ctx); err != nil {
		return err
	}
	result, err := run.do(withWholeAnswer(WithWatch(ctx, run.watch)), d)
	cancelled := errors.Is(run.stopped, errCancelled)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case run.stopped != nil && !cancelled:
		return run.stopped
	case err != nil && outage(err):
		run.job.Paused = err.Error()
		_, saved := j.store.SaveJob(ctx, run.job, nil)
		return errors.Join(err, saved)
	case err != nil && !cancelled:
		run.job.Status, run.job.Error = mapping.JobFailed, AsRequestError(err).Message
	default:
		run.job.Status = mapping.JobDone
	}
	if err == nil {
		if run.job.Result, err = json.Marshal(result); err != nil {
			return fmt.Errorf("write job's result: %w", err)
		}
	}
	return j.store.FinishJob(ctx, run.job)
}

// load reads what was finished before.
func (run *jobRun) load(ctx context.Context) error {
	items, err := run.store.JobItems(ctx, run.job.ID)
	if err != nil {
		return err
	}
	for id, text := range items {
		var item BulkItem
		if err := json.Unmarshal(text, &item); err != nil {
			return fmt.Errorf("read job's item: %w", err)
		}
		run.known[id] = item
	}
	return nil
}

// watch stores how far the job is.
func (run *jobRun) watch(ctx context.Context, p Progress) error {
	j := &run.job
	j.Doing, j.Paused = p.Doing, p.Paused
	var items []mapping.JobItem
	if run.named > 0 {
		for _, item := range p.Results {
			text, err := json.Marshal(item)
			if err != nil {
				return run.stop(fmt.Errorf("write job's item: %w", err))
			}
			run.known[run.key(item)] = item
			items = append(items, mapping.JobItem{ID: run.key(item), Item: text})
		}
		run.count()
	} else {
		j.Total, j.Done, j.Failed = p.Total, p.Done, p.Failed
	}
	going, err := run.store.SaveJob(ctx, *j, items)
	switch {
	case err != nil:
		return run.stop(err)
	case !going:
		return run.stop(errCancelled)
	}
	return nil
}

func (run *jobRun) stop(err error) error {
	run.stopped = err
	return err
}

// count counts the finished items of named ones.
func (run *jobRun) count() {
	run.job.Total, run.job.Done, run.job.Failed = run.named, len(run.known), 0
	for _, item := range run.known {
		if !item.Success {
			run.job.Failed++
		}
	}
}

// left are the ids that are not finished.
func (run *jobRun) left(ids []string) []string {
	run.named = len(ids)
	var left []string
	for _, id := range ids {
		if _, finished := run.known[id]; !finished {
			left = append(left, id)
		}
	}
	return left
}

// inOrder are the finished items in the order asked.
func (run *jobRun) inOrder(ids []string) []BulkItem {
	run.count()
	items := []BulkItem{}
	for _, id := range ids {
		if item, finished := run.known[id]; finished {
			items = append(items, item)
		}
	}
	return items
}

// do works on what is left of the request.
func (run *jobRun) do(ctx context.Context, d *Desk) (result any, err error) {
	switch run.job.Operation {
	case OpBulkSync.Name:
		return run.sync(ctx, d)
	case OpBulkImport.Name:
		return run.imports(ctx, d)
	}
	return nil, fault(CodeMalformed, "this version does not know the operation %s", run.job.Operation)
}

func (run *jobRun) sync(ctx context.Context, d *Desk) (result any, err error) {
	var r BulkSyncRequest
	if err := json.Unmarshal(run.job.Request, &r); err != nil {
		return nil, fmt.Errorf("read job's request: %w", err)
	}
	if r.SyncAll {
		return d.BulkSync(ctx, r)
	}
	run.key = func(i BulkItem) string { return i.ContactID }
	asked := r.ContactIDs
	if r.ContactIDs = run.left(asked); len(r.ContactIDs) > 0 {
		_, err = d.BulkSync(ctx, r)
	}
	items := run.inOrder(asked)
	done := successes(items)
	return BulkSyncResult{
		Total: run.named, Succeeded: done, Failed: len(items) - done, Stopped: len(items) < run.named,
		Counts: map[Verdict]int{}, Results: items,
	}, err
}

func (run *jobRun) imports(ctx context.Context, d *Desk) (result any, err error) {
	var r BulkImportRequest
	if err := json.Unmarshal(run.job.Request, &r); err != nil {
		return nil, fmt.Errorf("read job's request: %w", err)
	}
	if r.ImportAll {
		return d.BulkImport(ctx, r)
	}
	run.key = func(i BulkItem) string { return i.MetaKockaID }
	asked := r.MetaKockaIDs
	if r.MetaKockaIDs = run.left(asked); len(r.MetaKockaIDs) > 0 {
		_, err = d.BulkImport(ctx, r)
	}
	items := run.inOrder(asked)
	done := successes(items)
	return BulkImportResult{
		Total: run.named, Imported: done, Failed: len(items) - done, Stopped: len(items) < run.named,
		Counts: map[Verdict]int{}, Results: items,
	}, err
}

func successes(items []BulkItem) (n int) {
	for _, i := range items {
		if i.Success {
			n++
		}
	}
	return n
}
