package control

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/syncer/operations"
)

// Whoever may only ask must not make the service publish where they may not: a request whose
// answer would go elsewhere than to an inbox is not worked on, nor is one with such a watch.
func TestAnswersGoToInboxesOnly(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	var begun atomic.Int32
	s, _ := b.serve(func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		begun.Add(1)
		if watch := operations.WatchOf(ctx); watch != nil {
			return []byte("{}"), watch(ctx, operations.Progress{})
		}
		return []byte("{}"), nil
	})
	nc := b.dial()
	ready(t, nc, 1)
	elsewhere, err := nc.SubscribeSync("elsewhere.>")
	require.NoError(t, err)
	for _, reply := range []string{"elsewhere.a", "elsewhere._INBOX.a", "_INBOXelsewhere", "_INBOX.*"} {
		require.NoError(t, nc.PublishMsg(&nats.Msg{Subject: "mksync.contacts.sync", Reply: reply, Data: []byte("{}")}))
	}
	m := b.ask(nc, &nats.Msg{
		Subject: "mksync.contacts.sync", Data: []byte("{}"), Header: nats.Header{headerWatch: {"elsewhere.b"}},
	})
	require.Contains(t, string(m.Data), "Mksync-Watch: is no inbox")
	require.Zero(t, begun.Load())
	require.EqualValues(t, 5, s.counts["contacts-sync"].refused.Load())
	_, err = elsewhere.NextMsg(time.Millisecond)
	require.ErrorIs(t, err, nats.ErrTimeout)

	// With an inbox both work, also with one of its own kind.
	own, err := nats.Connect(b.url, nats.CustomInboxPrefix("_INBOX.asker"))
	require.NoError(t, err)
	defer own.Close()
	_, err = NewClient(own, bus.Names{}).Answer(operations.WithWatch(t.Context(), func(context.Context, operations.Progress) error { return nil }), "contacts.sync", []byte("{}"))
	require.NoError(t, err)
	require.EqualValues(t, 1, begun.Load())
}
