package poll

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/enumerate"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// diff is the comparison of one sweep with what was last seen.
type diff struct {
	poller *Poller
	seen   map[string]store.SeenPartner
	start  time.Time // of this sweep
	after  time.Time // start of the sweep before
	began  uint64    // where the stream ended

	changed []store.ObservedPartner
	missing []string
	inPart  []string // of those changed
	doubted int      // not in the sweep, found by id
	calls   int

	unbelieved *syncer.UnlikelyError // nil: what is missing is believed
	held       []string              // missing, and not believed
	back       []string              // were held, and are there

	lastEvent uint64
}

// compare publishes what differs. Publishing comes before storing: cut off in
// between, the next poll publishes again, under the same ids.
func (d *diff) compare(ctx context.Context, s enumerate.Partners) error {
	for _, id := range s.Order {
		if err := d.one(ctx, s.Of[id], s.Hash(id)); err != nil {
			return err
		}
	}
	return d.doubtAll(ctx, s)
}

// settled: the partner is stored as it is. What is stored was read before the sweep; of a
// partner that was never seen there is no hash.
func (d *diff) settled(id, hash string) bool {
	was := d.seen[id]
	return !was.Held && !was.Missing && was.Hash == hash
}

// one compares one partner.
func (d *diff) one(ctx context.Context, p metakocka.Partner, hash string) error {
	was := d.seen[p.MKID]
	if was.Held {
		d.back = append(d.back, p.MKID)
	}

	if d.settled(p.MKID, hash) {
		return nil
	}

	seen, err := syncer.Observed(p)
	if err != nil {
		return fmt.Errorf("read partner %s: %w", p.MKID, err)
	}
	seen.ChangedAfter = d.after

	kind := event.PartnerChanged
	if was.Hash == "" {
		kind = event.PartnerCreated
	}

	if err := d.send(ctx, kind, event.PartnerEvent{MetaKockaID: p.MKID, Partner: &p, Hash: hash, SeenAt: d.start, After: d.after, Back: was.Missing}); err != nil {
		return err
	}
	d.changed = append(d.changed, *seen)
	return nil
}

func (d *diff) send(ctx context.Context, kind string, ev event.PartnerEvent) error {
	m, err := event.PartnerMessage(kind, ev)
	if err != nil {
		return err
	}
	if d.poller.cfg.Trace != nil {
		m.Header[event.HeaderTrace] = []string{d.poller.cfg.Trace(kind, ev)}
	}
	sequence, err := d.poller.events.PublishSync(ctx, bus.StreamPartners, m)
	if err != nil {
		return err
	}
	if d.poller.cfg.Observe != nil {
		d.poller.cfg.Observe(kind)
	}
	return d.sent(sequence)
}

// sent notes where an event is stored. A place at or before an earlier one's means
// that the stream lost its end since, and that one with it.
func (d *diff) sent(sequence uint64) error {
	if sequence > d.began && sequence <= d.lastEvent {
		return errEventsLost
	}
	d.lastEvent = max(d.lastEvent, sequence)
	return nil
}

// errEventsLost: what this poll published was lost; the next publishes it again.
var errEventsLost = errors.New("the stream of the partners' events lost its end during the poll")

// storeBatch is how many partners are stored in one round trip.
const storeBatch = 500

func (d *diff) store(ctx context.Context) error {
	if err := d.observe(ctx); err != nil {
		return err
	}
	if err := d.poller.store.ReleaseMissing(ctx, d.back); err != nil {
		return err
	}
	if d.unbelieved != nil {
		return d.poller.store.HoldMissing(ctx, d.held, d.unbelieved.Reason())
	}
	return d.poller.store.MarkMissing(ctx, d.missing)
}
