package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/waits"
)

func openPublisher(t *testing.T, b *Bus, cfg PublisherConfig) *Publisher {
	t.Helper()
	p, err := b.Publisher(t.Context(), StreamContacts, cfg)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

func TestPublisherKeepsOrder(t *testing.T) {
	b := newBus(t)
	p := openPublisher(t, b, PublisherConfig{MaxMessages: 64})
	const n = 3000
	var want []string
	for i := range n {
		m := event(i)
		require.NoError(t, p.Publish(t.Context(), m))
		want = append(want, m.ID)
	}
	require.NoError(t, p.Flush(t.Context()))
	require.EqualValues(t, n, p.Acked())
	require.Equal(t, want, ids(t, b, StreamContacts))

	last, found, err := b.Last(t.Context(), StreamContacts)
	require.NoError(t, err)
	require.True(t, found)
	require.EqualValues(t, n, last.Sequence)
	require.Equal(t, want[n-1], last.ID)
	require.Equal(t, event(n-1).Data, last.Data)
	require.Equal(t, want[n-1], last.Header.Get("ce-id"))
}

func TestPublisherRefusesWithoutSending(t *testing.T) {
	p := openPublisher(t, newBus(t), PublisherConfig{})
	require.ErrorIs(t, p.Publish(t.Context(), Message{Subject: "crm.contacts.truncate"}), ErrNoMessageID)
	big := event(1)
	big.Data = []byte(strings.Repeat("x", 9<<20))
	require.ErrorIs(t, p.Publish(t.Context(), big), ErrTooLarge)
	require.NoError(t, p.Publish(t.Context(), event(2)))
	require.NoError(t, p.Flush(t.Context()))
	require.EqualValues(t, 1, p.Acked())
	p.Close()
	require.ErrorIs(t, p.Publish(t.Context(), event(3)), ErrPublisherClosed)
	require.ErrorIs(t, p.Flush(t.Context()), ErrPublisherClosed)
}

// silent plays a stream that acknowledges only when told.
type silent struct {
	nc   *nats.Conn
	sub  *nats.Subscription
	seqs int
}

func newSilent(t *testing.T) (*silent, *nats.Conn) {
	t.Helper()
	s := startServer(t)
	nc := s.connect(t)
	sub, err := nc.SubscribeSync("silent")
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	return &silent{nc: nc, sub: sub}, s.connect(t)
}

func (s *silent) received(t *testing.T, n int) []*nats.Msg {
	t.Helper()
	var out []*nats.Msg
	for range n {
		m, err := s.sub.NextMsg(waits.Stretch(patience))
		require.NoError(t, err)
		out = append(out, m)
	}
	return out
}

func (s *silent) ack(t *testing.T, ms ...*nats.Msg) {
	t.Helper()
	for _, m := range ms {
		s.seqs++
		require.NoError(t, m.Respond(fmt.Appendf(nil, `{"stream":"S","seq":%d}`, s.seqs)))
	}
}

func silentMessage(n int) Message { return Message{Subject: "silent", ID: fmt.Sprint(n)} }

func TestPublisherWindowIsBounded(t *testing.T) {
	s, nc := newSilent(t)
	p, err := newPublisher(nc, "S", Stored{}, false, PublisherConfig{MaxMessages: 4}.withDefaults())
	require.NoError(t, err)
	defer p.Close()
	shared := nats.Header{"ce-type": {"any"}}
	for i := range 4 {
		m := silentMessage(i)
		m.Header = shared
		require.NoError(t, p.Publish(t.Context(), m))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Publish(ctx, silentMessage(4)), context.DeadlineExceeded)

	ms := s.received(t, 4)
	require.Equal(t, "0", ms[0].Header.Get(nats.ExpectedLastSeqHdr))
	require.Empty(t, ms[0].Header.Get(nats.ExpectedLastMsgIdHdr))
	require.Empty(t, ms[3].Header.Get(nats.ExpectedLastSeqHdr), "what an earlier message needed is not left in a header that is used again")
	require.Equal(t, "2", ms[3].Header.Get(nats.ExpectedLastMsgIdHdr))
	require.Equal(t, "3", ms[3].Header.Get(nats.MsgIdHdr))
	require.Equal(t, "any", ms[3].Header.Get("ce-type"))

	blocked := make(chan error, 1)
	go func() { blocked <- p.Publish(context.Background(), silentMessage(4)) }()
	s.ack(t, ms[0])
	require.NoError(t, <-blocked)
	require.EqualValues(t, 1, p.Acked())
	s.ack(t, append(ms[1:], s.received(t, 1)...)...)
	require.NoError(t, p.Flush(t.Context()))
	require.EqualValues(t, 5, p.Acked())
}

func TestPublisherWindowIsBoundedInBytes(t *testing.T) {
	s, nc := newSilent(t)
	p, err := newPublisher(nc, "S", Stored{}, false, PublisherConfig{MaxBytes: 2000}.withDefaults())
	require.NoError(t, err)
	defer p.Close()
	large := silentMessage(0)
	large.Data = make([]byte, 3000)
	require.NoError(t, p.Publish(t.Context(), large), "a larger one goes alone")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Publish(ctx, silentMessage(1)), context.DeadlineExceeded)
	s.ack(t, s.received(t, 1)...)
	require.NoError(t, p.Publish(t.Context(), silentMessage(1)))
}

