package poll

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka/enumerate"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// Observations is what the poller needs of the store; *pgstore.Store is one.
type Observations interface {
	syncer.PollStates
	event.States
	enumerate.NameSource
	SavePollState(ctx context.Context, s store.PollState) error
	Now(ctx context.Context) (time.Time, error)
	SeenPartners(ctx context.Context) (map[string]store.SeenPartner, error)
	// Observe stores partners as just seen, and names those that cannot be kept whole.
	Observe(ctx context.Context, partners []store.ObservedPartner) (inPart []string, err error)
	// ForgetHashes makes all partners differ until they are observed again.
	ForgetHashes(ctx context.Context) error
	MarkMissing(ctx context.Context, metakockaIDs []string) error
	// RenewKeys stores all partners' keys as keysOf makes them.
	RenewKeys(ctx context.Context, keysOf func(data []byte) (mapping.MatchKeys, error)) error
	// HoldMissing holds the loss of the partners' living links for a person;
	// ReleaseMissing voids what is held for partners that are there.
	HoldMissing(ctx context.Context, metakockaIDs []string, reason coded.Text) error
	ReleaseMissing(ctx context.Context, metakockaIDs []string) error
	// Alone runs use while no other process has the named part to itself.
	Alone(ctx context.Context, name string, use func(ctx context.Context) error) error
}

// PartnerEvents is the stream that the poller publishes to; *bus.Bus is one.
type PartnerEvents interface {
	event.Streams
	// PublishSync puts one message into a stream and returns when it is stored.
	PublishSync(ctx context.Context, stream string, m bus.Message) (uint64, error)
	// Last returns the newest message of a stream.
	Last(ctx context.Context, stream string) (last bus.Stored, found bool, err error)
}

// PollerConfig is how often partners are looked at.
type PollerConfig struct {
	Interval time.Duration
	// FullEvery is how often a sweep asks for every letter again, and so finds
	// new partners whose names have none of the letters asked for in between.
	FullEvery time.Duration // 30m
	// Trace, where it is set, gives each event the trace that its message goes on with.
	Trace func(kind string, ev event.PartnerEvent) (traceparent string)
	// Observe, where it is set, is told of each event that is published.
	Observe func(kind string)
}

// Poller finds out what changed in MetaKocka, which tells nobody: it enumerates
// the partners, compares their content with what was last seen, and publishes
// what differs.
type Poller struct {
	cfg    PollerConfig
	erp    syncer.Reader
	store  Observations
	events PartnerEvents
	log    *slog.Logger

	polling  chan struct{}         // holds one while this process does not poll
	partners *enumerate.Enumerator // the poll's
	thorough time.Time             // when the last refresh that succeeded began
}

// NewPoller returns a ready Poller.
func NewPoller(cfg PollerConfig, erp syncer.Reader, store Observations, events PartnerEvents, log *slog.Logger) *Poller {
	if cfg.FullEvery <= 0 {
		cfg.FullEvery = 30 * time.Minute
	}
	p := &Poller{
		cfg: cfg, erp: erp, store: store, events: events, log: log,
		partners: enumerate.New(erp, store, enumerate.Config{FullEvery: cfg.FullEvery}), polling: make(chan struct{}, 1),
	}
	p.polling <- struct{}{}
	return p
}

// Run polls at once and then every interval until ctx ends. A poll that does
// not succeed is tried again at the next interval and says so in its state.
func (p *Poller) Run(ctx context.Context) error {
	once := syncer.LogOnce{Log: p.log}
	for ctx.Err() == nil {
		if once.Warn(ctx, "poll of MetaKocka did not succeed; nothing is taken for missing", p.Poll(ctx)) {
			p.log.Info("poll of MetaKocka succeeds again")
		}
		_ = syncer.Pause(ctx, p.cfg.Interval)
	}
	return nil
}

// Poll looks at all partners once. Only a complete sweep can find partners
// missing (invariant 8).
func (p *Poller) Poll(ctx context.Context) error { return p.once(ctx, false) }

// Refresh polls now, before a lot is written; it asks for every letter
// where that is cheap. A refresh of this process that began meanwhile will do.
func (p *Poller) Refresh(ctx context.Context) error { return p.once(ctx, true) }

func (p *Poller) once(ctx context.Context, thorough bool) error {
	asked := time.Now()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.polling:
	}
	defer func() { p.polling <- struct{}{} }()

	if !thorough {
		return p.alone(ctx)
	}

	if p.thorough.After(asked) {
		return nil
	}
	p.partners.Thorough()

	began := time.Now()
	err := p.alone(ctx)
	if err == nil {
		p.thorough = began
	}
	return err
}

// alone polls while no other process does: two would publish the same events in
// different orders, and each take the other's places in the stream for a loss.
func (p *Poller) alone(ctx context.Context) error {
	return p.store.Alone(ctx, "poll", p.remembered)
}

