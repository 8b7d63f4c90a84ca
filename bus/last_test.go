package bus

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// TestBefore: the newest message before a sequence that is still there.
func TestBefore(t *testing.T) {
	b := newBus(t)
	_, _, found, err := b.Before(t.Context(), StreamContacts, 1)
	require.NoError(t, err)
	require.False(t, found, "an empty stream")

	for _, id := range []string{"1", "2", "3", "4"} {
		publish(t, b, "a", id)
	}
	s, err := b.js.Stream(t.Context(), StreamContacts)
	require.NoError(t, err)
	require.NoError(t, s.DeleteMsg(t.Context(), 3))
	before := func(sequence, wantFirst uint64, want string) {
		t.Helper()
		m, first, found, err := b.Before(t.Context(), StreamContacts, sequence)
		require.NoError(t, err)
		require.Equal(t, wantFirst, first)
		require.Equal(t, want != "", found)
		require.Equal(t, want, m.ID)
		require.Equal(t, want, string(m.Data))
	}
	before(5, 1, "4")
	before(4, 1, "2") // the third is gone
	before(2, 1, "1")
	before(1, 1, "")

	require.NoError(t, s.DeleteMsg(t.Context(), 1))
	require.NoError(t, s.DeleteMsg(t.Context(), 2))
	before(4, 4, "")
	before(5, 4, "4")
}

// TestAPublishedMessageHasWhatItCameWith, be it one without an id, which is none twice.
func TestAPublishedMessageHasWhatItCameWith(t *testing.T) {
	b := newBus(t)
	m := Message{Subject: ContactSubject("update", "a"), Header: nats.Header{"ce-id": {"7"}}, Data: []byte("x")}
	for want := uint64(1); want < 3; want++ {
		got, err := b.PublishSync(t.Context(), StreamContacts, m)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	last, found, err := b.Last(t.Context(), StreamContacts)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, []string{"7"}, last.Header["ce-id"])
	require.Empty(t, last.ID)
	require.EqualValues(t, 2, last.Sequence)
	require.Equal(t, m.Subject, last.Subject)
}
