package replay

import (
	"context"
	"errors"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// errFirst ends the look at a stream's oldest event.
var errFirst = errors.New("the first is enough")

// read collects the contacts that the events name, in the order of their first
// event. It says which events the stream no longer holds.
func (p *Replayer) read(ctx context.Context, r ReplayRequest) ([]replayed, error) {
	if err := p.checkStart(ctx, r); err != nil {
		return nil, err
	}

	rng := bus.Range{FromSeq: r.FromSeq, Since: r.Since, Until: r.Until}
	if r.ContactID != "" {
		rng.Filters = []string{bus.ContactSubject("*", r.ContactID)}
	}

	at := map[string]int{}
	var contacts []replayed
	var before uint64

	err := p.events.Replay(ctx, bus.StreamContacts, rng, func(m bus.Stored) error {
		p.sum.Events++
		if before > 0 && m.Sequence > before+1 && r.ContactID == "" {
			p.say("events %d to %d are gone from the stream: contacts that only they name are not replayed", before+1, m.Sequence-1)
		}
		before = m.Sequence

		if m.Subject == event.SubjectTruncate {
			p.say("event %d is a TRUNCATE: it deletes nobody", m.Sequence)
			return nil
		}

		id := bus.Key(m.Subject)
		if bus.StandsIn(id) {
			p.say("event %d is not replayed: %s", m.Sequence, event.NoKey)
			return nil
		}

		i, known := at[id]
		if !known {
			i = len(contacts)
			at[id] = i
			contacts = append(contacts, replayed{id: id})
		}
		contacts[i].take(m)
		return nil
	})

	p.sum.Contacts = len(contacts)
	if err == nil {
		p.say("%s %s", syncer.Counted(p.sum.Events, "event names", "events name"), syncer.Counted(len(contacts), "contact", "contacts"))
	}
	return contacts, err
}

// checkStart says what is gone before the stream's oldest event.
func (p *Replayer) checkStart(ctx context.Context, r ReplayRequest) error {
	st, err := p.contactsStream(ctx)
	if err != nil {
		return err
	}
	switch {
	case r.FromSeq > st.LastSeq:
		return syncer.Refuse(syncer.CodeNotFound, "replay.end", "the stream {stream} ends with event {event}", st.Name, st.LastSeq)
	case r.FromSeq > 0 && st.Messages == 0, r.FromSeq > 0 && r.FromSeq < st.FirstSeq:
		p.say("events %d to %d are gone from the stream: contacts that only they name are not replayed; mksync check finds what differs", r.FromSeq, st.FirstSeq-1)
	case r.FromSeq == 0:
		return p.checkSince(ctx, r.Since, st)
	}
	return nil
}

func (p *Replayer) contactsStream(ctx context.Context) (st bus.StreamState, err error) {
	states, err := p.events.StreamState(ctx)
	for _, s := range states {
		if s.Stream == bus.StreamContacts {
			return s, err
		}
	}
	return st, err
}

func (p *Replayer) checkSince(ctx context.Context, since time.Time, st bus.StreamState) error {
	var first time.Time
	err := p.events.Replay(ctx, bus.StreamContacts, bus.Range{}, func(m bus.Stored) error {
		first = m.Time
		return errFirst
	})
	if err != nil && !errors.Is(err, errFirst) {
		return err
	}
	switch {
	case st.FirstSeq <= 1 && st.Messages > 0 || st.LastSeq == 0:
	case first.IsZero():
		p.say("all %d events are gone from the stream; mksync check finds what differs", st.LastSeq)
	case first.After(since):
		p.say("the stream begins with event %d at %s: earlier events are gone, and contacts that only they name are not replayed; mksync check finds what differs",
			st.FirstSeq, first.Local().Format(time.DateTime))
	}
	return nil
}
