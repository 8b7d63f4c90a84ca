package main

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
)

// wallClock puts a server's wall clock forward and back, as an administrator or a
// machine that was moved does, while the server runs.
type wallClock struct {
	env  []string // what the server is to be started with
	file *os.File
}

// errNoClock: the suite runs without jumps of the clock.
var errNoClock = errors.New("no jumps of the clock: they need Linux and a C compiler")

// newWallClock builds what makes a server's clock adjustable.
func newWallClock(t testing.TB) (*wallClock, error) {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil || runtime.GOOS != "linux" {
		return nil, errNoClock
	}
	dir, err := os.MkdirTemp("", "mksync-clock-") // the server's user has to get at it
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // see above
	library, offset := filepath.Join(dir, "clock.so"), filepath.Join(dir, "offset")
	out, err := exec.CommandContext(t.Context(), compiler, "-shared", "-fPIC", "-O2", "-o", library, "testdata/clock.c", "-ldl").CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, os.WriteFile(offset, make([]byte, 8), 0o644)) //nolint:gosec // see above
	file, err := os.OpenFile(offset, os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return &wallClock{env: []string{"LD_PRELOAD=" + library, "MKSYNC_CLOCK=" + offset}, file: file}, nil
}

// set makes the clock go wrong by d.
func (c *wallClock) set(t testing.TB, d time.Duration) {
	t.Helper()
	_, err := c.file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(d/time.Second)), 0) //nolint:gosec // two's complement
	require.NoError(t, err)
}

// jumps are how far the clock goes wrong.
var jumps = []time.Duration{5 * time.Second, time.Minute, 20 * time.Minute, 3 * time.Hour, 40 * time.Hour, 20 * 24 * time.Hour}

// jump puts the database's clock forward or back, or right.
func (st *storm) jump() {
	if st.clock == nil {
		return
	}
	st.count("clock jump")
	d := jumps[st.rand.IntN(len(jumps))] * time.Duration(st.rand.IntN(3)-1)
	st.clock.set(st.T, d)
}

// TestClockOfTheServerJumps: the suite's clock does what it says.
func TestClockOfTheServerJumps(t *testing.T) {
	t.Parallel()
	clock, err := newWallClock(t)
	if err != nil {
		t.Skip(err)
	}
	_, url := world.OwnServer(t, clock.env...)
	w := &world.World{T: t, DB: world.OpenPool(t, url)}
	for _, d := range []time.Duration{time.Hour, -40 * time.Hour, 0} {
		clock.set(t, d)
		var now, commit time.Time
		require.NoError(t, w.DB.QueryRow(t.Context(), "SELECT clock_timestamp(), now()").Scan(&now, &commit))
		require.WithinDuration(t, time.Now().Add(d), now, time.Minute)
		require.WithinDuration(t, now, commit, time.Minute)
	}
}
