// Package httpapi serves mksync over HTTP: health, readiness and metrics.
package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/crmmind/mksync/syncer"
)

// Config is what a Server serves and where.
type Config struct {
	Addr    string
	Status  func(ctx context.Context) syncer.Status
	Metrics http.Handler
}

// Server answers requests. It is made for one Run.
type Server struct {
	cfg      Config
	log      *slog.Logger
	listener net.Listener
}

// New opens the address, so that a port that is taken is known at once.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*Server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (MKSYNC_HTTP_ADDR): %w", cfg.Addr, err)
	}
	return &Server{cfg: cfg, log: log, listener: l}, nil
}

// Addr is where the server listens, with the port it got.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close gives the address back when Run was never called.
func (s *Server) Close() { _ = s.listener.Close() }

// Times that a client may take.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	stopTimeout   = 5 * time.Second
	statusTimeout = 5 * time.Second
)

// Run serves until ctx ends, and lets running requests finish.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(s.listener) }()
	s.log.Info("listening for HTTP", "addr", s.Addr())
	select {
	case err := <-done:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := server.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	return errors.Join(err, ignoreClosed(<-done))
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.cfg.Metrics)
	return mux
}

// healthz says that the process lives.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, http.StatusOK, map[string]any{"status": "ok"})
}

// readyz says whether this process's roles do their work, and what is wrong
// where they do not.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
	defer cancel()
	status := s.cfg.Status(ctx)
	if len(status.NotReady) > 0 {
		s.answer(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "problems": status.NotReady})
		return
	}
	s.answer(w, http.StatusOK, map[string]any{"status": "ready"})
}

func (s *Server) answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.log.Debug("write answer", "error", err)
	}
}
