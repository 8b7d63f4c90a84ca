package pgstore_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
)

// note is one in memory.
type note struct {
	built  store.Built
	number uint64
}

func (n *note) Note(context.Context, any) (uint64, error) { return n.number, nil }

func (n *note) SetNote(_ context.Context, v any, number uint64) (uint64, error) {
	if number != n.number {
		return 0, nil
	}
	n.built = v.(store.Built)
	n.number++
	return n.number, nil
}

// TestANewServerIsGoneOnWithWhereTheNoteIsAsItWasRead: it may have been read too early, or
// from a NATS server that the others had left.
func TestANewServerIsGoneOnWithWhereTheNoteIsAsItWasRead(t *testing.T) {
	t.Parallel()
	s, pool := openStore(t, prepared.DB(t))
	require.NoError(t, s.SaveState(t.Context(), "listener", map[string]int{"Timeline": 1}))
	timeline := func() int {
		var state struct{ Timeline int }
		_, err := s.LoadState(t.Context(), "listener", &state)
		require.NoError(t, err)
		return state.Timeline
	}
	n := &note{number: 7, built: store.Built{Timeline: 1, UpTo: 20}}
	next := store.Built{Timeline: 2, UpTo: 25}
	goOn := func(number uint64) (done bool) {
		require.NoError(t, pool.AcquireFunc(t.Context(), func(c *pgxpool.Conn) (err error) {
			done, err = pgstore.GoOn(t.Context(), c.Conn(), n, number, next, "public", "listener", 1)
			return err
		}))
		return done
	}

	require.False(t, goOn(6), "somebody has built upon more since")
	require.Equal(t, 1, timeline())
	require.True(t, goOn(7))
	require.Equal(t, 2, timeline())
	require.Equal(t, next, n.built)
}
