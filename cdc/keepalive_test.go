//go:build linux

package cdc

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/crmmind/mksync/internal/testenv"
)

// TestEitherEndNoticesThatTheOtherIsGone: a machine that is lost in the middle of a
// snapshot would hold the listener's lock, and the slot, for hours.
func TestEitherEndNoticesThatTheOtherIsGone(t *testing.T) {
	t.Parallel()
	cfg := Config{DatabaseURL: testenv.DB(t)}
	for _, replication := range []bool{false, true} {
		conn, err := connect(t.Context(), cfg, replication)
		require.NoError(t, err)
		defer closeConn(conn)
		for name, want := range map[string]string{
			"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3", "tcp_user_timeout": "60000",
		} {
			results, err := conn.Exec(t.Context(), "SELECT setting FROM pg_settings WHERE name = '"+name+"'").ReadAll()
			require.NoError(t, err)
			require.Equal(t, want, string(results[0].Rows[0][0]), "the server's %s, replication: %v", name, replication)
		}
		socket := conn.Conn()
		require.Equal(t, 1, option(t, socket, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE))
		require.Equal(t, 5, option(t, socket, syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE))
		require.Equal(t, 5, option(t, socket, syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL))
		require.Equal(t, 10_000, option(t, socket, syscall.IPPROTO_TCP, unix.TCP_USER_TIMEOUT))
	}
}

// option is what the kernel has set for a connection.
func option(t *testing.T, conn net.Conn, level, name int) (value int) {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	require.NoError(t, err)
	var failed error
	require.NoError(t, raw.Control(func(fd uintptr) { value, failed = syscall.GetsockoptInt(int(fd), level, name) }))
	require.NoError(t, failed)
	return value
}
