package work

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// Pusher brings the contacts' changes to MetaKocka.
type Pusher struct {
	bus        *bus.Bus
	reconciler *syncer.Reconciler
	matcher    *syncer.Matcher
	polls      polls
	epochs     *event.Epochs
	gate       *syncer.Gate
	cfg        WorkerConfig
	log        *slog.Logger
}

// PusherStates is what a pusher reads of the service's state.
type PusherStates interface {
	polls
	event.States
}

// polls are when the partners were last seen, and the clock that is told by.
type polls interface {
	syncer.PollStates
	Now(ctx context.Context) (time.Time, error)
}

// NewPusher returns a ready Pusher.
func NewPusher(b *bus.Bus, r *syncer.Reconciler, m *syncer.Matcher, states PusherStates, gate *syncer.Gate, cfg WorkerConfig, log *slog.Logger) *Pusher {
	return &Pusher{bus: b, reconciler: r, matcher: m, polls: states, epochs: &event.Epochs{States: event.ListenerStates{States: states}}, gate: gate, cfg: cfg, log: log}
}

// Run works until ctx ends. Live changes and the contacts of a snapshot are two
// lanes, so that a first sync does not hold up the contact a person just saved.
func (p *Pusher) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		live := consumer(bus.StreamContacts, event.ConsumerPusher, positive(p.cfg.Workers, 4), p.cfg, p.gate)
		live.Filters = []string{"crm.contacts.insert.*", "crm.contacts.update.*", "crm.contacts.delete.*", event.SubjectTruncate}
		return p.bus.Consume(ctx, live, p.cfg.kept(p.onlyOurs(p.handle)))
	})
	g.Go(func() error {
		if err := p.firstSweep(ctx); err != nil {
			return nil //nolint:nilerr // only ctx ends the wait
		}
		bulk := consumer(bus.StreamContacts, event.ConsumerPusherBulk, positive(p.cfg.Workers, 4), p.cfg, p.gate)
		bulk.Filters = []string{"crm.contacts.snapshot.*"}
		return p.bus.Consume(ctx, bulk, p.cfg.kept(p.onlyOurs(p.handleBulk)))
	})
	return g.Wait()
}

// onlyOurs puts messages that are no event of mksync's aside: what they say of a contact is
// nobody's word, and a key that is none would be tried again for ever.
func (p *Pusher) onlyOurs(next func(ctx context.Context, w *bus.Work, ours []bus.Delivery) error) bus.Handler {
	return func(ctx context.Context, w *bus.Work) error {
		all := w.Deliveries
		ours := slices.DeleteFunc(slices.Clone(all), func(d bus.Delivery) bool { return event.IsForeign(d.Stored) })
		if len(ours) == 0 {
			return settle(p.reconciler, p.gate, w.Key, &syncer.RejectError{Reason: foreignMessage(all[0].Subject)})
		}
		if len(ours) < len(all) {
			p.log.WarnContext(ctx, "messages that are no event of mksync's are left out", "key", w.Key, "messages", len(all)-len(ours))
		}
		if bus.StandsIn(w.Key) {
			return settle(p.reconciler, p.gate, w.Key, &syncer.RejectError{Reason: event.NoKey})
		}
		return next(ctx, w, ours)
	}
}

func foreignMessage(subject string) coded.Text {
	return coded.Say("note.event.foreign", "not published by mksync: somebody else may publish to {subject}; take that right from them and discard this", subject)
}

// firstSweep waits until all partners were seen, and not long ago: the contacts
// of a snapshot are matched with them, not looked up one by one.
func (p *Pusher) firstSweep(ctx context.Context) error {
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()

	for {
		s, err := p.polls.PollState(ctx)
		if err == nil {
			now, err := p.polls.Now(ctx) // not this machine's clock, which may differ
			age := now.Sub(s.EndedAt)    // negative: the clock was put back since
			if err == nil && age >= 0 && age < positive(p.cfg.SweepAge, 15*time.Minute) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (p *Pusher) handleBulk(ctx context.Context, w *bus.Work, ds []bus.Delivery) error {
	contactID := w.Key
	plan, err := p.matcher.Plan(ctx)
	if err != nil {
		return settle(p.reconciler, p.gate, contactID, err)
	}
	_, err = p.reconciler.Contact(ctx, contactID, syncer.Trigger{
		Cause: syncer.CauseContact, Lane: metakocka.Bulk, Work: w, Plan: plan, EventID: ds[len(ds)-1].Header.Get(event.HeaderID),
	})
	return settle(p.reconciler, p.gate, contactID, err)
}

func (p *Pusher) handle(ctx context.Context, w *bus.Work, ds []bus.Delivery) error {
	contactID := w.Key
	if ds[len(ds)-1].Subject == event.SubjectTruncate {
		return p.truncated(ctx, ds[len(ds)-1])
	}

	t := syncer.Trigger{Cause: syncer.CauseContact, Work: w, EventID: ds[len(ds)-1].Header.Get(event.HeaderID)}
	var previous []string

	for _, d := range ds {
		if d.Subject == bus.ContactSubject("delete", contactID) {
			t.Deleted = true
		}

		ev := event.ReadContact(d.Data)
		if ev.XID != 0 && p.epochs.Current(ctx, d.Header.Get(event.HeaderSource)) {
			t.XIDs = append(t.XIDs, ev.XID)
		}
		if ev.PreviousID != "" {
			previous = append(previous, ev.PreviousID)
		}
		if at, err := time.Parse(time.RFC3339Nano, d.Header.Get(event.HeaderTime)); err == nil && at.After(t.CRMChangedAt) {
			t.CRMChangedAt = at
		}
	}

	// An id that was given away comes first: its link may go along to this contact.
	for _, id := range previous {
		if err := p.reconciler.Renamed(ctx, id, contactID, t); err != nil {
			return settle(p.reconciler, p.gate, contactID, err)
		}
	}

	_, err := p.reconciler.Contact(ctx, contactID, t)
	return settle(p.reconciler, p.gate, contactID, err)
}

// truncated holds the deletions that a TRUNCATE means.
func (p *Pusher) truncated(ctx context.Context, d bus.Delivery) error {
	var xids []uint32
	if p.epochs.Current(ctx, d.Header.Get(event.HeaderSource)) {
		xids = append(xids, event.ReadContact(d.Data).XID)
	}
	n, err := p.reconciler.Truncated(ctx, xids)
	if err == nil {
		p.log.WarnContext(ctx, "the contacts table was truncated; the deletions are held: mksync deletions list", "held", n)
	}
	return settle(p.reconciler, p.gate, d.Subject, err)
}
