package event

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
)

// Relay publishes the listener's events to the stream CRM_CONTACTS. It is the
// listener's cdc.Sink.
type Relay struct {
	bus    *bus.Bus
	states ListenerStates
	cfg    bus.PublisherConfig
	log    *slog.Logger
	epoch  string // as of the last Last
	trace  func(ev *cdc.Event, id string) (traceparent string)

	mu         sync.Mutex // guards these:
	pub        *bus.Publisher
	unwritable error // what the publishers met, until one gets on

	// Used by Publish alone, again and again.
	buf    []byte
	header nats.Header
	values [5]string
	parent [1]string // the trace's header, where there is one
	of     struct {  // what the values were last made of, where many events share it
		op     cdc.Op
		system string
		epoch  string
		commit time.Time
	}
	id string // begins the events' ids
}

// NewRelay returns a relay that has not opened the stream yet: Last does.
func NewRelay(b *bus.Bus, states ListenerStates, cfg bus.PublisherConfig, log *slog.Logger) *Relay {
	r := &Relay{bus: b, states: states, cfg: cfg, log: log, header: nats.Header{}}
	for i, key := range [...]string{HeaderSpec, HeaderID, HeaderSource, HeaderType, HeaderTime} {
		r.header[key] = r.values[i : i+1 : i+1]
	}
	r.values[0] = "1.0"
	return r
}

// Traced is the relay, whose messages go on with the traces that begin gives them.
func (r *Relay) Traced(begin func(ev *cdc.Event, id string) (traceparent string)) *Relay {
	r.trace = begin
	r.header[HeaderTrace] = r.parent[:]
	return r
}

// Last implements cdc.Sink. Where the newest event has expired from the stream,
// the remembered position stands for it: the stream was not lost. An event of
// another epoch of the database is none of ours, unless
// it is another database's.
func (r *Relay) Last(ctx context.Context) (cdc.Last, error) {
	r.Close()
	epoch, err := r.states.Epoch(ctx)
	if err != nil {
		return cdc.Last{}, err
	}
	r.epoch = epoch

	pub, err := r.bus.Publisher(ctx, bus.StreamContacts, r.cfg)
	if err != nil {
		return cdc.Last{}, err
	}
	r.mu.Lock()
	r.pub = pub
	r.mu.Unlock()

	stored, found, err := r.newestOfOurs(ctx, pub)
	if err != nil {
		return cdc.Last{}, err
	}

	if found {
		systemID, pos, err := parseEventID(stored.ID)
		if err != nil {
			return cdc.Last{}, err
		}
		systemID, ours := sameEpoch(systemID, r.epoch)
		if !ours {
			ours, err = r.intruded(ctx, stored.ID)
		}
		if err != nil || !ours {
			return cdc.Last{}, err
		}
		return cdc.Last{Found: true, SystemID: systemID, Pos: pos}, nil
	}

	// Not even an expired event: nothing was ever published.
	if stored.Sequence == 0 {
		return cdc.Last{}, nil
	}

	s, ok, err := r.states.Load(ctx)
	return cdc.Last{Found: ok && s.LastEvent != cdc.Position{}, SystemID: s.SystemID, Pos: s.LastEvent}, err
}

// intruded reports whether an event of another epoch is of another database, too, which
// has come since this one published.
func (r *Relay) intruded(ctx context.Context, eventID string) (bool, error) {
	s, _, err := r.states.Load(ctx)
	if err != nil {
		return false, err
	}
	d, err := r.states.Database(ctx, s.SystemID)
	return d.Another(eventID) != "", err
}

// newestOfOurs goes back behind messages that somebody else published: what is published
// next follows them all the same. Where the stream holds none of ours, found is false, and
// the sequence is zero if it never held any.
func (r *Relay) newestOfOurs(ctx context.Context, pub *bus.Publisher) (m bus.Stored, found bool, err error) {
	m, found = pub.Last()
	foreign, subject := 0, m.Subject
	var first uint64
	for ; found && IsForeign(m); foreign++ {
		last := m.Sequence
		if m, first, found, err = r.bus.Before(ctx, bus.StreamContacts, last); err != nil {
			return m, false, err
		}
		if !found && first > 1 {
			m.Sequence = last
		}
	}
	if foreign > 0 {
		r.log.WarnContext(ctx, "somebody else publishes to the stream of the contacts' events; take the right from them", "stream", bus.StreamContacts, "subject", subject, "messages", foreign)
	}
	return m, found, nil
}

// IsForeign tells a message of the contacts' stream that is no event of mksync's.
func IsForeign(m bus.Stored) bool {
	_, _, err := parseEventID(m.ID)
	return err != nil
}

