package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/waits"
)

// call is one call of a handler.
type call struct {
	key string
	ids []string
	ds  []Delivery
	at  time.Time
}

// calls collects what a handler got.
type calls struct {
	mu  sync.Mutex
	all []call
}

func (c *calls) add(key string, ds []Delivery) {
	one := call{key: key, ds: ds, at: time.Now()}
	for _, d := range ds {
		one.ids = append(one.ids, d.ID)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, one)
}

func (c *calls) list() []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]call(nil), c.all...)
}

func (c *calls) deliveries() (n int) {
	for _, one := range c.list() {
		n += len(one.ids)
	}
	return n
}

// idle waits until a consumer has begun and has nothing left to do.
func idle(t *testing.T, b *Bus, durable string) {
	t.Helper()
	eventually(t, func() bool {
		c, err := b.js.Consumer(t.Context(), b.names.Stream(StreamContacts), b.names.durable(durable))
		if err != nil {
			return false
		}
		through, err := b.Consumed(t.Context(), StreamContacts, durable)
		return err == nil && c.CachedInfo().Delivered.Consumer > 0 && through.UpTo[durable] == through.Last
	}, "consumer does not become idle")
}

// TestAPanicIsAnErrorOfItsMessages: they come again, and the others go on.
func TestAPanicIsAnErrorOfItsMessages(t *testing.T) {
	b := newBus(t)
	publish(t, b, "bad", "1")
	publish(t, b, "good", "2")
	var got calls
	consume(t, b, ConsumerConfig{MinBackoff: time.Millisecond}, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		if w.Key == "bad" && w.Deliveries[0].Attempts == 1 {
			panic("out of range")
		}
		return nil
	})
	eventually(t, func() bool { return got.deliveries() == 3 }, "the panic is not tried again")
}

func TestConsumeOneKeyAtATimeAndKeysInParallel(t *testing.T) {
	b := newBus(t)
	const keys, each = 5, 40
	for i := range keys * each {
		publish(t, b, fmt.Sprint("k", i%keys), fmt.Sprint(i))
	}
	var got calls
	var busy [keys]atomic.Int32
	var parallel atomic.Int32
	all := make(chan struct{})
	consume(t, b, ConsumerConfig{Workers: 3, MaxPending: 20}, func(_ context.Context, w *Work) error {
		require.EqualValues(t, 1, busy[w.Key[1]-'0'].Add(1), "two handlers have one key")
		if parallel.Add(1) == 3 {
			close(all)
		}
		if _, together := waits.Within(patience, all); !together {
			t.Error("keys are not worked on in parallel")
		}
		got.add(w.Key, w.Deliveries)
		runtime.Gosched()
		busy[w.Key[1]-'0'].Add(-1)
		return nil
	})
	idle(t, b, "pusher")
	require.Equal(t, keys*each, got.deliveries())
	last := map[string]uint64{}
	for _, c := range got.list() {
		for _, d := range c.ds {
			require.Greater(t, d.Sequence, last[c.key], "order within a key")
			last[c.key] = d.Sequence
			require.EqualValues(t, 1, d.Attempts)
		}
	}
}

func TestConsumeCoalescesWhatWaits(t *testing.T) {
	b := newBus(t)
	var got calls
	first, release := make(chan struct{}, 1), make(chan struct{})
	consume(t, b, ConsumerConfig{Workers: 2}, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		if w.Deliveries[0].ID == "0" {
			first <- struct{}{}
			<-release
		}
		return nil
	})
	publish(t, b, "a", "0")
	<-first
	for i := 1; i <= 50; i++ {
		publish(t, b, "a", fmt.Sprint(i))
	}
	publish(t, b, "b", "other")
	eventually(t, func() bool { return len(got.list()) == 2 }, "other key is held up")
	eventually(t, func() bool {
		pending, inFlight, err := b.ConsumerState(t.Context(), StreamContacts, "pusher")
		return err == nil && pending == 0 && inFlight == 51
	}, "events are not taken in")
	close(release)
	idle(t, b, "pusher")
	all := got.list()
	require.Len(t, all, 3)
	require.Len(t, all[2].ids, 50)
	require.Equal(t, "1", all[2].ids[0])
	require.Equal(t, "50", all[2].ids[49])
}

