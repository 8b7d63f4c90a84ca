package operations

import (
	"context"
	"sync"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/syncer"
)

// Progress says how far a bulk request is. Results and Decisions are those that
// came since the last one.
type Progress struct {
	Doing  string `json:"doing"`
	Done   int    `json:"done"`
	Total  int    `json:"total"` // 0: not known yet
	Failed int    `json:"failed"`
	Paused string `json:"paused,omitempty"` // why MetaKocka is waited for
	// PausedSaid is the same as a code with parameters.
	PausedSaid coded.Text `json:"pausedSaid,omitzero"`
	// ExpectedAt is when all are likely to be done, by the speed of the last ones;
	// nil while that is not known.
	ExpectedAt *time.Time       `json:"expectedAt,omitempty"`
	Results    []BulkItem       `json:"results,omitempty"`
	Decisions  []match.Decision `json:"decisions,omitempty"`
}

// Watch is told how far a bulk request is, a few times a second; its error stops
// the request.
type Watch func(ctx context.Context, p Progress) error

type watchKey struct{}

// WithWatch lets the requests made with the context be watched, here and over
// NATS: an Answerer hands the watch on, and an operation takes it out again.
func WithWatch(ctx context.Context, w Watch) context.Context {
	return context.WithValue(ctx, watchKey{}, w)
}

// WatchOf is the context's Watch; nil: nobody watches.
func WatchOf(ctx context.Context) Watch {
	w, _ := ctx.Value(watchKey{}).(Watch)
	return w
}

// audience is who is told of a bulk request.
type audience struct {
	watch Watch // nil: nobody watches
	whole bool  // the answer tells of every one: nobody watches, or a job does
	job   string
}

func audienceOf(ctx context.Context) audience {
	w := WatchOf(ctx)
	return audience{watch: w, whole: w == nil}
}

const (
	progressEvery = 400 * time.Millisecond
	// atATime is how many results one Progress holds at most, so that it fits a
	// message.
	atATime = 500
)

// reporter tells a Watch about a bulk request, from its beginning to close.
type reporter struct {
	watch Watch
	stop  context.CancelCauseFunc
	gate  *syncer.Gate

	mu    sync.Mutex // guards what follows
	now   Progress
	speed speed

	sending sync.Mutex // one Progress after the other
	ended   chan struct{}
	done    sync.WaitGroup
}

// report begins to tell a Watch; the context it returns ends when the Watch wants the
// request stopped.
func report(ctx context.Context, watch Watch, gate *syncer.Gate, doing string) (*reporter, context.Context) {
	r := &reporter{watch: watch, gate: gate, ended: make(chan struct{}), now: Progress{Doing: doing}}
	watched := ctx
	ctx, r.stop = context.WithCancelCause(ctx)
	if r.watch != nil {
		r.done.Go(func() { r.tick(watched) })
	}
	return r, ctx
}

// watched reports whether anybody is told.
func (r *reporter) watched() bool { return r.watch != nil }

func (r *reporter) tick(ctx context.Context) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.ended:
			return
		case <-ticker.C:
			r.send(ctx)
		}
	}
}

// send tells what is new, in as many pieces as it takes.
func (r *reporter) send(ctx context.Context) {
	r.sending.Lock()
	defer r.sending.Unlock()
	for more := true; more; {
		r.mu.Lock()
		p := r.now
		p.Results, r.now.Results = split(r.now.Results)
		p.Decisions, r.now.Decisions = split(r.now.Decisions)
		more = len(r.now.Results)+len(r.now.Decisions) > 0
		r.mu.Unlock()
		p.PausedSaid, _ = r.gate.Paused()
		p.Paused = p.PausedSaid.String()
		p.ExpectedAt = r.expected(p, time.Now())
		if err := r.watch(context.WithoutCancel(ctx), p); err != nil {
			r.stop(err)
			return
		}
	}
}

// expected is when all are likely to be done.
func (r *reporter) expected(p Progress, now time.Time) *time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Paused != "" {
		r.speed = speed{} // how long it waits is no speed
		return nil
	}
	r.speed.mark(now, p.Done)
	return r.speed.expected(now, p.Total)
}

func split[T any](all []T) (first, rest []T) {
	n := min(len(all), atATime)
	return all[:n:n], all[n:]
}

// begin says what is done now.
func (r *reporter) begin(doing string, total int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.Doing = doing
	r.now.Total = total
	r.now.Done = 0
	r.speed = speed{}
}

// add counts one that is done; told says whether it is also shown.
func (r *reporter) add(item BulkItem, told bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.Done++
	if !item.Success {
		r.now.Failed++
	}
	if told && r.watch != nil {
		r.now.Results = append(r.now.Results, item)
	}
}

// show passes a decision on.
func (r *reporter) show(d match.Decision) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.Done++
	r.now.Decisions = append(r.now.Decisions, d)
}

// close tells the rest.
func (r *reporter) close(ctx context.Context) {
	close(r.ended)
	r.done.Wait()
	if r.watch != nil {
		r.send(ctx)
	}
	r.stop(nil)
}