func TestPublisherBreaksWithoutAcknowledgement(t *testing.T) {
	_, nc := newSilent(t)
	p, err := newPublisher(nc, "S", Stored{}, false, PublisherConfig{AckTimeout: 50 * time.Millisecond}.withDefaults())
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Publish(t.Context(), silentMessage(1)))
	err = p.Flush(t.Context())
	require.ErrorIs(t, err, ErrPublisherBroken)
	require.ErrorIs(t, err, ErrAckTimeout)
	require.ErrorIs(t, p.Publish(t.Context(), silentMessage(2)), ErrPublisherBroken)
}

func TestPublisherBreaksOnAnswers(t *testing.T) {
	tests := map[string]struct {
		answer string
		want   error
	}{
		"other stream":        {`{"stream":"T","seq":1}`, errBadAck},
		"sequence not ours":   {`{"stream":"S","seq":9}`, errBadAck},
		"duplicate elsewhere": {`{"stream":"S","seq":7,"duplicate": true}`, ErrDuplicate},
		"garbage":             {`<html>`, errBadAck},
		"empty":               {``, errBadAck},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, nc := newSilent(t)
			p, err := newPublisher(nc, "S", Stored{}, false, PublisherConfig{}.withDefaults())
			require.NoError(t, err)
			defer p.Close()
			require.NoError(t, p.Publish(t.Context(), silentMessage(1)))
			require.NoError(t, s.received(t, 1)[0].Respond([]byte(tt.answer)))
			err = p.Flush(t.Context())
			require.ErrorIs(t, err, ErrPublisherBroken)
			require.ErrorIs(t, err, tt.want)
		})
	}
}

func TestPublisherTakesDuplicateAtItsOwnPlace(t *testing.T) {
	s, nc := newSilent(t)
	p, err := newPublisher(nc, "S", Stored{Sequence: 41}, true, PublisherConfig{}.withDefaults())
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Publish(t.Context(), silentMessage(1)))
	m := s.received(t, 1)[0]
	require.Equal(t, "41", m.Header.Get(nats.ExpectedLastSeqHdr))
	require.NoError(t, m.Respond([]byte(`{"stream":"S","domain":"d","seq":42,"duplicate": true}`)))
	require.NoError(t, p.Flush(t.Context()))
}

// A stranger's message in the place of ours would make the sequence right for the message behind
// ours: that one would be stored and ours be missing.
func TestPublisherLeavesNoGapBehindAStranger(t *testing.T) {
	b := newBus(t)
	p := openPublisher(t, b, PublisherConfig{})
	require.NoError(t, p.Publish(t.Context(), event(1)))
	require.NoError(t, p.Flush(t.Context()))
	publish(t, b, "stranger", "stranger")
	for i := 2; i < 10; i++ {
		if err := p.Publish(t.Context(), event(i)); err != nil {
			require.ErrorIs(t, err, ErrPublisherBroken)
			break
		}
	}
	err := p.Flush(t.Context())
	require.ErrorIs(t, err, ErrPublisherBroken)
	var refused *AckError
	require.ErrorAs(t, err, &refused)
	require.NoError(t, b.nc.Flush())
	require.Equal(t, []string{"e-1", "stranger"}, ids(t, b, StreamContacts))
	require.EqualValues(t, 1, p.Acked())
}

func TestSecondPublisherBreaksTheFirst(t *testing.T) {
	b := newBus(t)
	first, second := openPublisher(t, b, PublisherConfig{}), openPublisher(t, b, PublisherConfig{})
	require.NoError(t, second.Publish(t.Context(), event(1)))
	require.NoError(t, second.Flush(t.Context()))
	require.NoError(t, first.Publish(t.Context(), event(100)))
	require.ErrorIs(t, first.Flush(t.Context()), ErrPublisherBroken)
	require.NoError(t, second.Publish(t.Context(), event(2)))
	require.NoError(t, second.Flush(t.Context()))
	require.Equal(t, []string{"e-1", "e-2"}, ids(t, b, StreamContacts))
}

func TestPublisherBreaksOnRepeatedID(t *testing.T) {
	p := openPublisher(t, newBus(t), PublisherConfig{})
	require.NoError(t, p.Publish(t.Context(), event(1)))
	require.NoError(t, p.Publish(t.Context(), event(1)))
	require.ErrorIs(t, p.Flush(t.Context()), ErrDuplicate)
	require.EqualValues(t, 1, p.Acked())
}

