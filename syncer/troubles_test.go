package syncer_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestWhyAContactFailsAgainAndAgain: from the fifth time in a row on it is told, in a text that
// each language has, or in Postgres's words alone; until it succeeds.
func TestWhyAContactFailsAgainAndAgain(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	r := w.Parts().Reconciler
	deadlock := fmt.Errorf("load mapping: %w", &pgconn.PgError{Severity: "ERROR", Code: "40P01", Message: "deadlock detected"})
	for range 4 {
		require.Zero(t, r.Ended("5", deadlock))
		require.Zero(t, r.Trouble().Count)
	}
	require.NotZero(t, r.Ended("5", deadlock))
	require.Equal(t, 1, r.Trouble().Count)
	require.Equal(t, "5", r.Trouble().Key)
	require.Equal(t, map[string]string{"words": "ERROR: deadlock detected (SQLSTATE 40P01)"}, r.Trouble().Error.Params)
	require.Equal(t, deadlock.Error(), r.Trouble().Error.String())

	require.NotZero(t, r.Ended("5", fmt.Errorf("contact 5: %w", store.ErrContactChanged)))
	require.Equal(t, "refusal.contact.changed", r.Trouble().Error.Code)
	require.Zero(t, r.Ended("5", nil))
	require.Zero(t, r.Trouble().Count)
}