func TestConsumeRetries(t *testing.T) {
	b := newBus(t)
	var got calls
	consume(t, b, ConsumerConfig{MinBackoff: 20 * time.Millisecond}, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		switch {
		case w.Key == "asked" && w.Deliveries[0].Attempts == 1:
			return Retry(300*time.Millisecond, errors.New("busy"))
		case w.Key == "plain" && w.Deliveries[0].Attempts <= 3:
			return errors.New("broken")
		}
		return nil
	})
	publish(t, b, "asked", "1")
	publish(t, b, "plain", "2")
	idle(t, b, "pusher")
	at := map[string][]time.Time{}
	for _, c := range got.list() {
		at[c.key] = append(at[c.key], c.at)
	}
	require.Len(t, at["asked"], 2)
	require.GreaterOrEqual(t, at["asked"][1].Sub(at["asked"][0]), 300*time.Millisecond)
	require.Len(t, at["plain"], 4)
	require.GreaterOrEqual(t, at["plain"][3].Sub(at["plain"][2]), 72*time.Millisecond, "delays grow")
}

func TestConsumeGathersRetriedEvents(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	for i := range 30 {
		publish(t, b, "a", fmt.Sprint(i))
	}
	var got calls
	var failures atomic.Int32
	consume(t, b, ConsumerConfig{MinBackoff: 30 * time.Millisecond}, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		if failures.Add(1) <= 4 {
			return errors.New("not yet")
		}
		return nil
	})
	idle(t, b, "pusher")
	require.Less(t, len(got.list()), 30, "a call for each round, or a few where the server is slow, not for each of 150 attempts")
}

func TestBackoff(t *testing.T) {
	cfg, err := ConsumerConfig{Stream: StreamContacts, Durable: "d"}.withDefaults()
	require.NoError(t, err)
	c := &consumption{cfg: cfg}
	for attempts, want := range map[uint64]time.Duration{0: time.Second, 1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 9: 256 * time.Second, 10: 5 * time.Minute, 1 << 60: 5 * time.Minute} {
		got := c.backoff([]Delivery{{Attempts: attempts}, {Attempts: 1}})
		require.LessOrEqual(t, got, want)
		require.GreaterOrEqual(t, got, want*9/10-time.Nanosecond)
	}
}

func TestConsumeStopsCleanly(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	release, seen := make(chan struct{}), make(chan string, 12)
	var handled calls
	var handlerErr error
	stop := consume(t, b, ConsumerConfig{Workers: 2}, func(ctx context.Context, w *Work) error {
		seen <- w.Key
		if w.Key == "a" {
			<-release
			handlerErr = ctx.Err()
			handled.add(w.Key, w.Deliveries)
		}
		return nil
	})
	publish(t, b, "a", "1")
	require.Equal(t, "a", <-seen)
	for i := range 10 {
		publish(t, b, "a", fmt.Sprint("waits-", i))
	}
	publish(t, b, "z", "last")
	require.Equal(t, "z", <-seen, "events come in order: those before it are held now")
	time.AfterFunc(20*time.Millisecond, func() { close(release) })
	stop()
	require.NoError(t, handlerErr, "a running handler finishes within the grace time")
	require.Equal(t, 1, handled.deliveries())

	var got calls
	began := waits.Start()
	consume(t, b, ConsumerConfig{}, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		return nil
	})
	idle(t, b, "pusher")
	require.Less(t, began.Elapsed(), 20*time.Second, "what waited was given back at once, not after the 30s of an acknowledgement")
	require.Equal(t, 10, got.deliveries())
	require.Equal(t, "waits-0", got.list()[0].ids[0])
}

func TestConsumeEndsHandlersAfterTheGraceTime(t *testing.T) {
	b := newBus(t)
	started := make(chan struct{}, 1)
	stop := consume(t, b, ConsumerConfig{Grace: 10 * time.Millisecond}, func(ctx context.Context, _ *Work) error {
		started <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	publish(t, b, "a", "1")
	<-started
	stop()
	_, inFlight, err := b.ConsumerState(t.Context(), StreamContacts, "pusher")
	require.NoError(t, err)
	require.EqualValues(t, 1, inFlight)
}

func TestConsumeAgainAfterAKill(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b, killed := s.bus(t), s.bus(t)
	publish(t, b, "a", "1")
	started := make(chan struct{}, 1)
	done := make(chan error, 1)
	hang, cancel := context.WithCancel(context.Background())
	cfg := ConsumerConfig{Stream: StreamContacts, Durable: "pusher", AckWait: 300 * time.Millisecond}
	go func() {
		done <- killed.Consume(context.Background(), cfg, func(context.Context, *Work) error {
			started <- struct{}{}
			<-hang.Done()
			return nil
		})
	}()
	<-started
	killed.nc.Close()

	var got calls
	consume(t, b, cfg, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		return nil
	})
	eventually(t, func() bool { return got.deliveries() == 1 }, "event is lost")
	require.EqualValues(t, 2, got.list()[0].ds[0].Attempts)
	cancel()
	require.Error(t, <-done, "a closed connection ends Consume")
}

func TestConsumeKeepsMessagesInProgress(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	var got calls
	started, release := make(chan struct{}, 10), make(chan struct{})
	wait := min(waits.Stretch(200*time.Millisecond), 3*time.Second) // a busy machine says late that it is at work
	consume(t, b, ConsumerConfig{Workers: 1, AckWait: wait}, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		started <- struct{}{}
		<-release
		return nil
	})
	publish(t, b, "a", "1")
	<-started
	publish(t, b, "b", "2")
	time.AfterFunc(4*wait, func() { close(release) })
	<-release
	idle(t, b, "pusher")
	require.Equal(t, 2, got.deliveries())
	c, err := b.js.Consumer(t.Context(), StreamContacts, "pusher")
	require.NoError(t, err)
	require.EqualValues(t, 2, c.CachedInfo().Delivered.Consumer, "each is given out once")
}

