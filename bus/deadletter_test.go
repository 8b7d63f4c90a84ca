package bus

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// letters waits until n dead letters are listed, and counted, and returns them.
func letters(t *testing.T, b *Bus, n int) []DeadLetter {
	t.Helper()
	var out []DeadLetter
	eventually(t, func() bool {
		var err error
		out, err = b.DeadLetters(t.Context())
		counted, oldest, countErr := b.CountDeadLetters(t.Context())
		if err != nil || countErr != nil || len(out) != n || counted != n {
			return false
		}
		return n == 0 && oldest == nil || n > 0 && oldest != nil && oldest.Equal(out[0].Time)
	}, "dead letters")
	return out
}

func TestDeadLetterHoldsTheEvent(t *testing.T) {
	b := newBus(t)
	p := openPublisher(t, b, PublisherConfig{})
	m := event(3)
	require.NoError(t, p.Publish(t.Context(), m))
	require.NoError(t, p.Flush(t.Context()))
	consume(t, b, ConsumerConfig{}, func(context.Context, *Work) error {
		return Reject(coded.Say("note.x", "ERP: no such {what}", "country"))
	})
	l := letters(t, b, 1)[0]
	idle(t, b, "pusher")
	require.Equal(t, "pusher", l.Consumer)
	require.Equal(t, "c3", l.Key)
	require.Equal(t, coded.Say("note.x", "ERP: no such {what}", "country"), l.Reason)
	require.Equal(t, 1, l.Count)
	require.Equal(t, StreamContacts, l.Stream)
	require.EqualValues(t, 1, l.Seq)
	require.Equal(t, m.Subject, l.Subject)
	require.Equal(t, m.Data, l.Data)
	require.Equal(t, "e-3", l.Header.Get("ce-id"))
	require.Empty(t, l.Header.Get(nats.ExpectedLastSeqHdr))
	require.False(t, l.Time.IsZero())
}

// TestTheReasonOfAnEarlierLetterIsItsWords, also where an earlier version put a letter aside
// again that a later one had written.
func TestTheReasonOfAnEarlierLetterIsItsWords(t *testing.T) {
	t.Parallel()
	h := nats.Header{}
	setReason(h, coded.Say("note.x", "no such {what}", "country"))
	require.Equal(t, "note.x", reasonOf(h).Code)
	h.Set(headerReason, "another")
	require.Equal(t, coded.Earlier("another"), reasonOf(h))
	setReason(h, coded.Earlier("another"))
	require.Empty(t, h.Get(headerSaid))
}

func TestDeadLetterForEachKeyIsOne(t *testing.T) {
	b := newBus(t)
	consume(t, b, ConsumerConfig{}, func(context.Context, *Work) error { return Reject(coded.Words("no")) })
	publish(t, b, "a", "1")
	letters(t, b, 1)
	publish(t, b, "a", "2")
	eventually(t, func() bool {
		l, err := b.deadLetter(t.Context(), DeadLetterSubject("pusher", "a"))
		return err == nil && l.Seq == 2
	}, "second letter")
	publish(t, b, "b", "3")
	all := letters(t, b, 2)
	require.Equal(t, "a", all[0].Key)
	require.Equal(t, 2, all[0].Count)
	require.Equal(t, "b", all[1].Key)
}

func TestDeadLetterIsRetried(t *testing.T) {
	b := newBus(t)
	var got calls
	var wrong atomic.Bool
	wrong.Store(true)
	stop := consume(t, b, ConsumerConfig{}, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		if wrong.Load() {
			return Reject(coded.Words("no"))
		}
		return nil
	})
	publish(t, b, "a", "1")
	first := letters(t, b, 1)[0]
	idle(t, b, "pusher")

	require.NoError(t, b.RetryDeadLetter(t.Context(), first.ID))
	eventually(t, func() bool { return len(got.list()) == 2 }, "retry")
	second := letters(t, b, 1)[0]
	require.NotEqual(t, first.ID, second.ID, "refused again: a new letter")
	require.Equal(t, 1, second.Count, "of the same event")
	require.ErrorIs(t, b.RetryDeadLetter(t.Context(), first.ID), ErrNotFound)

	stop()
	wrong.Store(false)
	require.NoError(t, b.RetryDeadLetter(t.Context(), second.ID))
	consume(t, b, ConsumerConfig{}, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		return nil
	})
	eventually(t, func() bool { return len(got.list()) == 3 }, "retry waits for the consumer")
	letters(t, b, 0)
	for _, c := range got.list() {
		require.Equal(t, "a", c.key)
		require.Equal(t, []string{"1"}, c.ids)
		require.EqualValues(t, 1, c.ds[0].Sequence)
		require.Equal(t, ContactSubject("update", "a"), c.ds[0].Subject)
		require.Equal(t, []byte("1"), c.ds[0].Data)
		require.False(t, c.ds[0].Time.IsZero())
	}
	eventually(t, func() bool {
		st, err := b.StreamState(t.Context())
		return err == nil && st[2].Messages == 0
	}, "nothing is left behind")
}

func TestDeadLetterGoesWhenItsKeySucceeds(t *testing.T) {
	s := startServer(t)
	b, other := s.bus(t), s.bus(t)
	stop := consume(t, b, ConsumerConfig{}, func(context.Context, *Work) error { return Reject(coded.Words("no")) })
	publish(t, b, "a", "1")
	publish(t, b, "b", "2")
	letters(t, b, 2)
	idle(t, b, "pusher")
	stop()
	consume(t, other, ConsumerConfig{}, func(context.Context, *Work) error { return nil })
	eventually(t, func() bool {
		publish(t, b, "a", "")
		all, err := b.DeadLetters(t.Context())
		return err == nil && len(all) == 1 && all[0].Key == "b"
	}, "letter of a stays")
}

