package operations

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// Bulk brings many contacts or partners over, in the bulk lane. Both sides
// are enumerated once before anything is written, and matched here.
type Bulk struct {
	reconciler *syncer.Reconciler
	matcher    *syncer.Matcher
	gate       *syncer.Gate
	refresh    func(ctx context.Context) error // sees all partners anew
	workers    int
	log        *slog.Logger
	places     *semaphore.Weighted // of all bulk requests together
}

// BulkPlaces is how many contacts or partners all bulk requests together work on
// at once, at most.
const BulkPlaces = 8

// NewBulk returns a ready Bulk that works on so many at once.
func NewBulk(r *syncer.Reconciler, m *syncer.Matcher, gate *syncer.Gate, refresh func(ctx context.Context) error, workers int, log *slog.Logger) *Bulk {
	if workers <= 0 {
		workers = 4
	}
	workers = min(workers, BulkPlaces)
	return &Bulk{reconciler: r, log: log, matcher: m, gate: gate, refresh: refresh, workers: workers, places: semaphore.NewWeighted(int64(workers))}
}

// BulkItem is what became of one contact or partner of many.
type BulkItem struct {
	ContactID   string        `json:"contactId,omitempty"`
	MetaKockaID string        `json:"metakockaId,omitempty"`
	Success     bool          `json:"success"`
	MappingID   string        `json:"mappingId,omitempty"`
	SyncStatus  store.Status  `json:"syncStatus,omitempty"`
	Verdict     match.Verdict `json:"verdict,omitempty"`
	Error       string        `json:"error,omitempty"`
	// Said is the error as a code with parameters.
	Said coded.Text `json:"said,omitzero"`
	// Undone is how many fields were taken back, Left why others stay as they are.
	Undone int             `json:"undone,omitempty"`
	Left   []syncer.Reason `json:"left,omitempty"`
}

// because notes why it did not succeed.
func (i *BulkItem) because(t coded.Text) {
	i.Error = t.String()
	i.Said = said(t)
}

// mostListed is how many items that succeeded a result over all contacts names.
const mostListed = 1000

// inFlight is how long a write under way may go on after the request is stopped.
const inFlight = 10 * time.Second

// lingering is a context that outlives ctx by d.
func lingering(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var mu sync.Mutex
	var timer *time.Timer
	stop := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		timer = time.AfterFunc(d, cancel)
	})
	return work, func() {
		stop()
		mu.Lock()
		defer mu.Unlock()
		if timer != nil {
			timer.Stop()
		}
		cancel()
	}
}

// plan sees the partners anew and matches everything.
func (b *Bulk) plan(ctx context.Context, rep *reporter) (*match.Plan, error) {
	rep.begin("looking at the partners", 0)
	if err := b.refresh(ctx); err != nil {
		return nil, syncer.AboutAll(err)
	}
	rep.begin("matching", 0)
	return b.matcher.Fresh(ctx)
}

// each does n pieces of work, several at once, until ctx ends; what is under way
// then comes to its end. It returns how many were begun.
func (run *bulkRun) each(ctx context.Context, n int, do func(ctx context.Context, i int) error) (begun int) {
	work, cancel := lingering(ctx, inFlight)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(run.workers)
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		begun++
		g.Go(func() error {
			run.patiently(ctx, work, func() error { return do(work, i) })
			return nil
		})
	}
	_ = g.Wait()
	return begun
}

// patiently does a piece of work again as long as it is MetaKocka that is away,
// or a write's end that is not known yet. The last try's error stands. Where
// nobody watches, MetaKocka is not waited for: that it is away is the answer.
func (run *bulkRun) patiently(ctx, work context.Context, do func() error) {
	for {
		err := run.try(ctx, do)
		var pending *syncer.PendingError
		switch {
		case errors.As(err, &pending):
			if syncer.Pause(ctx, pending.After) != nil {
				return
			}
		case !syncer.Outage(err) || !run.rep.watched():
			return
		}
		if ctx.Err() != nil || work.Err() != nil {
			return
		}
	}
}

// try does a piece of work when the gate lets it through, if it is waited for.
func (run *bulkRun) try(ctx context.Context, do func() error) error {
	if !run.rep.watched() {
		return run.placed(ctx, do)
	}
	if err := run.gate.Wait(ctx); err != nil {
		return err
	}
	err := run.placed(ctx, do)
	run.gate.Report(err)
	return err
}

