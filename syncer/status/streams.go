package status

import (
	"context"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

func (m *Monitor) streams(ctx context.Context, s *Status) {
	if m.Store != nil {
		if why := m.Store(); why != "" {
			s.blocked(ProblemStreamsRefuse, "the streams cannot be written to", coded.Say("problem.streams_refuse", "the streams cannot be written to, and changes wait where they are until they can: {words}", why))
		}
	}
	if m.Bus == nil || m.Connected == nil || !m.Connected() {
		s.blocked(ProblemNATSAway, "NATS is not connected", coded.Say("problem.nats_away", "NATS is not connected"))
		return
	}
	if err := m.askStreams(ctx, s); err != nil {
		s.blocked(ProblemNATSAway, "NATS does not answer", coded.Say("problem.nats_silent", "NATS does not answer: {words}", err))
	}
}

func (m *Monitor) askStreams(ctx context.Context, s *Status) error {
	stored, err := m.stored(ctx, s)
	if err != nil {
		return err
	}

	for _, c := range []struct {
		stream, durable string
		into            *WorkStatus
		ours            bool
	}{
		{bus.StreamContacts, event.ConsumerPusher, &s.Pusher, m.Pushes},
		{bus.StreamContacts, event.ConsumerPusherBulk, &s.Pusher, m.Pushes},
		{bus.StreamPartners, event.ConsumerPuller, &s.Puller, m.Pulls},
	} {
		a, err := m.Bus.Activity(ctx, c.stream, c.durable)
		if err != nil {
			return err
		}

		// Two that never ran have the whole stream before each of them.
		c.into.Pending = min(c.into.Pending+a.Pending, stored[c.stream])
		c.into.InFlight += a.InFlight
		s.Oldest[c.durable] = a.Oldest
		if err := m.reaches(ctx, s, c.stream, c.durable, c.ours, a); err != nil {
			return err
		}
	}

	// Dead letters expire, or go with NATS's data; the links stay.
	switch failed := s.Mappings[store.StatusError]; {
	case s.DeadLetters > 0:
		s.say("%s could not be applied: mksync deadletters list", syncer.Counted(s.DeadLetters, "event", "events"))
	case failed > 0:
		s.say("%s could not be brought over: mksync mappings --status error", syncer.Counted(failed, "contact", "contacts"))
	}
	return nil
}

// stored shows what the streams hold, and returns how many messages each has.
func (m *Monitor) stored(ctx context.Context, s *Status) (map[string]uint64, error) {
	states, err := m.Bus.StreamState(ctx)
	if err != nil {
		return nil, err
	}
	messages := map[string]uint64{}
	for _, st := range states {
		messages[st.Stream] = st.Messages
		s.Streams = append(s.Streams, StreamStatus{Name: st.Name, Messages: st.Messages, FirstSeq: st.FirstSeq, LastSeq: st.LastSeq})
		if st.MaxBytes > 0 && st.Bytes > st.MaxBytes/10*9 {
			s.problem(ProblemStreamFull, coded.Say("problem.stream_full", "the stream {stream} is full ({used} of {most} bytes): {cause}", st.Name, st.Bytes, st.MaxBytes, whenFull(st.Stream)))
		}
	}

	letters, oldest, err := m.Bus.CountDeadLetters(ctx)
	s.DeadLetters = letters
	s.waits(WaitingDeadLetter, store.Waits{Count: letters, Since: oldest})
	return messages, err
}

// whenFull says what waits for room in a stream.
func whenFull(stream string) coded.Text {
	switch stream {
	case bus.StreamContacts:
		return coded.Say("problem.full.contacts", "changes of contacts wait in the database's log until those before them are worked off")
	case bus.StreamPartners:
		return coded.Say("problem.full.partners", "what polls see waits for later polls")
	}
	return coded.Say("problem.full.dead_letters", "what cannot be applied is tried again and again; settle dead letters, or raise the limit")
}