// IsOurs tells an event of mksync's from a message of somebody else.
func IsOurs(m bus.Stored) bool { return !IsForeign(m) }

// Publish implements cdc.Sink. A row that is larger than the server takes is left out
// of its event: nothing of mksync's reads it there, and nothing would get past it.
func (r *Relay) Publish(ctx context.Context, ev *cdc.Event) error {
	pub := r.publisher()
	if pub == nil {
		return bus.ErrPublisherClosed
	}
	err := pub.Publish(ctx, r.message(ev))
	if !errors.Is(err, bus.ErrTooLarge) {
		return err
	}
	r.log.WarnContext(ctx, "the event of a contact is published without its row, which is larger than NATS takes", "contact", ev.Key, "error", err)
	r.buf = nil // as large as the row
	bare := *ev
	bare.Before = nil
	bare.After = nil
	return pub.Publish(ctx, r.message(&bare))
}

// message is the event as it is published, in buffers that the next one uses again.
func (r *Relay) message(ev *cdc.Event) bus.Message {
	if r.id == "" || r.of.system != ev.SystemID || r.of.epoch != r.epoch {
		r.of.system = ev.SystemID
		r.of.epoch = r.epoch
		r.id = withEpoch(ev.SystemID, r.epoch)
		r.values[2] = sourcePrefix + r.id
	}
	if op := ev.Op; r.of.op != op {
		r.of.op = op
		r.values[3] = "crm.contacts." + op.String()
	}
	if ev.CommitTime.IsZero() || !r.of.commit.Equal(ev.CommitTime) {
		r.of.commit = ev.CommitTime
		r.values[4] = eventTime(ev)
	}
	r.values[1] = eventID(r.id, ev.Pos)
	r.buf = appendContactEvent(r.buf[:0], ev, r.values[4])
	if r.trace != nil {
		r.parent[0] = r.trace(ev, r.values[1])
	}
	return bus.Message{Subject: contactSubject(ev), ID: r.values[1], Header: r.header, Data: r.buf}
}

func contactSubject(ev *cdc.Event) string {
	if ev.Op == cdc.OpTruncate {
		return SubjectTruncate
	}
	return bus.ContactSubject(ev.Op.String(), bus.ContactKey(ev.Key))
}

// eventTime is the commit time; rows of a snapshot have none.
func eventTime(ev *cdc.Event) string {
	if ev.CommitTime.IsZero() {
		return time.Now().UTC().Format(time.RFC3339Nano)
	}
	return ev.CommitTime.UTC().Format(time.RFC3339Nano)
}

// Beat is the newest heartbeat that came from the log into the stream.
type Beat struct {
	SentAt time.Time `json:"sentAt"` // by the database's clock
}

// Heartbeat tells, to other processes too, that what was in the database's log at
// sentAt is in the stream. The stream's server is asked: with nothing published
// it would not be missed.
func (r *Relay) Heartbeat(ctx context.Context, sentAt time.Time) error {
	pub := r.publisher()
	if pub == nil {
		return bus.ErrPublisherClosed
	}
	if err := pub.Check(ctx); err != nil {
		return fmt.Errorf("ask for the end of %s: %w", bus.StreamContacts, err)
	}
	return r.states.States.SaveState(ctx, HeartbeatKey, Beat{SentAt: sentAt})
}

// Durable implements cdc.Sink.
func (r *Relay) Durable() uint64 {
	if pub := r.publisher(); pub != nil {
		return pub.Acked()
	}
	return 0
}

// Err tells the listener that the publisher broke.
func (r *Relay) Err() error {
	if pub := r.publisher(); pub != nil {
		return pub.Err()
	}
	return nil
}

// Unwritable is nil, or that the stream's server cannot store what it is given: from when
// that showed until an event is stored, also while the listener tries again.
func (r *Relay) Unwritable() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.met()
	return r.unwritable
}

// met notes how the publisher fares. Whoever calls it holds mu.
func (r *Relay) met() {
	switch {
	case r.pub == nil:
	case errors.Is(r.pub.Err(), bus.ErrUnwritable):
		r.unwritable = r.pub.Err()
	case r.pub.Acked() > 0:
		r.unwritable = nil
	}
}

func (r *Relay) publisher() *bus.Publisher {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pub
}

// Close closes the publisher. It does not wait for acknowledgements: what is
// not acknowledged is read again.
func (r *Relay) Close() {
	r.mu.Lock()
	r.met()
	pub := r.pub
	r.pub = nil
	r.mu.Unlock()
	if pub != nil {
		pub.Close()
	}
}
