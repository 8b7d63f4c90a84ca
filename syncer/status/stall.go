package status

import (
	"context"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// Whether changes get on is told on both legs of their way. From the slot to the
// stream the listener's heartbeats go the way a change goes. From the stream to
// its consumer no message of ours is needed: the server knows when the consumer
// last got or acknowledged one, and whether anybody asks for more; a worker that
// hangs is seen by its own process.

// heartbeat shows the newest heartbeat. Another process's listener is judged by
// it; its own says more.
func (m *Monitor) heartbeat(ctx context.Context, s *Status) error {
	var beat event.Beat
	if _, err := m.Figures.LoadState(ctx, event.HeartbeatKey, &beat); err != nil || beat.SentAt.IsZero() {
		return err
	}
	s.Listener.LastHeartbeatAt = &beat.SentAt
	now, err := m.Figures.Now(ctx)
	age := now.Sub(beat.SentAt)
	if err == nil && m.Heartbeat > 0 && m.listensElsewhere() && s.Listener.State == "streaming" && age > m.Heartbeat+m.Patience {
		s.problem(ProblemHeartbeatStalled, coded.Say("problem.heartbeat_none", "no heartbeat of the listener came from the slot into the stream {stream} for {time}: changes of contacts stand still there", bus.StreamContacts, age.Round(time.Second)))
	}
	return err
}

func (m *Monitor) listensElsewhere() bool {
	return m.Listener == nil || m.Listener().State == cdc.StateStandby
}

// stalled tells a listener that does not get on from one that is busy or has
// nothing to do.
func (m *Monitor) stalled(s *Status, l cdc.Status) {
	if l.HeartbeatRefused != "" {
		s.problem(ProblemHeartbeatRefused, coded.Say("problem.heartbeat_refused", "heartbeats may not be sent, so a standstill between the slot and the stream {stream} would not be noticed: {words}; let mksync's role execute pg_logical_emit_message, or set MKSYNC_HEARTBEAT_INTERVAL to 0s", bus.StreamContacts, l.HeartbeatRefused))
	}
	if l.State != cdc.StateStreaming || l.HeartbeatSince.IsZero() {
		return
	}
	late := time.Since(l.HeartbeatSince)
	if late > m.Patience && time.Since(l.LastEventAt) > m.Patience {
		s.blocked(ProblemHeartbeatStalled, "the listener's heartbeat does not come from the slot into the stream",
			coded.Say("problem.heartbeat_stalled", "the listener's heartbeat does not come from the slot into the stream {stream} since {time}: changes of contacts stand still there", bus.StreamContacts, late.Round(time.Second)))
	}
}

// secondLook is how much later a consumer that seems to stand still is looked at
// again: it may just have been given its first event for long, or be between two
// requests.
const secondLook = 300 * time.Millisecond

// reaches tells whether events reach a consumer and are worked off. Work that is
// paused is not expected to get on.
func (m *Monitor) reaches(ctx context.Context, s *Status, stream, durable string, ours bool, a bus.Activity) error {
	if m.Heartbeat > 0 && a.Longest > m.Patience {
		s.problem(ProblemWorkHangs, coded.Say("problem.work_hangs", "the {consumer} has been working on one event for {time}: it waits for the database, mostly for a lock, or for MetaKocka", durable, a.Longest.Round(time.Second)))
	}

	if m.Heartbeat <= 0 || durable == event.ConsumerPusherBulk && a.Readers == 0 || m.Gate.PausedWithin(m.Patience) {
		return nil // a snapshot's contacts wait for a complete sweep
	}

	if s.Failing > 0 && a.Pending == 0 {
		return nil // what is given out is named as failing, and waits for minutes
	}

	say := s.problem
	if ours {
		say = func(code Code, line coded.Text) { s.blocked(code, line.String(), line) }
	}

	if a.Stuck > m.Patience {
		say(ProblemWorkStuck, coded.Say("problem.work_stuck", "the {consumer} has got through with no event of the stream {stream} for {time}, though they are given out again and again: {waiting} wait, {given} are given out", durable, stream, a.Stuck.Round(time.Second), a.Pending, a.InFlight))
		return nil
	}

	if !m.still(a) {
		return nil
	}
	if err := syncer.Pause(ctx, secondLook); err != nil {
		return err
	}

	b, err := m.Bus.Activity(ctx, stream, durable)
	if err != nil || !m.still(b) {
		return err
	}

	code, line := ProblemEventsStill, coded.Say("problem.events_still", "events stand still between the stream {stream} and the {consumer} for {time}: {waiting} wait, {given} are held by a process that is not heard of", stream, durable, b.Quiet.Round(time.Second), b.Pending, b.InFlight)
	if b.Readers == 0 && b.InFlight == 0 {
		code, line = ProblemNoWorker, coded.Say("problem.no_worker", "nobody takes events out of the stream {stream}: no mksync with the role of the {consumer} runs", stream, durable)
	}

	say(code, line)
	return nil
}

// still: nothing was given out or acknowledged for long, though something waits
// or nobody asks.
func (m *Monitor) still(a bus.Activity) bool {
	return a.Quiet > m.Patience && (a.Pending+a.InFlight > 0 || a.Readers == 0)
}
