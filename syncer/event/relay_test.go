package event

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// streams are those of a server in this process.
type streams struct {
	*bus.Bus
	t  *testing.T
	js jetstream.JetStream
}

// newStreams starts a server that takes messages up to a size; 0: the usual one.
func newStreams(t *testing.T, largest int) *streams {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir(), MaxPayload: largest})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	nc, err := bus.Connect(t.Context(), server.URL(), bus.ConnectOptions{})
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	b, err := bus.Open(t.Context(), nc, bus.DefaultConfig(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return &streams{b, t, js}
}

// relay publishes to the contacts' stream until the test ends.
func (s *streams) relay(states States) *Relay {
	s.t.Helper()
	r := NewRelay(s.Bus, ListenerStates{states}, bus.PublisherConfig{}, slog.New(slog.DiscardHandler))
	s.t.Cleanup(r.Close)
	return r
}

// publish publishes events and waits until they are stored.
func (s *streams) publish(r *Relay, events ...*cdc.Event) {
	s.t.Helper()
	for _, ev := range events {
		require.NoError(s.t, r.Publish(s.t.Context(), ev))
	}
	waits.Eventually(s.t, 10*time.Second, func() error {
		if r.Durable() < uint64(len(events)) {
			return errors.New("not all events are stored")
		}
		return nil
	})
}

// stranger publishes what is no event of mksync's.
func (s *streams) stranger(subject, data string) {
	s.t.Helper()
	_, err := s.PublishSync(s.t.Context(), bus.StreamContacts, bus.Message{Subject: subject, Data: []byte(data)})
	require.NoError(s.t, err)
}

// forget removes the events before a sequence.
func (s *streams) forget(before uint64) {
	s.t.Helper()
	stream, err := s.js.Stream(s.t.Context(), bus.StreamContacts)
	require.NoError(s.t, err)
	require.NoError(s.t, stream.Purge(s.t.Context(), jetstream.WithPurgeSequence(before)))
}

// TestWhereTheListenerGoesOn: behind the newest event of ours, whoever else published since;
// where it has expired, behind the one that is remembered; and anew after a restore.
func TestWhereTheListenerGoesOn(t *testing.T) {
	t.Parallel()
	var states remembered
	l := ListenerStates{&states}
	s := newStreams(t, 0)
	last := func() cdc.Last {
		t.Helper()
		last, err := s.relay(&states).Last(t.Context())
		require.NoError(t, err)
		return last
	}
	require.Equal(t, cdc.Last{}, last(), "nothing was ever published")

	ev := testEvent(3)
	r := s.relay(&states)
	_, err := r.Last(t.Context())
	require.NoError(t, err)
	s.publish(r, testEvent(2), ev)
	published := cdc.Last{Found: true, SystemID: ev.SystemID, Pos: ev.Pos}
	require.Equal(t, published, last())
	s.stranger("crm.contacts.update.c", "{}")
	s.stranger("crm.contacts.delete.c", "")
	require.Equal(t, published, last(), "somebody else's messages are no events")

	// The database was restored, and that was accepted: what was published says nothing of it.
	states.values = nil
	require.NoError(t, newEpoch{l}.Save(t.Context(), cdc.State{SystemID: "another"}))
	require.Equal(t, cdc.Last{}, last())
	require.NoError(t, l.Save(t.Context(), cdc.State{SystemID: "another", LastEvent: cdc.Position{LSN: 7}}))
	require.Equal(t, published, last(), "events of another database have come since this one published: the listener has to know")

	// What was published has expired.
	states.values = nil
	s.forget(3)
	require.Equal(t, cdc.Last{}, last(), "nothing is remembered either")
	require.NoError(t, l.Save(t.Context(), cdc.State{SystemID: ev.SystemID, LastEvent: ev.Pos}))
	require.Equal(t, published, last())
}

// TestARelayThatIsClosed takes nothing, and says so.
func TestARelayThatIsClosed(t *testing.T) {
	t.Parallel()
	var states remembered
	s := newStreams(t, 0)
	r := s.relay(&states)
	for n := range uint32(2) { // before it was opened, and once it is closed
		require.ErrorIs(t, r.Publish(t.Context(), testEvent(1)), bus.ErrPublisherClosed)
		require.ErrorIs(t, r.Heartbeat(t.Context(), time.Unix(7, 0)), bus.ErrPublisherClosed)
		require.Zero(t, r.Durable())
		require.NoError(t, errors.Join(r.Err(), r.Unwritable()))
		require.Empty(t, states.order)

		_, err := r.Last(t.Context())
		require.NoError(t, err)
		s.publish(r, testEvent(n))
		r.Close()
	}
}

// TestAHeartbeatIsRemembered once the stream's server has answered.
func TestAHeartbeatIsRemembered(t *testing.T) {
	t.Parallel()
	var states remembered
	r := newStreams(t, 0).relay(&states)
	_, err := r.Last(t.Context())
	require.NoError(t, err)
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	require.NoError(t, r.Heartbeat(t.Context(), at))
	var beat Beat
	_, err = states.LoadState(t.Context(), HeartbeatKey, &beat)
	require.NoError(t, err)
	require.Equal(t, at, beat.SentAt)
}

// TestARowThatIsTooLargeIsLeftOut of its event; the next one has its own again. A trace goes
// along.
func TestARowThatIsTooLargeIsLeftOut(t *testing.T) {
	t.Parallel()
	s := newStreams(t, 4<<10)
	r := s.relay(&remembered{}).Traced(func(_ *cdc.Event, id string) string { return "trace of " + id })
	_, err := r.Last(t.Context())
	require.NoError(t, err)
	large, small := testEvent(1), testEvent(2)
	large.After = &cdc.Row{Columns: []cdc.Column{{Name: "note"}}, Values: []cdc.Value{{Kind: cdc.Text, Text: make([]byte, 8<<10)}}}
	s.publish(r, large, small)

	var bodies, traces []string
	require.NoError(t, s.Replay(t.Context(), bus.StreamContacts, bus.Range{}, func(m bus.Stored) error {
		bodies = append(bodies, string(m.Data))
		traces = append(traces, m.Header.Get(HeaderTrace))
		require.Equal(t, "trace of "+m.ID, traces[len(traces)-1])
		return nil
	}))
	require.Len(t, bodies, 2)
	require.Contains(t, bodies[0], `"before":null,"after":null`)
	require.NotNil(t, large.After, "the listener's own is as it was")
	require.Contains(t, bodies[1], `"after":{`)
}
