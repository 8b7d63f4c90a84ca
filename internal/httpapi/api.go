package httpapi

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

//go:embed openapi.yaml
var openAPI []byte

// mostBytes is how large a request may be.
const mostBytes = 1 << 20

// api serves everything below /api/.
func (s *Server) api() http.Handler {
	paths := map[string]map[string]http.Handler{}
	for _, rt := range routes() {
		path := prefix + rt.path
		if paths[path] == nil {
			paths[path] = map[string]http.Handler{}
		}
		switch {
		case rt.stream:
			paths[path][rt.method] = s.follow(rt)
		case s.cfg.Trace != nil:
			paths[path][rt.method] = s.cfg.Trace(path, s.operation(rt))
		default:
			paths[path][rt.method] = s.operation(rt)
		}
	}

	mux := http.NewServeMux()
	for path, methods := range paths {
		s.serve(mux, path, methods)
	}
	mux.HandleFunc("/", s.notFound)

	guarded := s.guarded(mux)
	outer := http.NewServeMux()
	outer.Handle("/", guarded)
	for _, rt := range routes() {
		if rt.embedded {
			outer.Handle(prefix+rt.path, s.shared(guarded))
		}
	}
	describes := func(path string, text func() ([]byte, error)) {
		s.serve(outer, path, map[string]http.Handler{http.MethodGet: s.description(text)})
	}
	describes("/api/openapi.yaml", func() ([]byte, error) { return openAPI, nil })
	describes("/api/asyncapi.yaml", s.cfg.AsyncAPI)
	return s.configured(outer)
}

// serve serves a path by method, and refuses other methods.
func (s *Server) serve(mux *http.ServeMux, path string, methods map[string]http.Handler) {
	allowed := slices.Sorted(maps.Keys(methods))
	if methods[http.MethodGet] != nil {
		allowed = append(allowed, http.MethodHead)
	}
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		if h := methods[method]; h != nil {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		s.fail(w, syncer.Refuse(codeMethod, "request.method", "this address takes {methods}", strings.Join(allowed, ", ")))
	})
}

func (s *Server) notFound(w http.ResponseWriter, _ *http.Request) {
	s.fail(w, syncer.Refuse(syncer.CodeNotFound, "request.nowhere", "there is nothing at this address"))
}

// configured refuses everything as long as nobody could be let in.
func (s *Server) configured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.guard.open() {
			s.fail(w, syncer.Refuse(syncer.CodeUnavailable, "access.none", "no API token is configured: set MKSYNC_API_TOKEN, MKSYNC_API_JWKS_URL or MKSYNC_API_JWT_SECRET"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// guarded lets in who has a token, but not too often.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := s.guard.who(r)
		if err != nil {
			s.keepOut(w, r, err)
			return
		}
		if wait := s.limits.allow(who.Name); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(wait))
			s.fail(w, syncer.Refuse(codeRate, "access.rate", "more than {count} requests in a second with this token (MKSYNC_API_RATE)", float64(s.limits.rate)))
			return
		}
		noteCaller(r, who.Name)
		next.ServeHTTP(w, r.WithContext(operations.AskedBy(r.Context(), who)))
	})
}

// keepOut answers whoever is not let in.
func (s *Server) keepOut(w http.ResponseWriter, r *http.Request, err error) {
	refused := notIn(err)
	if wait := s.strangers.note(r, err); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(wait))
		refused = syncer.Refuse(codeRate, "access.strangers", "too many requests without a valid token from this address")
	}
	switch {
	case syncer.IsCode(refused, codeUnauthorized):
		w.Header().Set("WWW-Authenticate", `Bearer realm="mksync"`)
	case syncer.IsCode(refused, syncer.CodeUnavailable):
		w.Header().Set("Retry-After", "30")
	}
	s.fail(w, refused)
}

// description serves a description of the API, which holds no data.
func (s *Server) description(text func() ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := text()
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/yaml")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(text)
	})
}

// operation answers one operation.
func (s *Server) operation(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, err := rt.request(w, r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}

		op, status := rt.op, http.StatusOK
		if rt.later != nil && prefersAsync(r) {
			op, status = rt.later, http.StatusAccepted
		}
		ctx, cancel := context.WithTimeout(r.Context(), op.Timeout())
		defer cancel()

		data, err := s.cfg.API.Answer(ctx, op.Subject(), request)
		if err != nil {
			s.refuse(w, r, err)
			return
		}

		job := queued(data, status == http.StatusAccepted, rt.queues)
		if job != "" {
			status = http.StatusAccepted
			w.Header().Set("Location", prefix+jobsPath+"/"+job)
		}
		if job != "" && !rt.queues {
			w.Header().Set("Preference-Applied", "respond-async")
		}
		if rt.embedded {
			s.answerTagged(w, r, data)
			return
		}
		s.answer(w, status, operations.Reply{Success: true, Data: data})
	})
}

// queued is the job of a request that is worked on later: the answer is one, or names one;
// "": it was worked on.
func queued(data []byte, is, names bool) string {
	var j struct{ ID, Job string }
	if !is && !names || json.Unmarshal(data, &j) != nil {
		return ""
	}
	if is {
		return j.ID
	}
	return j.Job
}

// refuse answers with an error. The words of an internal one are for the log.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := syncer.AsRequestError(err)
	if e.Code == syncer.CodeInternal {
		s.log.ErrorContext(r.Context(), "request met an internal error", "method", r.Method, "path", r.URL.Path, "error", err)
		e = syncer.ErrInternal
	}
	s.fail(w, e)
}

func (s *Server) fail(w http.ResponseWriter, err error) {
	e := syncer.AsRequestError(err)
	s.answer(w, statusOf(e.Code), operations.Reply{Error: e})
}

// readBody reads a body in JSON.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := checkContentType(r.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBytes))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, syncer.Refuse(syncer.CodeTooLarge, "request.large", "the request is larger than 1 MiB: ask for fewer at once")
	case err != nil:
		return nil, syncer.Refuse(syncer.CodeMalformed, "request.cut", "the request was not received whole")
	}
	return body, nil
}

// checkContentType refuses what is not JSON. A request that does not say is
// taken for JSON.
func checkContentType(header string) error {
	if header == "" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(header)
	if err != nil || kind != "application/json" || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return syncer.Refuse(syncer.CodeMalformed, "request.content", "Content-Type: must be application/json")
	}
	return nil
}

// recovered answers a panic with an internal error; the service goes on.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			s.log.Error("request panicked", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.refuse(w, r, syncer.ErrInternal)
		}()
		next.ServeHTTP(w, r)
	})
}

// record is what the log of requests says of one.
type record struct {
	http.ResponseWriter
	status int
	by     string
}

func (c *record) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

// Unwrap lets deadlines through.
func (c *record) Unwrap() http.ResponseWriter { return c.ResponseWriter }

type recordKey struct{}

func noteCaller(r *http.Request, name string) {
	if c, ok := r.Context().Value(recordKey{}).(*record); ok {
		c.by = name
	}
}

// logged writes a line for every request, without its parameters.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.log.Enabled(r.Context(), slog.LevelDebug) {
			next.ServeHTTP(w, r)
			return
		}
		began, c := time.Now(), &record{ResponseWriter: w}
		next.ServeHTTP(c, r.WithContext(context.WithValue(r.Context(), recordKey{}, c)))
		s.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", max(c.status, http.StatusOK),
			"by", c.by, "took", time.Since(began))
	})
}
