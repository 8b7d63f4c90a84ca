package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// ConsumerConfig describes a durable consumer. Zero values take the defaults.
type ConsumerConfig struct {
	Stream  string
	Durable string   // the consumer's name, the same in every process that shares its work
	Filters []string // subjects; none: all of the stream

	Workers    int // handlers at once; 4
	MaxPending int // messages taken by this process, waiting and running; 512
	MaxBytes   int // of these and, besides, of retries; 8 MiB, or twice the largest that the server takes

	AckWait    time.Duration // a killed process's messages go to another after this; 30s
	MinBackoff time.Duration // first delay of an error that says no delay; 1s
	MaxBackoff time.Duration // longest one; 5m
	Grace      time.Duration // how long running handlers may go on after a stop; 30s

	// Gate, when set, is called before each handler and returns when work may go on. An
	// error while ctx lives ends Consume with that error.
	Gate func(ctx context.Context) error

	// Trace, when set, is called before each handler, whose context it returns, and how to
	// tell what became of its messages.
	Trace func(ctx context.Context, w *Work) (context.Context, func(Outcome))

	// Observe, when set, is told what became of the messages that a handler had.
	Observe func(outcome Outcome, messages int)
}

// Outcome is what became of messages that a handler had.
type Outcome string

// The outcomes.
const (
	Done     Outcome = "done"
	PutAside Outcome = "put_aside" // as a dead letter
	PutOff   Outcome = "put_off"   // they come again
)

func (c ConsumerConfig) withDefaults() (ConsumerConfig, error) {
	if c.Stream == "" || c.Durable == "" || strings.ContainsAny(c.Durable, ".*> \t\r\n/\\") {
		return c, fmt.Errorf("%w: stream %q, durable %q", errBadConsumer, c.Stream, c.Durable)
	}
	c.Workers = positive(c.Workers, 4)
	c.MaxPending = positive(c.MaxPending, 512)
	c.MaxBytes = positive(c.MaxBytes, 8<<20)
	c.AckWait = positive(c.AckWait, 30*time.Second)
	c.MinBackoff = positive(c.MinBackoff, time.Second)
	c.MaxBackoff = max(positive(c.MaxBackoff, 5*time.Minute), c.MinBackoff)
	c.Grace = positive(c.Grace, 30*time.Second)
	if c.Observe == nil {
		c.Observe = func(Outcome, int) {}
	}
	if c.Trace == nil {
		c.Trace = func(ctx context.Context, _ *Work) (context.Context, func(Outcome)) { return ctx, func(Outcome) {} }
	}
	return c, nil
}

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Delivery is a message as it came to a handler. A retried dead letter comes with the
// sequence, subject and time it had in its own stream.
type Delivery struct {
	Stored
	Attempts uint64 // 1 for the first time
}

// Handler applies all that waits for one key, oldest first. Nil acknowledges them all; see
// Retry and Reject; any other error retries with a delay that grows with the attempts.
type Handler func(ctx context.Context, w *Work) error

// retriesPending bounds the retried dead letters taken besides MaxPending.
const retriesPending = 16

// consumption is one running Consume.
type consumption struct {
	b       *Bus
	cfg     ConsumerConfig
	handle  Handler
	queue   *dispatcher
	sources []*source
	began   time.Time
}

// Consume works off the stream until ctx ends, then returns nil: it takes in nothing more,
// lets running handlers finish within the grace time, gives back what waits, and flushes
// the acknowledgements. It outlives restarts of the server and deletions of the consumer.
func (b *Bus) Consume(ctx context.Context, cfg ConsumerConfig, h Handler) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}

	c := &consumption{b: b, cfg: cfg, handle: h, began: time.Now()}
	c.sources = []*source{newEventSource(b, cfg), newRetrySource(b, cfg)}
	c.queue = newDispatcher(cfg.MaxPending + retriesPending)

	// The consumers, and the keys of the dead letters, are there before anything is worked on.
	var stopWatching func()
	err = b.untilAnswered(ctx, func(ctx context.Context) (err error) {
		for _, s := range c.sources {
			if _, err := s.consumer(ctx); err != nil {
				return err
			}
		}
		stopWatching, err = b.watchDeadLetters(ctx)
		return err
	})
	if err != nil {
		return endedBy(ctx, err)
	}
	defer stopWatching()

	b.working.Store(b.names.durable(cfg.Durable), c)
	defer b.working.Delete(b.names.durable(cfg.Durable))
	return endedBy(ctx, c.run(ctx))
}

