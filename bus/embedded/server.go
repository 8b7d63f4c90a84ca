// Package embedded runs a NATS server with JetStream inside this process, for one machine
// with nothing to set up. It is the only importer of nats-server.
//
// The data directory holds:
//
//	jetstream/   the streams
//	nats.token   the token that clients need, readable by the owner only
//	nats.url     where the running server listens, with the token; read by Lookup
//	nats.lock    locked while a server runs, so that there is only one
package embedded

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	tokenFile = "nats.token"
	urlFile   = "nats.url"
	lockFile  = "nats.lock"

	private = 0o600
)

// Config is what a server needs. Zero values take the defaults.
type Config struct {
	Dir          string
	SyncInterval time.Duration // how often stored messages are forced to disk; 1s
	Host         string        // 127.0.0.1
	Port         int           // a free one
	MaxPayload   int           // largest message in bytes; 8 MiB
	Log          *slog.Logger
}

// Server is a running server.
type Server struct {
	cfg   Config
	log   *slog.Logger
	dir   string
	token string
	addr  string // kept when the store is opened anew
	lock  *os.File

	mu      sync.Mutex // guards these:
	ns      *server.Server
	refusal string // why the store takes nothing; "": it does
	streams int    // were there when it began to refuse
}

// Start starts a server on cfg.Dir, which it creates, and returns when clients can connect.
// ErrInUse: another process runs one there; Lookup says where.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("find data directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	lock, err := acquire(ctx, filepath.Join(dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", cfg.Dir, err)
	}
	s := &Server{cfg: cfg, log: newLogger(cfg.Log).log, dir: dir, lock: lock}
	if err := s.start(ctx); err != nil {
		s.Shutdown()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	// A crashed server's address must not be taken for ours.
	if err := removeIfThere(filepath.Join(s.dir, urlFile)); err != nil {
		return fmt.Errorf("remove old address: %w", err)
	}
	var err error
	if s.token, err = loadToken(filepath.Join(s.dir, tokenFile)); err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	s.addr = reachable(s.ns.Addr())
	if err := writePrivate(filepath.Join(s.dir, urlFile), s.URL()+"\n"); err != nil {
		return fmt.Errorf("write address: %w", err)
	}
	return nil
}

// serve opens the store and lets clients in.
func (s *Server) serve(ctx context.Context) error {
	ns, err := server.NewServer(options(s.cfg, s.dir, s.token))
	if err != nil {
		return fmt.Errorf("configure NATS server: %w", err)
	}
	s.mu.Lock()
	s.ns = ns
	s.mu.Unlock()
	log := newLogger(s.cfg.Log)
	ns.SetLoggerV2(log, false, false, false)
	ns.Start()
	return waitReady(ctx, ns, log.fatal)
}

func options(cfg Config, dir, token string) *server.Options {
	o := &server.Options{
		ServerName:    "mksync",
		Host:          cfg.Host,
		Port:          cfg.Port,
		Authorization: token,
		JetStream:     true,
		StoreDir:      dir,
		SyncInterval:  cfg.SyncInterval,
		MaxPayload:    int32(min(max(cfg.MaxPayload, 0), 64<<20)), //nolint:gosec // bounded
		NoSigs:        true,
	}

	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	if o.SyncInterval <= 0 {
		o.SyncInterval = time.Second
	}
	if o.MaxPayload == 0 {
		o.MaxPayload = 8 << 20
	}
	return o
}

// startTimeout bounds recovery of the streams at a start.
const startTimeout = 60 * time.Second

func waitReady(ctx context.Context, ns *server.Server, fatal <-chan string) error {
	deadline := time.Now().Add(startTimeout)
	for !ns.ReadyForConnections(50 * time.Millisecond) {
		select {
		case why := <-fatal:
			return fmt.Errorf("%w: %s", errStart, why)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errStart, ctx.Err())
		default:
		}
		if !ns.Running() || time.Now().After(deadline) {
			return fmt.Errorf("%w: it is not ready in time", errStart)
		}
	}
	if !ns.JetStreamEnabled() {
		return fmt.Errorf("%w: JetStream is not enabled", errStart)
	}
	return nil
}

// URL returns the address with the token in it: a secret, not for logs.
func (s *Server) URL() string {
	u := url.URL{Scheme: "nats", User: url.User(s.token), Host: s.Addr()}
	return u.String()
}

// Addr returns host and port for clients on this machine.
func (s *Server) Addr() string { return s.addr }

func reachable(addr net.Addr) string {
	a, ok := addr.(*net.TCPAddr)
	if !ok {
		return ""
	}
	if a.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(a.Port))
	}
	return net.JoinHostPort(a.IP.String(), strconv.Itoa(a.Port))
}

// Shutdown stops the server, syncs its files and frees the directory. Close the clients
// first. Calling it again does nothing.
func (s *Server) Shutdown() {
	if s.lock == nil {
		return
	}
	_ = removeIfThere(filepath.Join(s.dir, urlFile))
	s.stop()
	_ = s.lock.Close() // frees the lock; the file stays, for removing it would race
	s.lock = nil
}

func (s *Server) stop() {
	if ns := s.running(); ns != nil {
		ns.Shutdown()
		ns.WaitForShutdown()
	}
}

func (s *Server) running() *server.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ns
}

// Lookup returns the address, token included, of the server that runs on dir.
func Lookup(dir string) (address string, ok bool) {
	if !locked(filepath.Join(dir, lockFile)) {
		return "", false
	}
	b, err := os.ReadFile(filepath.Join(dir, urlFile)) //nolint:gosec // the caller's own directory
	if err != nil {
		return "", false
	}
	address = strings.TrimSpace(string(b))
	return address, address != ""
}

// loadToken reads the token, or makes one. Its rights are set again each time.
func loadToken(path string) (string, error) {
	b, err := os.ReadFile(path) //nolint:gosec // our own directory
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read token: %w", err)
	}
	if token := strings.TrimSpace(string(b)); len(token) >= 32 {
		if err := os.Chmod(path, private); err != nil {
			return "", fmt.Errorf("protect token: %w", err)
		}
		return token, nil
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	token := hex.EncodeToString(raw)
	if err := writePrivate(path, token+"\n"); err != nil {
		return "", fmt.Errorf("write token: %w", err)
	}
	return token, nil
}

// writePrivate replaces a file whole, so that a reader sees the old or the new.
func writePrivate(path, text string) error {
	tmp := path + ".tmp"
	if err := removeIfThere(tmp); err != nil {
		return err
	}
	if err := os.WriteFile(tmp, []byte(text), private); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
