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
	got := "nothing"
	number, err := b.Note(t.Context(), &got)
	require.NoError(t, err)
	require.Equal(t, "nothing", got)
	require.Zero(t, number)
	_, err = b.js.Stream(t.Context(), streamNote)
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)

	first, err := b.SetNote(t.Context(), "a", 0)
	require.NoError(t, err)
	require.NotZero(t, first)
	for _, other := range []uint64{0, first + 1} {
		taken, err := b.SetNote(t.Context(), "b", other)
		require.NoError(t, err)
		require.Zero(t, taken)
	}
	second, err := b.SetNote(t.Context(), "c", first)
	require.NoError(t, err)
	number, err = b.Note(t.Context(), &got)
	require.NoError(t, err)
	require.Equal(t, "c", got)
	require.Equal(t, second, number)

	require.NoError(t, b.js.DeleteStream(t.Context(), streamNote))
	taken, err := b.SetNote(t.Context(), "d", second)
	require.NoError(t, err)
	require.Zero(t, taken, "what was noted is gone")
}