// endedBy makes nil of the errors that are only the end of ctx.
func endedBy(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

func (c *consumption) run(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	work, stopWork := outlive(gctx, c.cfg.Grace)
	defer stopWork()
	for _, s := range c.sources {
		g.Go(func() error { return c.intake(gctx, s) })
	}
	for range c.cfg.Workers {
		g.Go(func() error { return c.worker(gctx, work) })
	}
	stopKeeping := c.keepInProgress()
	err := g.Wait()
	stopKeeping()
	c.giveBack(context.WithoutCancel(ctx))
	return err
}

// outlive returns a context that ends a grace time after ctx does.
func outlive(ctx context.Context, grace time.Duration) (context.Context, func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() {
		sleep(longer, grace)
		cancel()
	})
	return longer, func() { unhook(); cancel() }
}

// giveBack returns what waits to the server at once and flushes all acknowledgements.
func (c *consumption) giveBack(ctx context.Context) {
	for _, h := range c.queue.close() {
		if err := h.msg.Nak(); err != nil {
			c.b.log.Debug("message not given back", "error", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := c.b.nc.FlushWithContext(ctx); err != nil {
		c.b.log.Warn("acknowledgements not flushed, their messages come again", "consumer", c.cfg.Durable, "error", err)
	}
}

// worker runs handlers until gctx ends; work is the context of the handlers.
func (c *consumption) worker(gctx, work context.Context) error {
	for {
		var key string
		select {
		case <-gctx.Done():
			return nil
		case key = <-c.queue.ready:
		}
		if gctx.Err() != nil {
			return nil //nolint:nilerr // a stop
		}
		if c.cfg.Gate != nil {
			if err := c.cfg.Gate(gctx); err != nil {
				return endedBy(gctx, err)
			}
		}
		c.one(work, key)
	}
}

// one gives all that waits for a key to the handler and settles it.
func (c *consumption) one(ctx context.Context, key string) {
	batch := c.queue.take(key)
	if len(batch) == 0 {
		return
	}
	ds := make([]Delivery, len(batch))
	for i, h := range batch {
		ds[i] = h.delivery
	}
	w := &Work{Key: key, Deliveries: ds, c: c}
	ctx, end := c.cfg.Trace(ctx, w)
	outcome := c.settle(ctx, w, c.handled(ctx, w))
	end(outcome)
	c.cfg.Observe(outcome, len(ds))
	c.queue.finish(key)
	for _, s := range c.sources {
		s.wake()
	}
}

// handled calls the handler; its panic is an error like others, of these messages alone.
func (c *consumption) handled(ctx context.Context, w *Work) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.b.log.ErrorContext(ctx, "panic in a handler; its event comes again", "consumer", c.cfg.Durable, "key", w.Key, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in the handler of %s: %v", c.cfg.Durable, p)
		}
	}()
	return c.handle(ctx, w)
}

// keepInProgress tells the server that all taken messages are worked on, until the returned
// func is called.
func (c *consumption) keepInProgress() (stop func()) {
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(max(c.cfg.AckWait/3, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				for _, m := range c.queue.messages() {
					_ = m.InProgress() // a lost connection: the server gives them out again
				}
			}
		}
	}()
	return func() { close(quit); <-gone }
}

