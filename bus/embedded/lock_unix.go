//go:build unix

package embedded

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// acquire locks the file for this process. It tries for a moment, because a Lookup elsewhere
// holds the lock while it looks.
func acquire(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, private) //nolint:gosec // our own directory
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()

	for range 20 {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		err = ErrInUse
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-tick.C:
			continue
		}
		break
	}

	_ = f.Close()
	return nil, err
}

// locked tells whether a server holds the lock.
func locked(path string) bool {
	f, err := os.Open(path) //nolint:gosec // the caller's own directory
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
