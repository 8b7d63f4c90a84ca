package pgstore

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/store"
)

// memory is a note in memory.
type memory struct {
	built  store.Built
	number uint64
}

func (m *memory) Note(_ context.Context, v any) (number uint64, err error) {
	*v.(*store.Built) = m.built
	return m.number, nil
}

func (m *memory) SetNote(_ context.Context, v any, number uint64) (uint64, error) {
	if number != m.number {
		return 0, nil
	}
	m.built = v.(store.Built)
	m.number++
	return m.number, nil
}

// TestServersWithoutSlotsThatFailOverAreAskedNothing, nor is anything where nobody waits.
func TestServersWithoutSlotsThatFailOverAreAskedNothing(t *testing.T) {
	t.Parallel()
	require.NoError(t, (*Standbys)(nil).Reached(t.Context()))
	old := &Standbys{store: &Store{version: standbysVersion - 1}}
	require.NoError(t, old.Reached(t.Context()))
	require.Zero(t, old.Within())

	free := &Standbys{store: &Store{version: standbysVersion}, free: time.Now().Add(time.Hour)}
	require.NoError(t, free.Reached(t.Context()))
}

// TestWhatIsBuiltUponCountsOnceEverybodyKnows: the note is announced first, and says how far
// things are only when each process must have seen that it has to wait. It is taken back by
// who waits no more, and then begins anew.
func TestWhatIsBuiltUponCountsOnceEverybodyKnows(t *testing.T) {
	t.Parallel()
	notes := &memory{}
	one, other := &Standbys{notes: notes}, &Standbys{notes: notes}
	noted := func(want store.Built, inForce bool) {
		t.Helper()
		got := notes.built
		require.Equal(t, inForce, got.Announced == "")
		got.Announced = ""
		require.Equal(t, want, got)
	}
	at := func(upTo uint64) store.Built { return store.Built{Timeline: 1, UpTo: upTo} }

	require.NoError(t, one.build(t.Context(), at(10)))
	require.NoError(t, other.build(t.Context(), at(11)))
	noted(at(11), false)
	one.seen = one.seen.Add(-announcedFor)
	require.NoError(t, other.build(t.Context(), at(12)))
	noted(at(12), false)
	require.NoError(t, one.build(t.Context(), at(9)))
	noted(at(12), true)

	// It only grows, whoever writes it and whatever they knew last.
	require.NoError(t, other.build(t.Context(), at(20)))
	noted(at(20), true)
	require.NoError(t, one.build(t.Context(), at(15)))
	noted(at(20), true)

	// Who waits no more takes it back, an announcement as well: then it begins anew.
	require.NoError(t, other.withdraw(t.Context()))
	noted(store.Built{}, true)
	require.NoError(t, one.build(t.Context(), at(30)))
	noted(at(30), false)
	one.seen = one.seen.Add(-announcedFor)
	require.NoError(t, other.withdraw(t.Context()))
	require.NoError(t, one.build(t.Context(), at(31)))
	noted(at(31), false)
	one.seen = one.seen.Add(-announcedFor)
	require.NoError(t, one.build(t.Context(), at(32)))
	noted(at(32), true)

	// A promoted server goes on with it, and what is left on the old one does not.
	promoted := store.Built{Timeline: 2, UpTo: 40}
	require.NoError(t, one.build(t.Context(), promoted))
	require.ErrorIs(t, other.build(t.Context(), at(50)), errOvertaken)
	noted(promoted, true)

	// A database that a person accepted begins anew.
	accepted := store.Built{Epoch: "new", Timeline: 1, UpTo: 5}
	require.NoError(t, one.build(t.Context(), accepted))
	noted(accepted, false)
}