// Activity is how a consumer gets on.
type Activity struct {
	Pending, InFlight uint64 // as the server counts them, the first late
	Readers           int    // requests for messages that stand
	// Longest is how long a handler of this process runs, of those that do longest.
	Longest time.Duration
	// Quiet is how long ago the consumer was given a message or acknowledged one, was
	// told that one is in progress, or was made, by the server's clock.
	Quiet time.Duration
	// Stuck is how long none was acknowledged although one waits, where messages are given
	// out again and again: they reach nobody, or nobody gets through with them.
	Stuck time.Duration
	// Oldest is how long the oldest message waits that is not acknowledged; 0: none waits.
	Oldest time.Duration
}

// Activity returns how a consumer gets on; one that never ran is only behind.
func (b *Bus) Activity(ctx context.Context, stream, durable string) (a Activity, err error) {
	if c, ok := b.working.Load(b.names.durable(durable)); ok {
		a.Longest = c.(*consumption).queue.longest()
	}

	c, err := b.js.Consumer(ctx, b.names.Stream(stream), b.names.durable(durable))
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		a.Pending, a.InFlight, err = b.ConsumerState(ctx, stream, durable)
		return a, err
	}
	if err != nil {
		return a, fmt.Errorf("look up consumer %s: %w", durable, err)
	}

	i := c.CachedInfo()
	last := i.Created
	for _, at := range []*time.Time{i.Delivered.Last, i.AckFloor.Last} {
		if at != nil && at.After(last) {
			last = *at
		}
	}

	a.Pending = i.NumPending
	a.InFlight = uint64(max(i.NumAckPending, 0)) //nolint:gosec // not negative
	a.Readers = i.NumWaiting
	a.Quiet = i.TimeStamp.Sub(last)
	if a.Pending+a.InFlight == 0 {
		return a, nil
	}

	oldest, err := b.oldest(ctx, i)
	if err != nil || oldest == nil {
		return a, err
	}
	a.Oldest = max(i.TimeStamp.Sub(oldest.Time), 0)
	if i.NumRedelivered > 0 {
		a.Stuck = b.stuck(i, oldest)
	}
	return a, nil
}

// oldest is the first message that a consumer has not acknowledged; nil: there is none.
func (b *Bus) oldest(ctx context.Context, i *jetstream.ConsumerInfo) (*jetstream.RawStreamMsg, error) {
	s, err := b.stream(ctx, i.Stream)
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", i.Stream, err)
	}
	return firstOf(ctx, s, i.Config.FilterSubjects, i.AckFloor.Stream+1)
}

// stuck is how long a consumer has acknowledged nothing while its oldest message waits,
// and while this process works for it, if it does.
func (b *Bus) stuck(i *jetstream.ConsumerInfo, oldest *jetstream.RawStreamMsg) time.Duration {
	since := i.Created
	if at := i.AckFloor.Last; at != nil && at.After(since) {
		since = *at
	}
	if oldest.Time.After(since) {
		since = oldest.Time
	}
	long := i.TimeStamp.Sub(since)
	if c, ok := b.working.Load(i.Name); ok {
		long = min(long, time.Since(c.(*consumption).began))
	}
	return long
}

// Unapplied tells whether a message of the subject that counts waits for the consumer, or
// is stored after one that does.
func (b *Bus) Unapplied(ctx context.Context, stream, durable, subject string, counts func(Stored) bool) (bool, error) {
	s, err := b.stream(ctx, b.names.Stream(stream))
	if err != nil {
		return false, fmt.Errorf("look up stream %s: %w", stream, err)
	}

	var next uint64 = 1 // of a consumer that is to be made
	c, err := b.js.Consumer(ctx, b.names.Stream(stream), b.names.durable(durable))
	switch {
	case err == nil:
		next = c.CachedInfo().AckFloor.Stream + 1
	case !errors.Is(err, jetstream.ErrConsumerNotFound):
		return false, fmt.Errorf("look up consumer %s: %w", durable, err)
	}

	// One message after the other: the server finds the next of a subject without reading those between.
	for {
		m, err := s.GetMsg(ctx, next, jetstream.WithGetMsgSubject(b.names.Subject(subject)))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read the messages of %s: %w", subject, err)
		}
		if counts(b.names.storedFromRaw(m)) {
			return true, nil
		}
		next = m.Sequence + 1
	}
}
