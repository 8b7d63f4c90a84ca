package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// A replay reads the event stream again and reconciles every contact that it
// names, each once and from state: the events only say which. With an authority
// that side wins, and nothing else reconciles the contacts meanwhile.

// Events is the stream that is replayed; *bus.Bus has it.
type Events interface {
	Replay(ctx context.Context, stream string, r bus.Range, fn func(bus.Stored) error) error
	StreamState(ctx context.Context) ([]bus.StreamState, error)
}

// Reservations keeps others from the contacts of a replay; *pgstore.Store does.
type Reservations interface {
	ReserveForReplay(ctx context.Context, contactIDs []string, lease time.Duration) error
	ReleaseFromReplay(ctx context.Context, contactIDs []string) error
}

// ReplayRequest says what to replay: from a time or from an event on.
type ReplayRequest struct {
	Since     time.Time
	FromSeq   uint64
	Until     time.Time // zero: to the end
	ContactID string    // empty: all
	Authority syncer.Authority
	DryRun    bool // only say what would be done
	By        string
}

// ReplaySummary is what became of a replay.
type ReplaySummary struct {
	Events, Contacts, Done int
	Failed                 map[string]string // contact id -> why
}

// Replayer replays the stream CRM_CONTACTS. It is made for one Run.
type Replayer struct {
	reconciler   *syncer.Reconciler
	events       Events
	reservations Reservations
	say          func(format string, args ...any) // progress and what a person must know
	show         func(p syncer.Preview)           // of a dry run

	mu  sync.Mutex // guards sum, and orders what is said
	sum ReplaySummary
}

// NewReplayer returns a ready Replayer.
func NewReplayer(r *syncer.Reconciler, events Events, reservations Reservations, say func(string, ...any), show func(syncer.Preview)) *Replayer {
	return &Replayer{reconciler: r, events: events, reservations: reservations, say: say, show: show, sum: ReplaySummary{Failed: map[string]string{}}}
}

// How long the contacts of a replay stay reserved without a sign of life from it,
// and how many are worked on at once.
const (
	replayLease    = 2 * time.Minute
	replayWorkers  = 4
	replayProgress = 2 * time.Second
)

// Run replays until all contacts are done or ctx ends. One that fails does not
// hold up the others; while MetaKocka is away it waits.
func (p *Replayer) Run(ctx context.Context, r ReplayRequest) (ReplaySummary, error) {
	contacts, err := p.read(ctx, r)
	if err != nil || len(contacts) == 0 {
		return p.sum, err
	}
	if r.Authority == "" || r.DryRun {
		return p.summary(p.all(ctx, r, contacts))
	}
	return p.summary(p.reserved(ctx, contactIDs(contacts), func(ctx context.Context) error { return p.all(ctx, r, contacts) }))
}

func (p *Replayer) summary(err error) (ReplaySummary, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sum, err
}

// reserveBatch is how many contacts are reserved in one round trip.
const reserveBatch = 500

func contactIDs(contacts []replayed) []string {
	all := make([]string, len(contacts))
	for i, c := range contacts {
		all[i] = c.id
	}
	return all
}

// reserved runs use while nothing else reconciles the contacts. What was not done
// stays reserved for a while, so that the replay can be begun again before others
// come to it.
func (p *Replayer) reserved(ctx context.Context, ids []string, use func(context.Context) error) error {
	if err := p.reserve(ctx, ids); err != nil {
		return err
	}

	g, working := errgroup.WithContext(ctx)
	working, done := context.WithCancel(working)

	// The lease is renewed for as long as the replay works.
	g.Go(func() error {
		for syncer.Pause(working, replayLease/4) == nil {
			if err := p.reserve(working, ids); err != nil && working.Err() == nil {
				return err
			}
		}
		return nil
	})

	g.Go(func() error {
		defer done()
		return use(working)
	})

	if err := g.Wait(); err != nil {
		p.say("what was not done stays reserved for %s: run the replay again before, or the usual rules apply to it", replayLease)
		return err
	}
	return p.reservations.ReleaseFromReplay(context.WithoutCancel(ctx), ids)
}

func (p *Replayer) reserve(ctx context.Context, ids []string) error {
	for part := range slices.Chunk(ids, reserveBatch) {
		if err := p.reservations.ReserveForReplay(ctx, part, replayLease); err != nil {
			return err
		}
	}
	return nil
}

func (p *Replayer) all(ctx context.Context, r ReplayRequest, contacts []replayed) error {
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(replayWorkers)
	last := time.Now()
	for _, c := range contacts {
		if working.Err() != nil {
			break
		}
		if time.Since(last) > replayProgress {
			last = time.Now()
			p.progress()
		}
		g.Go(func() error { return p.one(working, c, c.trigger(r), r.DryRun) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func (p *Replayer) progress() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say("%d of %d contacts done", p.sum.Done, p.sum.Contacts)
}

// one replays a contact, however long MetaKocka is away.
func (p *Replayer) one(ctx context.Context, c replayed, t syncer.Trigger, dry bool) error {
	const shortest = 250 * time.Millisecond
	outage := syncer.Backoff{First: shortest, Most: 15 * time.Second}
	for outages := 0; ; {
		err := p.try(ctx, c, t, dry)
		var pending *syncer.PendingError
		switch {
		case errors.As(err, &pending):
			err = syncer.Pause(ctx, max(pending.After, shortest))
		case syncer.Outage(err):
			if outages++; outages == 2 { // one may be a call that was cut off
				p.say("MetaKocka does not answer, waiting: %v", err)
			}
			err = outage.Pause(ctx)
		default:
			return p.note(ctx, c.id, err)
		}

		if err != nil {
			return err
		}
	}
}

func (p *Replayer) try(ctx context.Context, c replayed, t syncer.Trigger, dry bool) error {
	if !dry {
		_, err := p.reconciler.Contact(ctx, c.id, t)
		return err
	}
	would, err := p.reconciler.Preview(ctx, c.id, t)
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.show(would)
	}
	return err
}

// note notes the end of a contact. An error that is about more than the contact
// ends the replay.
func (p *Replayer) note(ctx context.Context, id string, err error) error {
	var rejected *syncer.RejectError
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.sum.Done++
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &rejected), errors.Is(err, syncer.ErrAgain), errors.Is(err, store.ErrContactChanged):
		p.sum.Done++
		p.sum.Failed[id] = err.Error()
		p.say("%s: %v", id, err)
	default:
		return fmt.Errorf("replay contact %s: %w", id, err)
	}
	return nil
}

// replayed is a contact that the events named.
type replayed struct {
	id        string
	deleted   bool      // its newest event says so
	changedAt time.Time // commit time of its newest event; zero: of a snapshot
}

func (c replayed) trigger(r ReplayRequest) syncer.Trigger {
	return syncer.Trigger{
		Cause: syncer.CauseReplay, Lane: metakocka.Bulk, CRMChangedAt: c.changedAt, By: r.By, Authority: r.Authority,
		Deleted: c.deleted && r.Authority != syncer.AuthorityMetaKocka,
	}
}

// take adds an event to what is known of its contact.
func (c *replayed) take(m bus.Stored) {
	op, _, _ := strings.Cut(strings.TrimPrefix(m.Subject, "crm.contacts."), ".")
	c.deleted = op == "delete"
	if at, err := time.Parse(time.RFC3339Nano, m.Header.Get(event.HeaderTime)); err == nil && op != "snapshot" {
		c.changedAt = at
	}
}
