// Package smalldisk gives tests a disk that is soon full.
package smalldisk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Disk is a small file system of its own.
type Disk struct {
	t   testing.TB
	Dir string
}

// New mounts a disk of some MiB, or skips the test where that is not allowed. Whatever
// uses the disk has to be stopped by a Cleanup that comes after.
func New(t testing.TB, mib int) *Disk {
	t.Helper()
	d, err := Mount(t, mib)
	if err != nil {
		t.Skip(err)
	}
	return d
}

// Mount is New that says why it is not allowed.
func Mount(t testing.TB, mib int) (*Disk, error) {
	t.Helper()
	dir := t.TempDir()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return nil, errors.New("a disk that gets full is a tmpfs, which only root on Linux can mount")
	}
	//nolint:noctx // ends at once
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+strconv.Itoa(mib)+"m", "tmpfs", dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("a tmpfs cannot be mounted here: %s", out)
	}
	t.Cleanup(func() {
		out, err := exec.Command("umount", dir).CombinedOutput() //nolint:noctx // ends at once
		require.NoError(t, err, string(out))
	})
	return &Disk{t: t, Dir: dir}, nil
}

// Fill leaves no room on the disk.
func (d *Disk) Fill() {
	d.t.Helper()
	f, err := os.Create(d.ballast())
	require.NoError(d.t, err)
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	_ = f.Close()
}

// Empty makes the room again.
func (d *Disk) Empty() {
	d.t.Helper()
	require.NoError(d.t, os.Remove(d.ballast()))
}

func (d *Disk) ballast() string { return filepath.Join(d.Dir, "ballast") }
