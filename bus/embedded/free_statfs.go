//go:build linux || darwin

package embedded

import "syscall"

// freeBytes is what the disk of a directory has free for us.
func freeBytes(dir string) (uint64, bool) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, false
	}
	return uint64(fs.Bavail) * uint64(fs.Bsize), true //nolint:gosec,unconvert // types differ by system
}
