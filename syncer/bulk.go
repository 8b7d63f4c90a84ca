package syncer

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

// Bulk brings many contacts or partners over, in the background lane. Both sides
// are enumerated once before anything is written, and matched here.
type Bulk struct {
	matcher *Matcher
	gate    *Gate
	refresh func(ctx context.Context) error // sees all partners anew
	workers int
}

// NewBulk returns a ready Bulk that works on so many at once.
func NewBulk(m *Matcher, gate *Gate, refresh func(ctx context.Context) error, workers int) *Bulk {
	return &Bulk{matcher: m, gate: gate, refresh: refresh, workers: positive(workers, 4)}
}

// BulkItem is what became of one contact or partner of many.
type BulkItem struct {
	ContactID   string  `json:"contactId,omitempty"`
	MetaKockaID string  `json:"metakockaId,omitempty"`
	Success     bool    `json:"success"`
	Verdict     Verdict `json:"verdict,omitempty"`
	Error       string  `json:"error,omitempty"`
}

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
func (b *Bulk) plan(ctx context.Context, rep *reporter) (*Plan, error) {
	rep.begin("looking at the partners", 0)
	if err := b.refresh(metakocka.Background(ctx)); err != nil {
		return nil, aboutAll(err)
	}
	rep.begin("matching", 0)
	return b.matcher.Fresh(ctx)
}

// each does n pieces of work, several at once, until ctx ends; what is under way
// then comes to its end. It returns how many were begun.
func (b *Bulk) each(ctx context.Context, n int, do func(ctx context.Context, i int) error) (begun int) {
	work, cancel := lingering(metakocka.Background(ctx), inFlight)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(b.workers)
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		begun++
		g.Go(func() error {
			b.patiently(ctx, work, func() error { return do(work, i) })
			return nil
		})
	}
	_ = g.Wait()
	return begun
}

// patiently does a piece of work again as long as it is MetaKocka that is away,
// or a write's end that is not known yet. The last try's error stands.
func (b *Bulk) patiently(ctx, work context.Context, do func() error) {
	for {
		if err := b.gate.Wait(ctx); err != nil {
			return
		}
		err := do()
		b.gate.Report(err)
		var pending *PendingError
		switch {
		case errors.As(err, &pending):
			if pause(ctx, pending.After) != nil {
				return
			}
		case !outage(err):
			return
		}
		if ctx.Err() != nil || work.Err() != nil {
			return
		}
	}
}

// bulkRun is one bulk request under way.
type bulkRun struct {
	*Bulk
	rep  *reporter
	keep func(BulkItem) bool // which results are told

	mu      sync.Mutex // guards what follows
	results map[int]BulkItem
	counts  map[Verdict]int
	failed  int
	done    int
}

// finished notes the end of piece i; a piece that is only put off is not at its
// end.
func (run *bulkRun) finished(i int, verdict Verdict, res Result, err error) error {
	var pending *PendingError
	if outage(err) || errors.As(err, &pending) {
		return err
	}
	item := BulkItem{ContactID: res.ContactID, MetaKockaID: res.MetaKockaID, Success: err == nil, Verdict: verdict}
	if err != nil {
		item.Error, item.Verdict = err.Error(), ""
		if res.Status == mapping.StatusHeld {
			item.Error, item.Verdict = res.LastError, VerdictAmbiguous
		}
	}
	told := run.keep(item)
	run.rep.add(item, told)
	run.mu.Lock()
	defer run.mu.Unlock()
	run.done++
	if item.Success {
		run.counts[verdict]++
	} else {
		run.failed++
	}
	if told && len(run.results) < mostFindings {
		run.results[i] = item
	}
	return err
}

// list are the kept results in the order of what was asked for.
func (run *bulkRun) list(n int) []BulkItem {
	all := []BulkItem{}
	for i := range n {
		if item, kept := run.results[i]; kept {
			all = append(all, item)
		}
	}
	return all
}
