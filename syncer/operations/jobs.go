package operations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// JobStore keeps jobs; *pgstore.Store is one.
type JobStore interface {
	// AddJob queues a job. mapping.ErrTooManyJobs.
	AddJob(ctx context.Context, operation string, request json.RawMessage, by string) (store.Job, error)
	Job(ctx context.Context, id string) (*store.Job, error)
	Jobs(ctx context.Context, before string, limit int) ([]store.Job, error)
	// ReadyJobs are the open jobs that wait for no other, and the cancelled ones that
	// are still without a result, oldest first; also those that a process works on.
	ReadyJobs(ctx context.Context) ([]string, error)
	// TakeJob takes a job up; nil: it is not ready any more.
	TakeJob(ctx context.Context, id string) (*store.Job, error)
	JobItems(ctx context.Context, jobID string) (map[string]json.RawMessage, error)
	// SaveJob stores how far a job is; going is false when it was cancelled.
	SaveJob(ctx context.Context, j store.Job, items []store.JobItem) (going bool, err error)
	FinishJob(ctx context.Context, j store.Job) error
	CancelJob(ctx context.Context, id, by string) error
	// TryAlone runs use unless another process has the named part to itself.
	TryAlone(ctx context.Context, name string, use func(ctx context.Context) error) (taken bool, err error)
}

// Jobs are bulk requests that are worked on after they were answered. Those over
// the same contacts run one after another, in the order they came, in all
// processes; others side by side. A job waits for MetaKocka to come back, and is
// taken up where it was when its process is gone; items that are finished are
// not worked on again.
type Jobs struct {
	store JobStore
	log   *slog.Logger
	look  time.Duration
	poke  chan struct{}
	free  *semaphore.Weighted

	mu   sync.Mutex // guards what follows
	mine map[string]bool
	fail syncer.LogOnce
}

// JobsAtOnce is how many jobs a process works on at once, at most: each has
// contacts worked on side by side.
const JobsAtOnce = 3

// NewJobs returns ready Jobs; look is how often other processes' are looked for,
// a second where it is 0.
func NewJobs(store JobStore, look time.Duration, log *slog.Logger) *Jobs {
	if look <= 0 {
		look = time.Second
	}
	return &Jobs{
		store: store, log: log, look: look, poke: make(chan struct{}, 1),
		free: semaphore.NewWeighted(JobsAtOnce), mine: map[string]bool{}, fail: syncer.LogOnce{Log: log},
	}
}

// Run works jobs off through a until ctx ends.
func (j *Jobs) Run(ctx context.Context, a *API) error {
	var running sync.WaitGroup
	defer running.Wait()
	for ctx.Err() == nil {
		ready, err := j.store.ReadyJobs(ctx)
		j.waits(ctx, err)
		for _, id := range ready {
			if j.has(id) || j.free.Acquire(ctx, 1) != nil {
				continue
			}
			took := make(chan struct{})
			running.Go(func() {
				defer j.free.Release(1)
				j.try(ctx, a, id, took)
			})
			<-took
		}
		_ = syncer.PauseUntil(ctx, j.look, j.poke)
	}
	return nil
}

// workOff works on one job through a until it is over.
func (j *Jobs) workOff(ctx context.Context, a *API, id string) error {
	for {
		j.try(ctx, a, id, make(chan struct{}))
		job, err := j.store.Job(ctx, id)
		if err != nil || job == nil || !job.Status.Open() {
			return err
		}
		if err := syncer.PauseUntil(ctx, j.look, j.poke); err != nil {
			return err
		}
	}
}

// wake lets the next look begin at once.
func (j *Jobs) wake() {
	select {
	case j.poke <- struct{}{}:
	default:
	}
}

// try works on a job unless another process does; took is closed when that is
// known.
func (j *Jobs) try(ctx context.Context, a *API, id string, took chan struct{}) {
	known := sync.OnceFunc(func() { close(took) })
	defer known()
	taken, err := j.store.TryAlone(ctx, "job "+id, func(ctx context.Context) error {
		job, err := j.store.TakeJob(ctx, id)
		if err != nil || job == nil {
			return err
		}
		j.hold(id, true)
		defer j.hold(id, false)
		known()
		return j.one(ctx, a, *job)
	})
	j.waits(ctx, err)
	if taken && err == nil {
		j.wake()
	}
}

func (j *Jobs) has(id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mine[id]
}

func (j *Jobs) hold(id string, held bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if held {
		j.mine[id] = true
		return
	}
	delete(j.mine, id)
}

