package bus

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// A stream that is full drops nothing that nobody has read: its publisher waits, others are
// refused, and both go on when what the consumers are through with is removed.
func TestAFullStreamDropsNothingUnread(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	cfg := DefaultConfig()
	cfg.ContactsMaxBytes, cfg.PartnersMaxBytes = 64<<10, 8<<10
	b, err := Open(t.Context(), s.connect(t), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)

	const all = 300 // of half a KiB, and more than twice what fits
	p, err := b.Publisher(t.Context(), StreamContacts, PublisherConfig{})
	require.NoError(t, err)
	defer p.Close()
	published := make(chan error, 1)
	go func() {
		for i := range all {
			m := event(i)
			m.Data = make([]byte, 512)
			if err := p.Publish(context.Background(), m); err != nil {
				published <- err
				return
			}
		}
		published <- p.Flush(context.Background())
	}()
	state := func() Consumed {
		c, err := b.Consumed(t.Context(), StreamContacts, "pusher")
		require.NoError(t, err)
		return c
	}
	eventually(t, func() bool { c := state(); return c.Bytes > c.MaxBytes/2 }, "the stream does not fill")
	full := state()
	require.EqualValues(t, 1, full.First)
	require.NoError(t, b.Trim(t.Context(), StreamContacts, full, full.UpTo["pusher"]))
	require.EqualValues(t, 1, state().First, "nobody has read it")

	var got calls
	consume(t, b, ConsumerConfig{}, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		return nil
	})
	eventually(t, func() bool {
		c := state()
		require.LessOrEqual(t, c.Bytes, c.MaxBytes)
		require.NoError(t, b.Trim(t.Context(), StreamContacts, c, c.UpTo["pusher"]))
		return got.deliveries() == all
	}, "publisher does not go on")
	require.NoError(t, <-published)
	for i, id := range ids(t, b, StreamContacts) {
		require.Equal(t, fmt.Sprint("e-", i+int(state().First)-1), id)
	}
	require.ErrorIs(t, p.Publish(t.Context(), Message{Subject: ContactSubject("update", "c"), ID: "large", Data: make([]byte, 40<<10)}), ErrTooLarge)

	var refused error
	for i := 0; refused == nil && i < 50; i++ {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, refused = b.PublishSync(ctx, StreamPartners, Message{Subject: PartnerSubject("changed", "1"), ID: fmt.Sprint(i), Data: make([]byte, 1024)})
		cancel()
	}
	require.ErrorContains(t, refused, "maximum bytes exceeded")
	require.Equal(t, "0", ids(t, b, StreamPartners)[0])
}

// TestTrimRemovesNoMoreThanIsInTheWay: only what is read, and never the newest, behind which
// the publisher goes on.
func TestTrimRemovesNoMoreThanIsInTheWay(t *testing.T) {
	b := newBus(t)
	for i := range 10 {
		publish(t, b, "a", fmt.Sprint(i))
	}
	for _, c := range []struct {
		maxBytes int64
		upTo     uint64 // all that was read
		first    uint64 // what is the oldest then
	}{
		{0, 10, 1},
		{2000, 10, 1}, // half full
		{1000, 0, 1},
		{1000, 2, 3},
		{1000, 10, 7},
		{10, 10, 10},
	} {
		require.NoError(t, b.Trim(t.Context(), StreamContacts, Consumed{First: 1, Last: 10, Messages: 10, Bytes: 1000, MaxBytes: c.maxBytes}, c.upTo))
		now, err := b.Consumed(t.Context(), StreamContacts, "pusher")
		require.NoError(t, err)
		require.Equal(t, []uint64{c.first, 10, 11 - c.first}, []uint64{now.First, now.Last, now.Messages}, "%+v", c)
		require.Zero(t, now.UpTo["pusher"], "it never ran")
	}
	pending, inFlight, err := b.ConsumerState(t.Context(), StreamContacts, "pusher")
	require.NoError(t, err)
	require.Equal(t, []uint64{1, 0}, []uint64{pending, inFlight}, "all that is left is before it")
}

// TestWhatIsNotCountedYetIsNotDone: the server says for a moment that nothing is pending for
// a consumer, though a message for it is stored. What it is not for counts as done.
func TestWhatIsNotCountedYetIsNotDone(t *testing.T) {
	b := newBus(t)
	publish(t, b, "a", "1")
	publish(t, b, "b", "2")
	_, err := b.PublishSync(t.Context(), StreamContacts, Message{Subject: ContactSubject("snapshot", "c"), ID: "3"})
	require.NoError(t, err)
	s, err := b.js.Stream(t.Context(), StreamContacts)
	require.NoError(t, err)

	info := &jetstream.ConsumerInfo{Config: jetstream.ConsumerConfig{FilterSubjects: []string{contactsPrefix + "insert.*", contactsPrefix + "update.*"}}}
	for _, c := range []struct {
		given      uint64
		unanswered int
		through    uint64
	}{{0, 0, 0}, {1, 0, 1}, {2, 0, 3}, {2, 1, 0}, {3, 0, 3}} {
		info.Delivered.Stream = c.given
		info.NumAckPending = c.unanswered
		got, err := through(t.Context(), s, info, 3)
		require.NoError(t, err)
		require.Equal(t, c.through, got, "%+v", c)
	}
}

// TestAPurgedMessageIsNoDuplicate: the server remembers ids for longer than what is purged,
// and who publishes the same again has to find it in the stream.
func TestAPurgedMessageIsNoDuplicate(t *testing.T) {
	b := newBus(t)
	first := publish(t, b, "a", "1")
	require.Equal(t, first, publish(t, b, "a", "1"), "the stream holds it")

	s, err := b.js.Stream(t.Context(), StreamContacts)
	require.NoError(t, err)
	for want := first + 1; want < first+3; want++ {
		require.NoError(t, s.Purge(t.Context()))
		require.Equal(t, want, publish(t, b, "a", "1"))
		require.Equal(t, want, publish(t, b, "a", "1"))
	}
}
