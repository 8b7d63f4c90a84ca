package dial

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// unacknowledged lets the kernel give a connection up on which what was sent is not
// acknowledged.
func unacknowledged(_, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(Silent.Milliseconds()))
	})
	return errors.Join(err, set)
}
