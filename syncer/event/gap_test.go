package event

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
)

// remembered are states in memory, as JSON; broken says which key cannot be saved.
type remembered struct {
	values map[string][]byte
	broken string
	order  []string // of the keys that were saved
}

func (r *remembered) LoadState(_ context.Context, key string, v any) (bool, error) {
	text, known := r.values[key]
	if !known {
		return false, nil
	}
	return true, json.Unmarshal(text, v)
}

func (r *remembered) SaveState(_ context.Context, key string, v any) (err error) {
	if key == r.broken {
		return errors.New("the database is away")
	}
	if r.values == nil {
		r.values = map[string][]byte{}
	}
	r.order = append(r.order, key)
	r.values[key], err = json.Marshal(v)
	return err
}

// consumed is a stream, and what was trimmed of it.
type consumed struct {
	is      bus.Consumed
	trimmed []uint64
}

func (c *consumed) Consumed(context.Context, string, ...string) (bus.Consumed, error) {
	return c.is, nil
}

func (c *consumed) Trim(_ context.Context, _ string, _ bus.Consumed, upTo uint64) error {
	c.trimmed = append(c.trimmed, upTo)
	return nil
}

// TestAGapIsNoticedOnce: what was dropped before a consumer came to it; what it was through
// with may go.
func TestAGapIsNoticedOnce(t *testing.T) {
	t.Parallel()
	var states remembered
	stream := &consumed{}
	var missed []string
	look := func(first, last, live, bulk uint64) {
		t.Helper()
		stream.is = bus.Consumed{First: first, Last: last, UpTo: map[string]uint64{ConsumerPusher: live, ConsumerPusherBulk: bulk}}
		missed, stream.trimmed = nil, nil
		require.NoError(t, LookForGap(t.Context(), stream, &states, bus.StreamContacts, func(what coded.Text) error {
			missed = append(missed, what.String())
			return NoteDropped(t.Context(), &states, bus.StreamContacts, what)
		}))
		require.Len(t, stream.trimmed, 1)
	}

	look(1, 10, 4, 10)
	require.Empty(t, missed)
	require.Equal(t, []uint64{4}, stream.trimmed, "nothing that one of them has to come")
	look(5, 12, 4, 12)
	require.Empty(t, missed, "it is through with what went")
	look(8, 12, 4, 12)
	require.Equal(t, []string{"events of the stream CRM_CONTACTS were dropped before they were worked off (pusher: 5–7)"}, missed)
	dropped, err := Dropped(t.Context(), &states, bus.StreamContacts)
	require.NoError(t, err)
	require.Equal(t, missed[0], dropped.String())
	look(8, 12, 4, 12)
	require.Empty(t, missed, "it is told once")
	dropped, err = Dropped(t.Context(), &states, bus.StreamContacts)
	require.NoError(t, err)
	require.False(t, dropped.IsZero(), "until it is made up for")
	look(8, 12, 9, 12)
	require.Empty(t, missed)
	look(1, 3, 0, 0)
	require.Empty(t, missed, "the stream was made anew: what is remembered of the one before says nothing")
	require.Equal(t, []uint64{0}, stream.trimmed)
	dropped, err = Dropped(t.Context(), &states, bus.StreamPartners)
	require.NoError(t, err)
	require.True(t, dropped.IsZero())
}

// TestAGapThatCannotBeNotedIsNoticedAgain: the position is remembered behind the loss.
func TestAGapThatCannotBeNotedIsNoticedAgain(t *testing.T) {
	t.Parallel()
	var states remembered
	stream := &consumed{is: bus.Consumed{First: 1, Last: 5, UpTo: map[string]uint64{ConsumerPuller: 1}}}
	quiet := func(coded.Text) error { return nil }
	require.NoError(t, LookForGap(t.Context(), stream, &states, bus.StreamPartners, quiet))
	stream.is.First = 5
	cut := errors.New("cut off")
	require.ErrorIs(t, LookForGap(t.Context(), stream, &states, bus.StreamPartners, func(coded.Text) error { return cut }), cut)
	told := 0
	require.NoError(t, LookForGap(t.Context(), stream, &states, bus.StreamPartners, func(coded.Text) error { told++; return nil }))
	require.Equal(t, 1, told)
}

// TestEpochsOfADatabase: after a restore was accepted, no event of before says what is
// visible now; a stranger's source says nothing.
func TestEpochsOfADatabase(t *testing.T) {
	t.Parallel()
	var states remembered
	l := ListenerStates{&states}
	epochs := &Epochs{States: l}
	require.True(t, epochs.Current(t.Context(), "mksync/listener/73"), "nothing is known yet")
	require.NoError(t, l.Save(t.Context(), cdc.State{SystemID: "73"}))
	require.True(t, epochs.Current(t.Context(), "mksync/listener/73"))
	require.False(t, epochs.Current(t.Context(), "mksync/listener/74"))

	require.NoError(t, newEpoch{l}.Save(t.Context(), cdc.State{SystemID: "73"}))
	require.Equal(t, []string{EpochKey, ListenerStateKey}, states.order[1:], "cut off in between, the old state still stops the listener")
	epoch, err := l.Epoch(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, epoch)
	epochs = &Epochs{States: l}
	require.True(t, epochs.Current(t.Context(), "mksync/listener/73."+epoch))
	require.False(t, epochs.Current(t.Context(), "mksync/listener/73"))
	require.True(t, epochs.Current(t.Context(), ""))
	require.True(t, epochs.Current(t.Context(), "somebody/else"))

	states.broken = EpochKey
	before, _, err := l.Load(t.Context())
	require.NoError(t, err)
	require.Error(t, newEpoch{l}.Save(t.Context(), cdc.State{SystemID: "99"}))
	after, _, err := l.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// TestWhoseDatabaseAnEventIsOf: another installation's events stop the listener, those of the
// same database before a restore do not.
func TestWhoseDatabaseAnEventIsOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d       Database
		id      string
		another string
	}{
		{Database{System: "73"}, "73-0/1-1", ""},
		{Database{System: "73"}, "74-0/1-1", "74"},
		{Database{System: "73"}, "74.k3-0/1-1", "74"},
		{Database{System: "73", Epoch: "k3"}, "73-0/1-1", ""},
		{Database{System: "73", Epoch: "k3"}, "74-0/1-1", ""}, // what it was a copy of
		{Database{System: "73", Epoch: "k3", Published: true}, "74-0/1-1", "74"},
		{Database{}, "74-0/1-1", ""},
		{Database{System: "73"}, "a stranger's", ""},
	} {
		require.Equal(t, c.another, c.d.Another(c.id), "%+v %s", c.d, c.id)
	}

	var states remembered
	l := ListenerStates{&states}
	require.NoError(t, l.Save(t.Context(), cdc.State{SystemID: "73", LastEvent: cdc.Position{LSN: 1}}))
	d, err := l.Database(t.Context(), "73")
	require.NoError(t, err)
	require.Equal(t, Database{System: "73", Published: true}, d)
}
