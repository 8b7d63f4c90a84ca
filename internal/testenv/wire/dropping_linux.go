package wire

import (
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Dropping is a connection on which packets can be lost, as behind a firewall that drops
// them: nobody is told, nothing is closed, and when they come through again each end goes on
// where its kernel sends again.
type Dropping struct {
	listener *net.TCPListener
	host     string

	mu    sync.Mutex // guards what follows
	conns map[*net.TCPConn]bool
	lost  chan struct{} // closed when packets come through again; nil: they do
	done  sync.WaitGroup
}

// NewDropping puts one before the host of an address and returns the address by way of it.
func NewDropping(t testing.TB, address string) (*Dropping, string) {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // its sockets take no filter
	listener, err := plain.Listen(t.Context(), "tcp", "127.0.0.2:0")
	require.NoError(t, err)
	d := &Dropping{listener: listener.(*net.TCPListener), host: u.Host, conns: map[*net.TCPConn]bool{}}
	d.done.Go(d.serve)
	t.Cleanup(d.close)
	u.Host = listener.Addr().String()
	return d, u.String()
}

// Drop loses every packet that comes from now on, on connections that are there and of
// those that are tried.
func (d *Dropping) Drop(t testing.TB) { t.Helper(); d.set(t, true) }

// Pass lets them through again.
func (d *Dropping) Pass(t testing.TB) { t.Helper(); d.set(t, false) }

func (d *Dropping) set(t testing.TB, dropping bool) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if dropping {
		d.lost = make(chan struct{})
	} else {
		close(d.lost)
		d.lost = nil
	}
	require.NoError(t, deafen(d.listener, dropping))
	for c := range d.conns {
		if err := deafen(c, dropping); !errors.Is(err, net.ErrClosed) {
			require.NoError(t, err)
		}
	}
}

// deafen makes the kernel throw away whatever comes for a socket, before TCP sees it.
func deafen(s syscall.Conn, deaf bool) error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		if !deaf {
			set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
			return
		}
		none := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
		set = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &none})
	})
	return errors.Join(err, set)
}

func (d *Dropping) serve() {
	for {
		c, err := d.listener.AcceptTCP()
		if err != nil {
			return
		}
		d.done.Go(func() { d.carry(c) })
	}
}

// carry hands on what comes from either end until one has closed.
func (d *Dropping) carry(c *net.TCPConn) {
	defer d.forget(c)
	server, err := net.Dial("tcp", d.host) //nolint:noctx // ends with the connection
	if err != nil {
		return
	}
	d.mu.Lock()
	d.conns[c] = true
	if d.lost != nil { // since it was taken
		_ = deafen(c, true)
	}
	d.mu.Unlock()

	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(answers{c, d}, server)
		_ = c.Close()
	}()
	_, _ = io.Copy(server, c)
	_ = server.Close()
	<-back
}

// answers are held back as long as packets are lost.
type answers struct {
	net.Conn
	of *Dropping
}

func (a answers) Write(p []byte) (int, error) {
	a.of.mu.Lock()
	lost := a.of.lost
	a.of.mu.Unlock()
	if lost != nil {
		<-lost
	}
	return a.Conn.Write(p)
}

func (d *Dropping) forget(c *net.TCPConn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
	_ = c.Close()
}

func (d *Dropping) close() {
	d.mu.Lock()
	if d.lost != nil {
		close(d.lost)
		d.lost = nil
	}
	_ = d.listener.Close()
	for c := range d.conns {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.done.Wait()
}