// waits says once why jobs do not go on.
func (j *Jobs) waits(ctx context.Context, err error) {
	if err == nil { // of one; others may wait all the same
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail.Warn(ctx, "jobs wait", err)
}

// errCancelled stops a job that was cancelled.
var errCancelled = errors.New("the job was cancelled")

// jobRun is one job under way.
type jobRun struct {
	*Jobs
	job     store.Job
	known   map[string]BulkItem // finished items of named ones
	named   int                 // how many there are; 0: all there are
	key     func(BulkItem) string
	stopped error // why the watch stopped it
}

// one works on a job. An error means that it is to be taken up again.
func (j *Jobs) one(ctx context.Context, a *API, job store.Job) error {
	run := &jobRun{Jobs: j, job: job, known: map[string]BulkItem{}}
	if job.Status == store.JobCancelled {
		run.stopped = errCancelled
	}

	if err := run.load(ctx); err != nil {
		return err
	}

	result, err := run.do(ctx, a)
	cancelled := errors.Is(run.stopped, errCancelled)

	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case run.stopped != nil && !cancelled:
		return run.stopped
	case cancelled && result != nil:
		run.job.Status = store.JobCancelled
	case err != nil && syncer.Outage(err):
		run.job.Paused = coded.Of(err)
		_, saved := j.store.SaveJob(ctx, run.job, nil)
		return errors.Join(err, saved)
	case err != nil:
		run.job.Status = store.JobFailed
		run.job.Error = publicReason(j.log.With("job", job.ID), err)
	default:
		run.job.Status = store.JobDone
	}

	if result != nil {
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
	j.Doing = p.Doing
	j.Paused = coded.Told(p.Paused, p.PausedSaid)
	j.ExpectedAt = time.Time{}
	if p.ExpectedAt != nil {
		j.ExpectedAt = *p.ExpectedAt
	}

	var items []store.JobItem
	if run.named > 0 {
		for _, item := range p.Results {
			text, err := json.Marshal(item)
			if err != nil {
				return run.stop(fmt.Errorf("write job's item: %w", err))
			}
			run.known[run.key(item)] = item
			items = append(items, store.JobItem{ID: run.key(item), Item: text})
		}
		run.count()
	} else {
		j.Total = p.Total
		j.Done = p.Done
		j.Failed = p.Failed
	}

	// The store knows whether somebody cancelled the job, in whichever process.
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
	run.job.Total = run.named
	run.job.Done = len(run.known)
	run.job.Failed = 0
	for _, item := range run.known {
		if !item.Success {
			run.job.Failed++
		}
	}
}

// left are the ids that are not finished.
func (run *jobRun) left(ids []string) []string {
	firsts, _ := once(ids)
	run.named = len(firsts)
	var left []string
	for _, i := range firsts {
		if _, finished := run.known[ids[i]]; !finished {
			left = append(left, ids[i])
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
func (run *jobRun) do(ctx context.Context, a *API) (result any, err error) {
	switch run.job.Operation {
	case OpBulkSync.Name:
		run.key = func(i BulkItem) string { return i.ContactID }
		return onLeft(ctx, run, a.bulkSync, func(r *BulkSyncRequest) *[]string { return &r.ContactIDs }, func(total, done, failed int, items []BulkItem) BulkSyncResult {
			return BulkSyncResult{
				Total: total, Succeeded: done, Failed: failed, Stopped: done+failed < total,
				Counts: map[match.Verdict]int{}, Results: items,
			}
		})
	case OpBulkImport.Name:
		run.key = func(i BulkItem) string { return i.MetaKockaID }
		return onLeft(ctx, run, a.bulkImport, func(r *BulkImportRequest) *[]string { return &r.MetaKockaIDs }, func(total, done, failed int, items []BulkItem) BulkImportResult {
			return BulkImportResult{
				Total: total, Imported: done, Failed: failed, Stopped: done+failed < total,
				Counts: map[match.Verdict]int{}, Results: items,
			}
		})
	case undoName:
		run.key = func(i BulkItem) string { return i.ContactID }
		return onLeft(ctx, run, a.undoMany, func(of *undoing) *[]string { return &of.ContactIDs }, undoneMany)
	}

	if run.job.Operation == OpApproveAll.Name {
		return onLeft(ctx, run, a.approveAll, func(*ApproveAllRequest) *[]string { return new([]string) }, func(total, done, failed int, items []BulkItem) ApproveAllResult {
			return ApproveAllResult{Total: total, Approved: done, Failed: failed, Stopped: done+failed < total, Counts: map[store.Proposed]int{}, Results: items}
		})
	}

	return nil, syncer.Refuse(syncer.CodeMalformed, "job.operation", "this version does not know the operation {operation}", run.job.Operation)
}

// onLeft does what is left of the ids that a request names, and sums up all of
// them, also with an error: what was done until then. A request for all there are is
// done whole; with an error there are only the numbers.
func onLeft[Req, Res any](
	ctx context.Context, run *jobRun, do func(context.Context, Req, audience) (Res, error), ids func(*Req) *[]string,
	sum func(total, done, failed int, items []BulkItem) Res,
) (any, error) {
	var r Req
	if err := json.Unmarshal(run.job.Request, &r); err != nil {
		return nil, fmt.Errorf("read job's request: %w", err)
	}

	told := audience{watch: run.watch, whole: true, job: run.job.ID}
	left := ids(&r)
	asked := *left

	err := run.stopped

	// All there are: finished ones are not remembered one by one.
	if len(asked) == 0 {
		if err == nil {
			var res Res
			if res, err = do(ctx, r, told); err == nil {
				return res, nil
			}
		}
		j := run.job
		return sum(j.Total, j.Done-j.Failed, j.Failed, []BulkItem{}), err
	}

	if *left = run.left(asked); len(*left) > 0 && err == nil {
		_, err = do(ctx, r, told)
	}
	items := run.inOrder(asked)
	done := successes(items)
	return sum(len(asked), done, len(items)-done, items), err
}

func successes(items []BulkItem) (n int) {
	for _, i := range items {
		if i.Success {
			n++
		}
	}
	return n
}
