package bus

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// TestANoteIsReplacedByWhoKnowsIt alone, and there is no stream before the first.
func TestANoteIsReplacedByWhoKnowsIt(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	data, number, err := b.Note(t.Context())
	require.NoError(t, err)
	require.Empty(t, data)
	require.Zero(t, number)
	_, err = b.js.Stream(t.Context(), streamNote)
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)

	first, err := b.SetNote(t.Context(), []byte("a"), 0)
	require.NoError(t, err)
	require.NotZero(t, first)
	for _, other := range []uint64{0, first + 1} {
		taken, err := b.SetNote(t.Context(), []byte("b"), other)
		require.NoError(t, err)
		require.Zero(t, taken)
	}
	second, err := b.SetNote(t.Context(), []byte("c"), first)
	require.NoError(t, err)
	data, number, err = b.Note(t.Context())
	require.NoError(t, err)
	require.Equal(t, "c", string(data))
	require.Equal(t, second, number)

	require.NoError(t, b.js.DeleteStream(t.Context(), streamNote))
	taken, err := b.SetNote(t.Context(), []byte("d"), second)
	require.NoError(t, err)
	require.Zero(t, taken, "what was noted is gone")
}
