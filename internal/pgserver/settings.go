package pgserver

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
)

// superuser is the name of the role of a throw-away server.
const superuser = "postgres"

// Settings are the server parameters of every throw-away server: logical
// decoding with room for many tests at once, and no care for a power cut unless
// it is to be durable. A commit is still written out at once, for only what is
// written is streamed.
func Settings(durable bool) []string {
	sync := "off"
	if durable {
		sync = "on"
	}
	return []string{
		"-c", "wal_level=logical",
		"-c", "max_wal_senders=100",
		"-c", "max_replication_slots=100",
		"-c", "max_connections=300",
		"-c", "max_prepared_transactions=4",
		"-c", "fsync=" + sync,
		"-c", "full_page_writes=" + sync,
		"-c", "shared_buffers=64MB",
		"-c", "max_wal_size=512MB",
		"-c", "jit=off",
	}
}

// newPassword makes the password of a throw-away server, so that the other
// users of the machine cannot use its superuser.
func newPassword() string { return rand.Text() }

func serverURL(host, port, password string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, password),
		Host:     net.JoinHostPort(host, port),
		Path:     "/postgres",
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// freePort asks the system for a loopback port that nobody listens on now.
func freePort(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}
