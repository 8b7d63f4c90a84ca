package pgstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/store"
)

// TestAReservationsItsContacts for as long as it says, and not for ever when it is killed; a
// hold that ends too late was made before the clock was put back.
func TestAReservationsItsContacts(t *testing.T) {
	t.Parallel()
	k := keep(t)
	replayed := func(id string) (held bool) {
		k.within(id, func(_ store.Session, st store.State) { held = st.Replayed })
		return held
	}
	require.NoError(t, k.ReserveForReplay(t.Context(), []string{one, other, another}, time.Minute))
	require.True(t, replayed(one))
	require.False(t, replayed(deleted))

	k.exec("UPDATE mksync_replays SET until = now() - interval '1 second'")
	require.False(t, replayed(one))
	require.NoError(t, k.ReserveForReplay(t.Context(), []string{one, other}, time.Minute))
	require.True(t, replayed(one), "held again, it is held for longer")
	k.exec("UPDATE mksync_replays SET until = now() + interval '11 minutes' WHERE contact_id = $1", other)
	require.False(t, replayed(other))

	require.NoError(t, k.ReleaseFromReplay(t.Context(), []string{deleted}))
	require.True(t, replayed(one))
	k.is(int64(1), "SELECT count(*) FROM mksync_replays") // what was over went with it
	require.NoError(t, k.ReleaseFromReplay(t.Context(), []string{one}))
	require.False(t, replayed(one))
}