// remembered polls from what is remembered of the last poll, and remembers.
func (p *Poller) remembered(ctx context.Context) error {
	began := time.Now()
	state, err := p.store.PollState(ctx)
	if err != nil {
		return err
	}
	next, err := p.poll(ctx, state)
	next.DurationSeconds = time.Since(began).Seconds()
	if ctx.Err() != nil {
		return ctx.Err() // says nothing about MetaKocka
	}
	if err != nil {
		next.Error = err.Error()
		next.Reason = coded.Of(err)
	}
	saving, cancel := syncer.Saving(ctx)
	defer cancel()
	return errors.Join(err, p.store.SavePollState(saving, next))
}

// poll makes one poll, and returns what is to be remembered of it. With an error that is
// what was remembered of the last one, but for what the stream took or lost.
func (p *Poller) poll(ctx context.Context, last store.PollState) (store.PollState, error) {
	start, err := p.store.Now(ctx)
	if err != nil {
		return last, err
	}
	if err := p.renewKeys(ctx, &last); err != nil {
		return last, err
	}

	// What is stored is read before the sweep: so nothing that the sweep saw is newer there.
	seen, err := p.store.SeenPartners(ctx)
	if err != nil {
		return last, err
	}
	p.partners.Resume(enumerate.Way(last.Way))
	expected := store.Expected(seen)
	swept, err := p.partners.Enumerate(ctx, expected)
	if err != nil {
		return last, syncer.AboutAll(err)
	}

	end, err := p.checkEvents(ctx, &last, seen)
	if err != nil {
		return last, err
	}
	d := diff{poller: p, seen: seen, start: start, after: last.SweptAt, began: end, lastEvent: end}

	// A partner that came as in the poll before differs all the same from what is
	// stored: then its content is wanted.
	if swept.Unread(func(id, hash string) bool { return !d.settled(id, hash) }) {
		p.partners.Forget()
		d.calls = swept.Calls
		if swept, err = p.partners.Enumerate(ctx, expected); err != nil {
			return last, syncer.AboutAll(err)
		}
	}
	if err := p.publish(ctx, &d, swept, &last); err != nil {
		return last, err
	}

	now, err := p.store.Now(ctx)
	if err != nil {
		return last, err
	}
	next := store.PollState{
		SweptAt: start, EndedAt: now, Partners: len(swept.Of) + d.doubted, Calls: swept.Calls + d.calls, LastEvent: d.lastEvent,
		Way: string(p.partners.Way()), KeysForm: last.KeysForm, InPart: d.heldInPart(),
	}
	if d.unbelieved != nil {
		return next, d.unbelieved
	}
	return next, nil
}

// publish publishes what differs, and stores it. Where the stream took only some, just that
// is stored, so that it is not published again.
func (p *Poller) publish(ctx context.Context, d *diff, swept enumerate.Partners, last *store.PollState) error {
	compared := d.compare(ctx, swept)

	// The end of the stream comes first: cut off behind it, the loss of these events is
	// noticed all the same.
	if d.lastEvent > d.began {
		last.LastEvent = d.lastEvent
		if err := p.store.SavePollState(ctx, *last); err != nil {
			return errors.Join(compared, err)
		}
	}

	if compared != nil {
		return errors.Join(compared, d.observe(ctx))
	}
	return d.store(ctx)
}

// forgotten begins a hash that is no partner's: what is stored with it differs from
// whatever is seen.
const forgotten = "lost:"

// checkEvents returns where the stream ends. Where it ends before what was
// published, it was deleted or lost: events that nobody had applied may be gone,
// so everything counts as never seen and is published again, in as many polls as
// the stream has room for.
func (p *Poller) checkEvents(ctx context.Context, last *store.PollState, seen map[string]store.SeenPartner) (end uint64, err error) {
	stored, _, err := p.events.Last(ctx, bus.StreamPartners)
	if err != nil {
		return 0, err
	}

	forget := func(why string, args ...any) error {
		p.log.Warn("partners' events are missing: all are published again", append(args, "what", why)...)
		last.EventsLost = true
		last.LastEvent = stored.Sequence
		for id, was := range seen {
			was.Hash = forgotten + was.Hash
			seen[id] = was
		}

		// The partners come first: cut off in between, the loss would be forgotten, too.
		if err := p.store.ForgetHashes(ctx); err != nil {
			return err
		}
		return p.store.SavePollState(ctx, *last)
	}

	if stored.Sequence < last.LastEvent {
		if err := forget("the stream of the partners' events lost its end", "ends_at", stored.Sequence, "published", last.LastEvent); err != nil {
			return 0, err
		}
	}
	err = event.LookForGap(ctx, p.events, p.store, bus.StreamPartners, func(what coded.Text) error { return forget(what.String()) })
	if err != nil {
		return 0, err
	}

	// Events of partners that are gone may be lost as well: they are found missing again.
	if last.EventsLost {
		for id, was := range seen {
			was.Held = false
			was.Missing = was.Missing && !was.Linked
			seen[id] = was
		}
	}
	return stored.Sequence, nil
}
