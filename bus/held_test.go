package bus

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus/embedded"
)

// Behind a gate that is shut, of large messages fewer are held (invariant 15). All come
// once, those that are nearly as large as the server takes too.
func TestConsumeHoldsBytesWithinBounds(t *testing.T) {
	s := &testServer{cfg: embedded.Config{Dir: t.TempDir(), MaxPayload: 64 << 10}}
	s.start(t)
	t.Cleanup(func() { s.Shutdown() })
	b := s.bus(t)
	const all, size, most = 60, 60 << 10, 256 << 10
	for i := range all {
		_, err := b.PublishSync(t.Context(), StreamContacts, Message{Subject: ContactSubject("update", fmt.Sprint("k", i)), ID: fmt.Sprint(i), Data: make([]byte, size)})
		require.NoError(t, err)
	}
	open := make(chan struct{})
	cfg := ConsumerConfig{MaxBytes: most, Gate: func(ctx context.Context) error {
		select {
		case <-open:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	var got calls
	consume(t, b, cfg, func(_ context.Context, w *Work) error {
		got.add(w.Key, w.Deliveries)
		return nil
	})
	held := func() int {
		c, ok := b.working.Load("pusher")
		if !ok {
			return 0
		}
		return len(c.(*consumption).queue.messages())
	}
	eventually(t, func() bool {
		c, err := b.js.Consumer(t.Context(), StreamContacts, "pusher")
		if err != nil {
			return false
		}
		i := c.CachedInfo()
		return held() > 0 && i.NumWaiting == 0 && i.NumAckPending == held()
	}, "no more is asked for")
	require.LessOrEqual(t, held()*size, most)
	close(open)
	idle(t, b, "pusher")
	require.Equal(t, all, got.deliveries())
	for _, c := range got.list() {
		require.EqualValues(t, 1, c.ds[0].Attempts)
	}
}
