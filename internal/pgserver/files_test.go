package pgserver

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNewFilesSweepsUpWhatAKilledProcessLeft(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-time.Hour)
	stale := filepath.Join(dir, prefix+"stale")
	require.NoError(t, os.MkdirAll(filepath.Join(stale, "data"), 0o700))
	require.NoError(t, os.Chtimes(stale, old, old))
	used, err := newFiles(Options{Dir: dir}, nil)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(used.dir, old, old))

	next, err := newFiles(Options{Dir: dir}, nil)
	require.NoError(t, err)
	require.NoDirExists(t, stale)
	require.DirExists(t, used.dir, "its process lives")
	require.NoError(t, next.remove())
	require.NoError(t, used.remove())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestNewestVersionIsFound(t *testing.T) {
	t.Parallel()
	require.Equal(t, 15, version("/usr/lib/postgresql/15/bin"))
	require.Zero(t, version("/usr/local/bin"))
}
