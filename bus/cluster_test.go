package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// clusterBus is a bus with streams of three copies, on a cluster of its own.
func clusterBus(t *testing.T) *Bus {
	t.Helper()
	b, _ := busOnCluster(t)
	return b
}

func busOnCluster(t *testing.T) (*Bus, *natsserver.Cluster) {
	t.Helper()
	c := natsserver.StartCluster(t)
	nc, err := Connect(t.Context(), strings.Join(c.URLs(), ","), ConnectOptions{})
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	cfg := DefaultConfig()
	cfg.Replicas = 3
	b, err := Open(t.Context(), nc, cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return b, c
}

// On a consumer of several copies the end of a request overtakes its messages. A backlog
// of full requests, limited by their number and by their size, is read all the same, each
// message once.
func TestConsumeABacklogOfThreeCopies(t *testing.T) {
	t.Parallel()
	b := clusterBus(t)
	p, err := b.Publisher(t.Context(), StreamContacts, PublisherConfig{})
	require.NoError(t, err)
	defer p.Close()
	const small, large = 1500, 60
	for i := range small + large {
		m := event(i)
		if i >= small {
			m.Data = make([]byte, 300<<10)
		}
		require.NoError(t, p.Publish(t.Context(), m))
	}
	require.NoError(t, p.Flush(t.Context()))

	var got calls
	consume(t, b, ConsumerConfig{}, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		return nil
	})
	eventually(t, func() bool { return got.deliveries() >= small+large }, "events are not read")
	idle(t, b, "pusher")
	seen := map[string]bool{}
	for _, c := range got.list() {
		for _, d := range c.ds {
			require.EqualValues(t, 1, d.Attempts)
			require.False(t, seen[d.ID], d.ID)
			seen[d.ID] = true
		}
	}
	for i := range small + large {
		require.True(t, seen[fmt.Sprint("e-", i)])
	}
	_, err = Open(t.Context(), b.nc, DefaultConfig(), nil)
	require.NoError(t, err)
	s, err := b.js.Stream(t.Context(), StreamContacts)
	require.NoError(t, err)
	require.Equal(t, 3, s.CachedInfo().Config.Replicas, "a start with one copy takes none away")
}

// TestReplayOutlivesTheServerOfItsReader: a reader is kept by one server alone. Where that
// is gone, nothing comes any more, and nobody says so.
func TestReplayOutlivesTheServerOfItsReader(t *testing.T) {
	t.Parallel()
	const messages = 1200 // more than one request brings
	b, cluster := busOnCluster(t)
	p, err := b.Publisher(t.Context(), StreamContacts, PublisherConfig{})
	require.NoError(t, err)
	defer p.Close()
	for i := range messages {
		require.NoError(t, p.Publish(t.Context(), event(i)))
	}
	require.NoError(t, p.Flush(t.Context()))

	stopped, ctx := false, waits.Context(t, 2*patience)
	waits.Eventually(t, 2*patience, func() error {
		var seen uint64
		err := b.Replay(ctx, StreamContacts, Range{}, func(m Stored) error {
			if !stopped {
				if !stopReader(t, b, cluster) {
					return errors.New("the reader's server has another part, too")
				}
				stopped = true
			}
			require.Equal(t, seen+1, m.Sequence)
			seen = m.Sequence
			return nil
		})
		if err == nil {
			require.EqualValues(t, messages, seen)
		}
		return err
	})
}

// stopReader stops the server that keeps the stream's one reader, unless it is the one that
// leads the stream or that the client is connected to.
func stopReader(t *testing.T, b *Bus, cluster *natsserver.Cluster) bool {
	t.Helper()
	s, err := b.js.Stream(t.Context(), StreamContacts)
	require.NoError(t, err)
	var keeper string
	for info := range s.ListConsumers(t.Context()).Info() {
		keeper = info.Cluster.Leader
	}
	if keeper == "" || keeper == s.CachedInfo().Cluster.Leader || keeper == b.nc.ConnectedServerName() {
		return false
	}
	i := slices.IndexFunc(cluster.Servers, func(ns *server.Server) bool { return ns.Name() == keeper })
	cluster.Stop(i)
	return true
}