func TestConsumeSurvivesServerRestart(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := s.bus(t)
	seen := sync.Map{}
	consume(t, b, ConsumerConfig{AckWait: time.Second}, func(_ context.Context, w *Work) error {
		for _, d := range w.Deliveries {
			seen.Store(d.ID, true)
		}
		return nil
	})
	for round := range 2 {
		for i := range 50 {
			publish(t, b, fmt.Sprint("k", i%9), fmt.Sprint(round, "-", i))
		}
		if round == 0 {
			s.restart(t)
			eventually(t, b.nc.IsConnected, "connection does not come back")
		}
	}
	for round := range 2 {
		for i := range 50 {
			eventually(t, func() bool {
				_, ok := seen.Load(fmt.Sprint(round, "-", i))
				return ok
			}, fmt.Sprintf("event %d-%d is lost", round, i))
		}
	}
	idle(t, b, "pusher")
}

func TestConsumeSurvivesDeletedConsumerAndStream(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	var got calls
	consume(t, b, ConsumerConfig{}, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		return nil
	})
	publish(t, b, "a", "1")
	eventually(t, func() bool { return got.deliveries() == 1 }, "first event")
	require.NoError(t, b.js.DeleteConsumer(t.Context(), StreamContacts, "pusher"))
	eventually(t, func() bool { return got.deliveries() >= 2 }, "a new consumer begins anew")
	require.NoError(t, b.js.DeleteStream(t.Context(), StreamContacts))
	eventually(t, func() bool {
		_, err := b.js.Consumer(t.Context(), StreamContacts, "pusher")
		return err == nil
	}, "stream is not made again")
	before := got.deliveries()
	publish(t, b, "a", "2")
	eventually(t, func() bool { return got.deliveries() > before }, "event after the loss")
}

func TestConsumeWaitsAtTheGate(t *testing.T) {
	b := newBus(t)
	open := make(chan struct{})
	var got calls
	cfg := ConsumerConfig{AckWait: 200 * time.Millisecond, Gate: func(ctx context.Context) error {
		select {
		case <-open:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	h := func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		return nil
	}
	stop := consume(t, b, cfg, h)
	for i := range 5 {
		publish(t, b, "a", fmt.Sprint(i))
	}
	eventually(t, func() bool {
		_, inFlight, err := b.ConsumerState(t.Context(), StreamContacts, "pusher")
		return err == nil && inFlight == 5
	}, "intake")
	require.Zero(t, got.deliveries())
	stop()
	close(open)
	consume(t, b, cfg, h)
	idle(t, b, "pusher")
	require.Equal(t, 5, got.deliveries())

	broken := errors.New("gate is broken")
	err := b.Consume(t.Context(), ConsumerConfig{Stream: StreamContacts, Durable: "other", Gate: func(context.Context) error { return broken }}, h)
	require.ErrorIs(t, err, broken)
}

func TestConsumeFilters(t *testing.T) {
	b := newBus(t)
	var got calls
	for _, op := range []string{"insert", "delete", "update"} {
		_, err := b.PublishSync(t.Context(), StreamContacts, Message{Subject: ContactSubject(op, "a b.c")})
		require.NoError(t, err)
	}
	consume(t, b, ConsumerConfig{Filters: []string{"crm.contacts.insert.*", "crm.contacts.delete.*"}}, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		return nil
	})
	idle(t, b, "pusher")
	require.Equal(t, 2, got.deliveries())
	require.Equal(t, "a b.c", got.list()[0].key)
}

func TestConsumeRefusesBadConfig(t *testing.T) {
	b := newBus(t)
	require.ErrorIs(t, b.Consume(t.Context(), ConsumerConfig{Stream: StreamContacts, Durable: "a.b"}, nil), errBadConsumer)
	require.ErrorIs(t, b.Consume(t.Context(), ConsumerConfig{Durable: "a"}, nil), errBadConsumer)
}
