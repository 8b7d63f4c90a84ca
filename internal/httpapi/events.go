package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// Names of server-sent events.
const (
	eventProgress = "progress"
	eventEnd      = "end" // the job's last state; nothing follows
)

const (
	// retryAfter is when a client whose stream ended early asks again.
	retryAfter = 2 * time.Second
	// mostStreams is how many streams one caller may read at once.
	mostStreams = 16
	// streamWrite is how long a client that does not read is waited for once what
	// lies on the way to it is full: less than a server that stops waits.
	streamWrite = stopTimeout - time.Second
)

// intervals are how often streams do what nobody tells them to.
type intervals struct {
	look time.Duration // at the job: what is told may be lost
	beat time.Duration // a comment, so that nothing on the way takes the stream for dead
}

var usualIntervals = intervals{look: 2 * time.Second, beat: 15 * time.Second}

// streams counts the streams of each caller.
type streams struct {
	mu sync.Mutex
	of map[string]int
}

func (s *streams) enter(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[name] >= mostStreams {
		return false
	}
	s.of[name]++
	return true
}

func (s *streams) leave(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[name]--; s.of[name] == 0 {
		delete(s.of, name)
	}
}

// stream is one client that follows one job.
type stream struct {
	s    *Server
	w    http.ResponseWriter
	rc   *http.ResponseController
	ask  func(ctx context.Context) (operations.Job, error)
	seen string // mark of the last state that the client has
}

// follow streams how a job stands as server-sent events: at once, at every
// change, and for the last time when it ends. An event holds the whole state, so
// a client that comes back with Last-Event-ID misses nothing; one that has the
// last state already is told with 204 to stay away.
func (s *Server) follow(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, err := rt.request(w, r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		who, _ := operations.CallerOf(r.Context())

		if !s.streams.enter(who.Name) {
			s.fail(w, syncer.Refuse(codeRate, "access.streams", "{count} streams are read with this token already", mostStreams))
			return
		}
		defer s.streams.leave(who.Name)
		st := &stream{s: s, w: w, rc: http.NewResponseController(w), seen: r.Header.Get("Last-Event-ID"), ask: s.job(rt.op, request)}

		news := make(chan struct{}, 1)
		stop, err := s.cfg.Follow(r.PathValue("id"), func() { poke(news) })
		if err != nil {
			s.log.Debug("follow job", "error", err) // it is looked at besides
		} else {
			defer stop()
		}

		job, err := st.ask(r.Context())
		switch {
		case err != nil:
			s.refuse(w, r, err)
		case ended(job) && st.seen == job.Mark():
			w.WriteHeader(http.StatusNoContent)
		case st.begin() && r.Method != http.MethodHead:
			st.run(r.Context(), job, news)
		}
	})
}

// job asks how a job stands.
func (s *Server) job(op operations.Endpoint, request []byte) func(context.Context) (operations.Job, error) {
	return func(ctx context.Context) (job operations.Job, err error) {
		ctx, cancel := context.WithTimeout(ctx, op.Timeout())
		defer cancel()
		data, err := s.cfg.API.Answer(ctx, op.Subject(), request)
		if err == nil {
			err = json.Unmarshal(data, &job)
		}
		return job, err
	}
}

func ended(j operations.Job) bool { return !j.Status.Open() }

func poke(news chan<- struct{}) {
	select {
	case news <- struct{}{}:
	default:
	}
}

// begin writes the headers; false: the client is gone.
func (st *stream) begin() bool {
	h := st.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no") // nginx passes it on at once
	st.w.WriteHeader(http.StatusOK)
	return st.write(fmt.Appendf(nil, "retry: %d\n\n", retryAfter.Milliseconds()))
}

// run tells how the job stands until it ends, the client goes or the server stops.
func (st *stream) run(ctx context.Context, job operations.Job, news <-chan struct{}) {
	look, beat := time.NewTicker(st.s.every.look), time.NewTicker(st.s.every.beat)
	defer look.Stop()
	defer beat.Stop()

	for {
		if !st.tell(job) || ended(job) {
			return
		}
		for asked := false; !asked; {
			select {
			case <-ctx.Done():
				return
			case <-st.s.stopping:
				return
			case <-beat.C:
				if !st.write([]byte(": still here\n\n")) {
					return
				}
				continue
			case <-news:
			case <-look.C:
			}

			now, err := st.ask(ctx)
			if isGone(err) {
				return
			}
			if asked = err == nil; asked { // else the database is away: it is asked again
				job = now
			}
		}
	}
}

func isGone(err error) bool {
	var e *syncer.RequestError
	return errors.As(err, &e) && e.Code == syncer.CodeNotFound
}

// tell writes a state that the client does not have; false: the client is gone.
func (st *stream) tell(job operations.Job) bool {
	mark := job.Mark()
	if mark == st.seen {
		return true
	}
	data, err := json.Marshal(job)
	if err != nil {
		st.s.log.Error("write progress", "error", err)
		return false
	}
	name := eventProgress
	if ended(job) {
		name = eventEnd
	}
	st.seen = mark
	return st.write(slices.Concat([]byte("event: "+name+"\nid: "+mark+"\ndata: "), bytes.TrimSpace(data), []byte("\n\n")))
}

// write sends at once; false: the client is gone, or does not read.
func (st *stream) write(text []byte) bool {
	_ = st.rc.SetWriteDeadline(time.Now().Add(streamWrite)) // not every ResponseWriter has deadlines
	_, err := st.w.Write(text)
	return err == nil && st.rc.Flush() == nil
}