// TestAStrangersMessageInAStreamOfThreeCopies breaks the publisher and not the stream: the
// next publisher goes on behind it, also where all was purged.
func TestAStrangersMessageInAStreamOfThreeCopies(t *testing.T) {
	t.Parallel()
	b := clusterBus(t)
	for i := range 3 {
		p, err := b.Publisher(t.Context(), StreamContacts, PublisherConfig{})
		require.NoError(t, err)
		publish := func(n int) error { return errors.Join(p.Publish(t.Context(), event(100*i+n)), p.Flush(t.Context())) }
		require.NoError(t, publish(1))
		require.NoError(t, publish(2))
		_, err = b.PublishSync(t.Context(), StreamContacts, Message{Subject: ContactSubject("update", "stranger"), Data: []byte("{}")})
		require.NoError(t, err)
		require.ErrorIs(t, publish(3), ErrPublisherBroken)
		p.Close()

		if i == 1 {
			s, err := b.js.Stream(t.Context(), StreamContacts)
			require.NoError(t, err)
			require.NoError(t, s.Purge(t.Context()))
		}
	}
	last, found, err := b.Last(t.Context(), StreamContacts)
	require.NoError(t, err)
	require.True(t, found)
	require.EqualValues(t, 9, last.Sequence)
}

// TestANoteOfThreeCopiesHasOneWriterAtATime: of several that know the same note one replaces
// it, and the others are told that it is another.
func TestANoteOfThreeCopiesHasOneWriterAtATime(t *testing.T) {
	t.Parallel()
	const writers, each = 5, 20
	b := clusterBus(t)
	write := func() error {
		for done := 0; done < each; {
			var n int
			number, err := b.Note(t.Context(), &n)
			if err == nil {
				number, err = b.SetNote(t.Context(), n+1, number)
			}
			if err != nil {
				return err
			}
			if number > 0 {
				done++
			}
		}
		return nil
	}

	var g errgroup.Group
	for range writers {
		g.Go(write)
	}
	require.NoError(t, g.Wait())
	var n int
	_, err := b.Note(t.Context(), &n)
	require.NoError(t, err)
	require.Equal(t, writers*each, n, "none was written over")
}

// TestNothingIsTakenFromACopy where the stream would let it be, as streams do that were made
// with NATS's own tools: a copy may lag.
func TestNothingIsTakenFromACopy(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	_, err := b.SetNote(t.Context(), "a", 0)
	require.NoError(t, err)
	for _, name := range []string{StreamContacts, StreamDeadLetters, streamNote} {
		s, err := b.js.Stream(t.Context(), name)
		require.NoError(t, err)
		c := s.CachedInfo().Config
		c.AllowDirect = true
		_, err = b.js.UpdateStream(t.Context(), c)
		require.NoError(t, err)
	}
	copies, err := b.nc.SubscribeSync("$JS.API.DIRECT.GET.>")
	require.NoError(t, err)

	publish(t, b, "a", "e-1")
	stop := consume(t, b, ConsumerConfig{}, func(context.Context, *Work) error { return Reject(coded.Say("test.no", "no")) })
	idle(t, b, "pusher")
	stop()
	_, _, err = b.Last(t.Context(), StreamContacts)
	require.NoError(t, err)
	_, err = b.Consumed(t.Context(), StreamContacts, "pusher", "another")
	require.NoError(t, err)
	_, err = b.Unapplied(t.Context(), StreamContacts, "another", ContactSubject("update", "a"), func(Stored) bool { return true })
	require.NoError(t, err)
	_, _, err = b.CountDeadLetters(t.Context())
	require.NoError(t, err)
	letters, err := b.DeadLetters(t.Context())
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.NoError(t, b.DiscardDeadLetter(t.Context(), letters[0].ID))
	var note string
	_, err = b.Note(t.Context(), &note)
	require.NoError(t, err)
	require.NoError(t, b.nc.Flush())
	asked, _, err := copies.Pending()
	require.NoError(t, err)
	require.Zero(t, asked)

	s, err := b.js.Stream(t.Context(), StreamContacts)
	require.NoError(t, err)
	require.True(t, s.CachedInfo().Config.AllowDirect, "the stream keeps it")
}

// TestAStreamWithoutALeaderHasNoEnd: a copy that is left answers for itself, and may lack
// what was acknowledged. That it does must not be taken for a loss.
func TestAStreamWithoutALeaderHasNoEnd(t *testing.T) {
	t.Parallel()
	b, cluster := busOnCluster(t)
	publish(t, b, "a", "e-1")
	for i := range 2 {
		cluster.Stop(i)
	}
	waits.Eventually(t, time.Minute, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := b.end(ctx, StreamContacts)
		if !errors.Is(err, errNoLeader) {
			return fmt.Errorf("nobody answers for the stream yet, but: %w", err)
		}
		return nil
	})
	_, _, err := b.Last(t.Context(), StreamContacts)
	require.ErrorIs(t, err, errNoLeader)
}