// The server miscounts what a reader has left to read while others are purged.
func TestDeadLettersAreListedWhileOthersGo(t *testing.T) {
	b := newBus(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	put := func(key string) error {
		m := Message{Subject: DeadLetterSubject("pusher", key), Header: nats.Header{headerReason: {"no"}}}
		_, err := b.PublishSync(ctx, StreamDeadLetters, m)
		return err
	}
	for i := range 100 {
		require.NoError(t, errors.Join(put("a"), put("b"), put("c")))
		changed := make(chan error, 1)
		go func() {
			time.Sleep(time.Duration(i%20) * 100 * time.Microsecond) // at another moment of the listing each time
			changed <- errors.Join(b.purgeDeadLetter(ctx, DeadLetterSubject("pusher", "a")), put("b"))
		}()
		all, err := b.DeadLetters(ctx)
		require.NoError(t, err)
		keys := map[string]int{}
		for _, l := range all {
			keys[l.Key]++
		}
		delete(keys, "a")
		require.Equal(t, map[string]int{"b": 1, "c": 1}, keys)
		require.NoError(t, <-changed)
	}
}

func TestDeadLetterReasonIsOneBoundedHeader(t *testing.T) {
	b := newBus(t)
	consume(t, b, ConsumerConfig{}, func(_ context.Context, w *Work) error {
		if w.Key == "none" {
			return Reject(coded.Words(""))
		}
		return Reject(coded.Words("first line\r\nMksync-Count: 99\n" + strings.Repeat("č", maxReason)))
	})
	publish(t, b, "none", "1")
	publish(t, b, "long", "2")
	for _, l := range letters(t, b, 2) {
		require.NotEmpty(t, l.Reason.String())
		require.NotContains(t, l.Reason.String(), "\n")
		require.LessOrEqual(t, len(l.Reason.String()), maxReason+3)
		require.True(t, utf8.ValidString(l.Reason.String()))
		require.Equal(t, 1, l.Count)
	}
}

func TestDeadLetterOfALargeEvent(t *testing.T) {
	b := newBus(t)
	large := Message{Subject: ContactSubject("update", "a"), Data: make([]byte, b.nc.MaxPayload()-100)}
	_, err := b.PublishSync(t.Context(), StreamContacts, large)
	require.NoError(t, err)
	consume(t, b, ConsumerConfig{}, func(context.Context, *Work) error { return Reject(coded.Words("no")) })
	l := letters(t, b, 1)[0]
	require.Equal(t, "a", l.Key)
	require.Empty(t, l.Data)
}

func TestListingLettersEndsWhileTheyAreRemoved(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	ctx := waits.Context(t, 10*time.Second)
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 100 && err == nil; i++ {
			key := strconv.Itoa(i % 3)
			_, err = b.PublishSync(ctx, StreamDeadLetters, Message{Subject: DeadLetterSubject("pusher", key)})
			err = errors.Join(err, b.purgeDeadLetter(ctx, DeadLetterSubject("pusher", key)))
		}
		done <- err
	}()
	for {
		_, err := b.DeadLetters(ctx)
		require.NoError(t, err)
		select {
		case err := <-done:
			require.NoError(t, err)
			return
		default:
		}
	}
}

// What a handler puts aside under a lock does not outlast the success of whoever has
// the lock next.
func TestALetterPutAsideInTimeGoesWithTheNextSuccess(t *testing.T) {
	b := newBus(t)
	consume(t, b, ConsumerConfig{}, func(ctx context.Context, w *Work) error {
		if err := w.PutAside(ctx, coded.Words("no")); err != nil {
			return err
		}
		if w.Key == "a" {
			b.ForgetContact(t.Context(), w.Key) // somebody else succeeds
		}
		return Reject(coded.Words("no"))
	})
	publish(t, b, "a", "1")
	publish(t, b, "b", "2")
	idle(t, b, "pusher")
	left := letters(t, b, 1)[0]
	require.Equal(t, []any{"b", "no", 1}, []any{left.Key, left.Reason.String(), left.Count})
}

// A success under a lock is not the last word: what is put aside after it stays.
func TestALetterPutAsideAfterASuccessStays(t *testing.T) {
	b := newBus(t)
	consume(t, b, ConsumerConfig{}, func(ctx context.Context, w *Work) error {
		b.ForgetContact(ctx, w.Key)
		w.Forgot(w.Key)
		other := &Work{Key: w.Key, Deliveries: w.Deliveries, c: &consumption{b: b, cfg: ConsumerConfig{Durable: "other", Stream: StreamContacts}}}
		return other.PutAside(t.Context(), coded.Words("no")) // somebody else cannot
	})
	publish(t, b, "a", "1")
	idle(t, b, "pusher")
	require.Equal(t, "other", letters(t, b, 1)[0].Consumer)
}

// TestDeadLettersOfAContactAreNotThePartners: one id may be a contact's and a partner's.
func TestDeadLettersOfAContactAreNotThePartners(t *testing.T) {
	b := newBus(t)
	for _, cfg := range []ConsumerConfig{{}, {Stream: StreamPartners, Durable: "puller"}} {
		consume(t, b, cfg, func(context.Context, *Work) error { return Reject(coded.Words("no")) })
	}
	publish(t, b, "7", "1")
	_, err := b.PublishSync(t.Context(), StreamPartners, Message{Subject: PartnerSubject("changed", "7"), ID: "2", Data: []byte("2")})
	require.NoError(t, err)
	letters(t, b, 2)
	b.ForgetContact(t.Context(), "7")
	require.Equal(t, "puller", letters(t, b, 1)[0].Consumer)
	b.ForgetPartner(t.Context(), "7")
	letters(t, b, 0)
}