// placed does a piece of work when there is a place for it.
func (b *Bulk) placed(ctx context.Context, do func() error) error {
	if err := b.places.Acquire(ctx, 1); err != nil {
		return err
	}
	defer b.places.Release(1)
	return do()
}

// bulkRun is one bulk request under way.
type bulkRun struct {
	*Bulk
	rep   *reporter
	all   bool // that there are, not named ones
	whole bool // the answer tells of every one: nobody watches, or a job does
	job   string

	mu      sync.Mutex // guards what follows
	results map[int]BulkItem
	counts  map[match.Verdict]int
	failed  int
	done    int
}

// finished notes the end of piece i; a piece that is only put off is not at its
// end.
func (run *bulkRun) finished(i int, verdict match.Verdict, res syncer.Result, err error) error {
	if run.putOff(err) {
		return err
	}
	item := BulkItem{
		ContactID: res.ContactID, MetaKockaID: res.MetaKockaID, Success: err == nil,
		MappingID: res.LinkID, SyncStatus: res.Status, Verdict: verdict,
	}
	if err != nil {
		item.because(run.reason(err))
		item.Verdict = ""
		if res.Status == store.StatusHeld {
			item.because(res.LastError)
			item.Verdict = match.VerdictAmbiguous
		}
	}
	run.ended(i, item)
	return err
}

// ended tells of and keeps the end of piece i.
func (run *bulkRun) ended(i int, item BulkItem) {
	run.rep.add(item, !run.all || !item.Success)
	run.note(i, item)
}

// putOff reports whether a piece that ended so is done again.
func (run *bulkRun) putOff(err error) bool {
	var pending *syncer.PendingError
	return syncer.Outage(err) && run.rep.watched() || errors.As(err, &pending)
}

// reason is why a piece did not succeed. That of an internal error is for the log,
// unless an operator watches; a job is read by others.
func (run *bulkRun) reason(err error) coded.Text {
	if !run.whole {
		return syncer.AsRequestError(err).Reason
	}
	return publicReason(run.log, err)
}

// publicReason is what a request's error means to everybody; an internal one
// is logged instead.
func publicReason(log *slog.Logger, err error) coded.Text {
	e := syncer.AsRequestError(err)
	if e.Code == syncer.CodeInternal {
		log.Error("bulk request met an internal error", "error", err)
		return syncer.ErrInternal.Reason
	}
	return e.Reason
}

// note counts and keeps the end of piece i.
func (run *bulkRun) note(i int, item BulkItem) {
	run.mu.Lock()
	defer run.mu.Unlock()
	run.done++
	switch {
	case !item.Success:
		run.failed++
	case item.Verdict != "":
		run.counts[item.Verdict]++
	}
	if run.keeps(item) {
		run.results[i] = item
	}
}

// keeps: of all there are, a watcher is told only what failed, and not without
// end; who does not watch gets everything at the end.
func (run *bulkRun) keeps(item BulkItem) bool {
	return !run.all || run.whole || !item.Success && len(run.results) < mostListed
}

// list are the kept results in the order of what was asked for. Of what was not
// begun, or did not come to its end, only who does not watch has to be told.
func (run *bulkRun) list(n int, asked func(i int) BulkItem) []BulkItem {
	list := []BulkItem{}
	for i := range n {
		item, kept := run.results[i]
		if !kept && run.rep.watched() {
			continue
		}
		if !kept {
			item = asked(i)
			item.because(stoppedBefore)
			run.failed++
		}
		list = append(list, item)
	}
	return list
}

// stoppedBefore is why what was not begun was not done.
var stoppedBefore = coded.Say("note.stopped_before", "not done: the request was stopped before")

// once are the first places of ids that may come twice, and where the others
// have their first.
func once(ids []string) (firsts []int, doubles map[int]int) {
	at := map[string]int{}
	doubles = map[int]int{}
	for i, id := range ids {
		if first, double := at[id]; double {
			doubles[i] = first
			continue
		}
		at[id] = i
		firsts = append(firsts, i)
	}
	return firsts, doubles
}

// repeat answers doubles as their firsts.
func (run *bulkRun) repeat(doubles map[int]int) {
	for i, first := range doubles {
		if item, done := run.results[first]; done {
			run.note(i, item)
		}
	}
}
