package bus

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/testenv/smalldisk"
)

// TestAServerWhoseDiskIsFull: its silence, and the refusals behind it, are told as what they
// are. The embedded server goes on when there is room; the stream then has no gap and no double.
func TestAServerWhoseDiskIsFull(t *testing.T) {
	t.Parallel()
	disk := smalldisk.New(t, 48)
	s := &testServer{cfg: embedded.Config{Dir: disk.Dir + "/data"}}
	s.start(t)
	t.Cleanup(func() { s.Shutdown() })
	nc := s.connect(t)
	b, err := Open(t.Context(), nc, DefaultConfig(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)

	const total, size = 100, 64 << 10
	large := func(n int) Message {
		m := event(n)
		m.Data = make([]byte, size)
		return m
	}
	open := func(timeout time.Duration) (p *Publisher, next int) {
		eventually(t, func() (opened bool) { // a request that meets the store while it is opened anew has no answer
			var err error
			p, err = b.Publisher(t.Context(), StreamContacts, PublisherConfig{AckTimeout: timeout})
			return err == nil
		}, "the stream cannot be looked up")
		if last, found := p.Last(); found {
			_, err := fmt.Sscanf(last.ID, "e-%d", &next)
			require.NoError(t, err)
			next++
		}
		return p, next
	}
	p, _ := open(time.Minute)
	defer p.Close()
	for i := range 10 {
		require.NoError(t, p.Publish(t.Context(), large(i)))
	}
	require.NoError(t, p.Flush(t.Context()))

	disk.Fill()
	for i := 10; i < total && p.Publish(t.Context(), large(i)) == nil; i++ {
	}
	require.ErrorIs(t, p.Flush(t.Context()), ErrUnwritable, "a refusal of those behind")
	alone, next := open(200 * time.Millisecond)
	defer alone.Close()
	require.NoError(t, alone.Publish(t.Context(), large(next)))
	require.ErrorIs(t, alone.Flush(t.Context()), ErrUnwritable, "silence")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = b.PublishSync(ctx, StreamContacts, large(next))
	require.ErrorIs(t, err, ErrUnwritable)

	running, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(running) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
	eventually(t, func() bool { return s.Refusal() != "" }, "the refusal is not noticed")
	require.Contains(t, s.Refusal(), "no space left on device")
	require.Contains(t, s.Refusal(), disk.Dir)
	disk.Empty()
	eventually(t, func() bool { return s.Refusal() == "" && nc.IsConnected() }, "the store is not open again: "+s.Refusal())

	p, next = open(0)
	defer p.Close()
	require.GreaterOrEqual(t, next, 10)
	for i := next; i < total; i++ {
		require.NoError(t, p.Publish(t.Context(), large(i)))
	}
	require.NoError(t, p.Flush(t.Context()))
	got := ids(t, b, StreamContacts)
	require.Len(t, got, total)
	for i, id := range got {
		require.Equal(t, fmt.Sprint("e-", i), id)
	}
}
