// Package httpapi serves mksync over HTTP: the API's operations as a JSON API,
// health, readiness and metrics.
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

	"github.com/crmmind/mksync/syncer/operations"
	"github.com/crmmind/mksync/syncer/status"
)

// Config is what a Server serves and where.
type Config struct {
	Addr    string
	Status  func(ctx context.Context) status.Status
	Metrics http.Handler
	API     operations.Answerer
	// AsyncAPI is the description of what there is over NATS, made when it is asked for.
	AsyncAPI func() ([]byte, error)
	// Follow calls news, which does not block, whenever a job may stand otherwise
	// than before, until stop is called.
	Follow func(job string, news func()) (stop func(), err error)
	// Tokens may ask the API, and the JSON Web Tokens of JWT; with neither
	// configured it refuses everything.
	Tokens []Token
	JWT    JWT
	// Trace, where it is set, is put around what answers at a route.
	Trace func(route string, next http.Handler) http.Handler
	// Origins are those whose pages may show where a contact stands, as https://crm.example.si.
	Origins []string
	// Rate is how many requests a token may make in a second; 0: 50.
	Rate float64
	// Console makes what is served below /console/, to which the door lets people in; nil:
	// nothing is.
	Console func(Door) http.Handler
}

// Server answers requests. It is made for one Run.
type Server struct {
	cfg       Config
	log       *slog.Logger
	listener  net.Listener
	guard     *guard
	limits    *limits
	strangers *strangers
	streams   streams
	every     intervals
	stopping  chan struct{} // closed when Run's context has ended
}

// New opens the address, so that a port that is taken is known at once.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*Server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (MKSYNC_HTTP_ADDR): %w", cfg.Addr, err)
	}
	return &Server{
		cfg: cfg, log: log, listener: l, guard: newGuard(cfg.Tokens, cfg.JWT, log), limits: newLimits(cfg.Rate), strangers: newStrangers(log),
		streams: streams{of: map[string]int{}}, every: usualIntervals, stopping: make(chan struct{}),
	}, nil
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
	endTimeout    = 12 * time.Second // for a request that was interrupted: its writes end first
	statusTimeout = 5 * time.Second
)

// mostHeader is how large a request's header may be.
const mostHeader = 64 << 10

// Run serves until ctx ends, and lets running requests finish; streams of events
// end at once. What takes longer than that is interrupted, and answers so.
func (s *Server) Run(ctx context.Context) error {
	requests, interrupt := context.WithCancel(context.WithoutCancel(ctx))
	defer interrupt()
	server := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: mostHeader, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return requests },
	}

	done := make(chan error, 1)
	go func() { done <- server.Serve(s.listener) }()
	defer s.guard.warmUp()()
	s.log.Info("listening for HTTP", "addr", s.Addr())

	select {
	case err := <-done:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}

	// Requests get a while to end by themselves, then they are interrupted, then cut.
	close(s.stopping)
	err := shutdown(server, stopTimeout)
	if errors.Is(err, context.DeadlineExceeded) {
		interrupt()
		if err = shutdown(server, endTimeout); errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
	}
	return errors.Join(err, ignoreClosed(<-done))
}

func shutdown(server *http.Server, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return server.Shutdown(ctx)
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	health := map[string]http.Handler{
		"/healthz": http.HandlerFunc(s.healthz), "/readyz": http.HandlerFunc(s.readyz), "/metrics": s.cfg.Metrics,
	}
	for path, h := range health {
		s.serve(mux, path, map[string]http.Handler{http.MethodGet: h})
	}
	s.serve(mux, elementPath, map[string]http.Handler{http.MethodGet: http.HandlerFunc(element)})
	mux.Handle("/api/", s.api())
	if s.cfg.Console != nil {
		mux.Handle("/console/", s.cfg.Console(Door{s}))
		mux.Handle("GET /{$}", http.RedirectHandler("/console/", http.StatusFound))
	}
	mux.HandleFunc("/", s.notFound)
	return s.logged(s.recovered(mux))
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

// writeTimeout bounds how long a client may take to read an answer.
const writeTimeout = 30 * time.Second

// answer writes a body in JSON.
func (s *Server) answer(w http.ResponseWriter, code int, body any) {
	text, ok := s.inJSON(w, body)
	if !ok {
		code = http.StatusInternalServerError
	}
	s.write(w, code, text)
}

// inJSON is a body in JSON, with the headers of every answer.
func (s *Server) inJSON(w http.ResponseWriter, body any) (text []byte, ok bool) {
	text, err := json.Marshal(body)
	if err != nil {
		s.log.Error("write answer", "error", err)
		text = []byte(`{"success":false}`)
	}
	// Not every ResponseWriter has deadlines.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	return append(text, '\n'), err == nil
}

func (s *Server) write(w http.ResponseWriter, code int, text []byte) {
	w.WriteHeader(code)
	if _, err := w.Write(text); err != nil {
		s.log.Debug("write answer", "error", err)
	}
}
