package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// prefix begins the name of every cluster's directory.
const prefix = "mksync-pg-"

// files is the directory of one local cluster. It is locked for as long as
// this process lives, so that others can tell whether it is still in use.
type files struct {
	dir  string
	lock *os.File
}

// newFiles makes a directory that the server's account can work in, and sweeps
// up what killed processes left beside it.
func newFiles(opts Options, who *account) (*files, error) {
	parent, err := reachable(opts, who)
	if err != nil {
		return nil, err
	}
	sweep(parent)
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return nil, fmt.Errorf("make a directory for the cluster: %w", err)
	}
	f := &files{dir: dir}
	if f.lock, err = tryLock(f.path("lock")); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the cluster's directory: %w", err), f.remove())
	}
	if err := who.own(dir); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return f, nil
}

func (f *files) path(name string) string { return filepath.Join(f.dir, name) }

func (f *files) remove() error {
	err := os.RemoveAll(f.dir)
	if f.lock != nil {
		_ = f.lock.Close()
	}
	if err != nil {
		return fmt.Errorf("remove the cluster's directory: %w", err)
	}
	return nil
}

// sweep removes the clusters of processes that are no more. One that was made
// a moment ago may not be locked yet and is left alone.
func sweep(parent string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		lock, err := tryLock(filepath.Join(dir, "lock"))
		if err != nil {
			continue
		}
		_ = os.RemoveAll(dir)
		_ = lock.Close()
	}
}

// memory is where Linux has files that are in memory only. Making and dropping a
// database is three times as quick there as on a disk.
const memory = "/dev/shm"

// Memory is a directory for files that may be in memory only; "": where the system has
// such files, there is no room for many.
func Memory() string {
	if roomy(memory) {
		return memory
	}
	return ""
}

// reachable picks the directory for clusters: the wanted one unless the
// server's account, being another than ours, could not enter it.
func reachable(opts Options, who *account) (string, error) {
	wanted := []string{opts.Dir, os.Getenv("TMPDIR")}
	if !opts.Durable {
		wanted = append(wanted, Memory())
	}
	for _, dir := range append(wanted, os.TempDir(), "/tmp", "/var/tmp", memory) {
		if dir == "" {
			continue
		}
		abs, err := filepath.Abs(dir)
		if err == nil && (who == nil || open(abs)) {
			return abs, nil
		}
	}
	return "", errors.New("no temporary directory that another user may enter")
}

// roomy reports whether a cluster, its log and a hundred databases have room in
// the directory. Containers often give it 64 MB.
func roomy(dir string) bool {
	const room = 4 << 30
	var fs syscall.Statfs_t
	return syscall.Statfs(dir, &fs) == nil && uint64(fs.Bavail)*uint64(fs.Bsize) >= room //nolint:gosec,unconvert // types differ by system
}

// open reports whether everybody may enter the directory.
func open(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// waitLock takes the lock as soon as nobody else holds it.
func waitLock(ctx context.Context, path string) (*os.File, error) {
	for {
		lock, err := tryLock(path)
		if err == nil || !errors.Is(err, errLocked) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// errLocked says that another process holds a lock.
var errLocked = errors.New("locked by another process")
