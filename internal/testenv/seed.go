package testenv

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// SeedVariable repeats a run whose seed was printed.
const SeedVariable = "MKSYNC_TEST_SEED"

// Seed is what a test's chances are drawn from: another one in each run, printed, or the one
// that SeedVariable names.
func Seed(t testing.TB) uint64 {
	t.Helper()
	s := rand.Uint64()
	if given := os.Getenv(SeedVariable); given != "" {
		var err error
		s, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("seed: %s=%d", SeedVariable, s)
	return s
}