func TestLastOfStreams(t *testing.T) {
	b := newBus(t)
	last, found, err := b.Last(t.Context(), StreamPartners)
	require.NoError(t, err)
	require.False(t, found)
	require.Zero(t, last.Sequence)

	p := openPublisher(t, b, PublisherConfig{})
	require.NoError(t, p.Publish(t.Context(), event(1)))
	require.NoError(t, p.Flush(t.Context()))
	s, err := b.js.Stream(t.Context(), StreamContacts)
	require.NoError(t, err)
	require.NoError(t, s.Purge(t.Context()))

	p = openPublisher(t, b, PublisherConfig{})
	last, found = p.Last()
	require.False(t, found, "its message is gone")
	require.EqualValues(t, 1, last.Sequence)
	require.NoError(t, p.Publish(t.Context(), event(2)))
	require.NoError(t, p.Flush(t.Context()))
}

// relay publishes events 0..n-1 as the listener does: after each break it opens a new
// publisher and goes on behind the newest of its own events in the stream.
func relay(ctx context.Context, b *Bus, n int, step func(i int)) error {
	for ctx.Err() == nil {
		err := relayOnce(ctx, b, n, step)
		if err == nil {
			return nil
		}
	}
	return ctx.Err()
}

func relayOnce(ctx context.Context, b *Bus, n int, step func(i int)) error {
	short, cancel := context.WithTimeout(ctx, waits.Stretch(time.Second))
	defer cancel()
	p, err := b.Publisher(short, StreamContacts, PublisherConfig{MaxMessages: 100, AckTimeout: waits.Stretch(time.Second)})
	if err != nil {
		return err
	}
	defer p.Close()
	next, err := nextOf(short, b, p)
	if err != nil {
		return err
	}
	for i := next; i < n; i++ {
		step(i)
		if err := p.Publish(ctx, event(i)); err != nil {
			return err
		}
	}
	return p.Flush(ctx)
}

// nextOf returns the number behind the newest of our events up to the publisher's start.
func nextOf(ctx context.Context, b *Bus, p *Publisher) (next int, err error) {
	last, _ := p.Last()
	err = b.Replay(ctx, StreamContacts, Range{}, func(m Stored) error {
		if i, ok := eventNumber(m.ID); ok && m.Sequence <= last.Sequence {
			next = i + 1
		}
		return nil
	})
	return next, err
}

func eventNumber(id string) (i int, ok bool) {
	_, err := fmt.Sscanf(id, "e-%d", &i)
	return i, err == nil
}

// requireWhole checks that the stream holds our events 0..n-1 once each, in order.
func requireWhole(t *testing.T, b *Bus, n int) {
	t.Helper()
	next := 0
	for _, id := range ids(t, b, StreamContacts) {
		if i, ok := eventNumber(id); ok {
			require.Equal(t, next, i, "gap or double")
			next++
		}
	}
	require.Equal(t, n, next)
}

func TestRelaySurvivesServerRestarts(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := s.bus(t)
	const n = 4000
	ctx := waits.Context(t, patience)
	restarts := make(chan struct{}, 2)
	done := make(chan error, 1)
	go func() {
		told := map[int]bool{}
		done <- relay(ctx, b, n, func(i int) {
			if (i == 1000 || i == 2500) && !told[i] {
				told[i] = true
				restarts <- struct{}{}
			}
		})
	}()
	for range 2 {
		<-restarts
		s.restart(t)
	}
	require.NoError(t, <-done)
	requireWhole(t, b, n)
}

func TestRelaySurvivesStrangersAndDeletedStream(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b, other := s.bus(t), s.bus(t)
	const n = 2000
	ctx := waits.Context(t, patience)
	seen := map[int]bool{}
	strangers := 0
	err := relay(ctx, b, n, func(i int) {
		if i%300 != 150 || seen[i] {
			return
		}
		seen[i] = true
		if i == 750 {
			require.NoError(t, other.js.DeleteStream(ctx, StreamContacts))
			return
		}
		strangers++
		_, err := other.PublishSync(ctx, StreamContacts, Message{Subject: ContactSubject("x", "y"), ID: fmt.Sprint("stranger-", i)})
		require.True(t, err == nil || errors.Is(err, nats.ErrNoResponders), err)
	})
	require.NoError(t, err)
	require.Positive(t, strangers)
	requireWhole(t, b, n)
}

func TestPublisherBreaksOnLostConnection(t *testing.T) {
	s := startServer(t)
	b := s.bus(t)
	p := openPublisher(t, b, PublisherConfig{})
	require.NoError(t, p.Publish(t.Context(), event(1)))
	require.NoError(t, p.Flush(t.Context()))
	b.nc.Close()
	require.ErrorIs(t, p.Publish(t.Context(), event(2)), ErrPublisherBroken)
}
