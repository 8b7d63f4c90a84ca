package status

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// TestWhatStandsStill between a stream and its consumer, and what only looks so. Nobody
// reads the stream, so the second look at a consumer that seems to stand still finds what
// the test's clock, its patience, makes of it.
func TestWhatStandsStill(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	_, err := b.PublishSync(t.Context(), bus.StreamContacts, bus.Message{Subject: bus.ContactSubject("update", "c"), ID: "1", Data: []byte("{}")})
	require.NoError(t, err)
	paused := syncer.NewGate(time.Hour, time.Hour)
	paused.Report(&metakocka.TransientError{Err: errors.New("no answer")})

	for name, c := range map[string]struct {
		durable string
		is      bus.Activity
		change  func(m *Monitor, s *Status)
		code    Code
		says    string
	}{
		"all is done":        {is: bus.Activity{Readers: 1, Quiet: time.Hour}},
		"it works":           {is: bus.Activity{Pending: 5, Readers: 1, Quiet: time.Second}},
		"one event for long": {is: bus.Activity{Longest: time.Minute}, code: ProblemWorkHangs, says: "the pusher has been working on one event for 1m0s"},
		"given out again and again": {
			is: bus.Activity{Stuck: time.Minute, Pending: 3, InFlight: 2, Readers: 1}, code: ProblemWorkStuck, says: "has got through with no event of the stream CRM_CONTACTS for 1m0s, though they are given out again and again: 3 wait, 2 are given out",
		},
		"what fails is given out again": {
			is: bus.Activity{Stuck: time.Minute, InFlight: 2, Readers: 1}, change: func(_ *Monitor, s *Status) { s.Failing = 1 },
		},
		"while MetaKocka is away": {is: bus.Activity{Stuck: time.Minute, Pending: 3, Quiet: time.Hour}, change: func(m *Monitor, _ *Status) { m.Gate = paused }},
		"nobody watches":          {is: bus.Activity{Stuck: time.Minute, Longest: time.Minute}, change: func(m *Monitor, _ *Status) { m.Heartbeat = 0 }},
		"a snapshot's contacts wait for a sweep": {
			durable: event.ConsumerPusherBulk, is: bus.Activity{Pending: 3, Quiet: time.Hour},
		},
		"it was an instant": {is: bus.Activity{Pending: 1, Quiet: time.Hour}, change: func(m *Monitor, _ *Status) { m.Patience = 50 * time.Minute }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, m := sound()
			m.Bus = b
			var s Status
			if c.change != nil {
				c.change(m, &s)
			}
			durable := event.ConsumerPusher
			if c.durable != "" {
				durable = c.durable
			}
			require.NoError(t, m.reaches(t.Context(), &s, bus.StreamContacts, durable, false, c.is))
			if c.code == "" {
				require.Empty(t, s.Problems)
				return
			}
			require.Len(t, s.Waiting, 1)
			require.Equal(t, c.code, s.Waiting[0].Code)
			require.Contains(t, s.Problems[0], c.says)
			require.Empty(t, s.NotReady, "it is not this process's work")

			s = Status{}
			require.NoError(t, m.reaches(t.Context(), &s, bus.StreamContacts, durable, true, c.is))
			require.Equal(t, c.code != ProblemWorkHangs, len(s.NotReady) > 0)
		})
	}
}

// TestNobodyTakesEvents is told from a process that took some and is not heard of: the first
// needs a role, the second a look at that process.
func TestNobodyTakesEvents(t *testing.T) {
	t.Parallel()
	b, js := newStreams(t)
	ctx, stop := context.WithCancel(t.Context())
	running := make(chan error, 1)
	worked := make(chan struct{})
	go func() {
		running <- b.Consume(ctx, bus.ConsumerConfig{Stream: bus.StreamContacts, Durable: event.ConsumerPusher, AckWait: time.Hour}, func(context.Context, *bus.Work) error {
			close(worked)
			return nil
		})
	}()
	publish := func(id string) {
		_, err := b.PublishSync(t.Context(), bus.StreamContacts, bus.Message{Subject: bus.ContactSubject("update", id), ID: id, Data: []byte("{}")})
		require.NoError(t, err)
	}
	publish("first")
	<-worked
	stop()
	require.NoError(t, <-running)
	publish("second")

	_, m := sound()
	m.Bus, m.Patience = b, time.Nanosecond
	said := func() string {
		a, err := b.Activity(t.Context(), bus.StreamContacts, event.ConsumerPusher)
		require.NoError(t, err)
		var s Status
		require.NoError(t, m.reaches(t.Context(), &s, bus.StreamContacts, event.ConsumerPusher, true, a))
		require.Len(t, s.Problems, 1)
		require.Equal(t, s.Problems, s.NotReady)
		return string(s.Waiting[0].Code) + " " + s.Problems[0]
	}
	require.Equal(t, "problem.no_worker nobody takes events out of the stream CRM_CONTACTS: no mksync with the role of the pusher runs", said())

	frozen, err := js.Consumer(t.Context(), bus.StreamContacts, event.ConsumerPusher)
	require.NoError(t, err)
	_, err = frozen.Next(jetstream.FetchMaxWait(waits.Stretch(10 * time.Second)))
	require.NoError(t, err)
	require.Regexp(t, `^problem.events_still events stand still between the stream CRM_CONTACTS and the pusher for \d+s: 0 wait, 1 are held by a process that is not heard of$`, said())
}

// TestWhatTheStreamsHold is shown, and what waits is never more than a stream holds.
func TestWhatTheStreamsHold(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	for n := range 3 {
		_, err := b.PublishSync(t.Context(), bus.StreamContacts, bus.Message{Subject: bus.ContactSubject("update", fmt.Sprint(n)), ID: fmt.Sprint(n), Data: []byte("{}")})
		require.NoError(t, err)
	}
	_, m := sound()
	m.Bus, m.Connected, m.Heartbeat = b, func() bool { return true }, 0
	m.Store = func() string { return "" }

	s := m.Status(t.Context())
	require.Empty(t, s.Problems)
	require.Equal(t, WorkStatus{Pending: 3}, s.Pusher, "two consumers that never ran have the same three before them")
	require.Equal(t, StreamStatus{Name: bus.StreamContacts, Messages: 3, FirstSeq: 1, LastSeq: 3}, s.Streams[0])
	require.Len(t, s.Streams, 3)

	m.Store = func() string { return "no space left on device" }
	s = m.Status(t.Context())
	require.Equal(t, []string{"the streams cannot be written to"}, s.NotReady)
	require.Equal(t, ProblemStreamsRefuse, s.Waiting[0].Code)
}

// newBus has the streams of a NATS server in this process.
func newBus(t *testing.T) *bus.Bus {
	t.Helper()
	b, _ := newStreams(t)
	return b
}

// newStreams are the streams, also as NATS has them.
func newStreams(t *testing.T) (*bus.Bus, jetstream.JetStream) {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	nc, err := bus.Connect(t.Context(), server.URL(), bus.ConnectOptions{})
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	b, err := bus.Open(t.Context(), nc, bus.DefaultConfig(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return b, js
}
