package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/crmmind/mksync/syncer/operations"
)

// Live pages read a stream of server-sent events that says when something may look otherwise
// than before, and how much waits. It holds nobody's data: the page is read again for that.
// What is told is the same for everybody, so it is looked up once however many look.

// state is what a stream tells.
type state struct {
	Mark    string `json:"mark"` // the same for the same state in every process
	Waiting int    `json:"waiting"`
}

// How often it is looked, how often a silent stream says that it is still there, and how
// long a browser that does not read is waited for.
const (
	lookEvery   = 2 * time.Second
	beatEvery   = 15 * time.Second
	streamWrite = 4 * time.Second
)

// mostStreams bounds the streams of all tabs together.
const mostStreams = 500

// hub looks how things stand while anybody follows, and tells all of them.
type hub struct {
	look func(ctx context.Context) (state, error)

	mu    sync.Mutex
	tabs  map[chan struct{}]bool
	now   state
	known bool
	stop  context.CancelFunc // of the one that looks; nil: nobody follows
}

func newHub(look func(ctx context.Context) (state, error)) *hub {
	return &hub{look: look, tabs: map[chan struct{}]bool{}}
}

// join adds a tab, which is poked whenever the state is another; false: there are too many.
func (h *hub) join(ctx context.Context) (news chan struct{}, leave func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.tabs) >= mostStreams {
		return nil, nil, false
	}
	news = make(chan struct{}, 1)
	h.tabs[news] = true
	if h.stop == nil {
		ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
		go h.run(ctx)
	}
	return news, func() { h.leave(news) }, true
}

func (h *hub) leave(news chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if delete(h.tabs, news); len(h.tabs) == 0 && h.stop != nil {
		h.stop()
		h.stop = nil
		h.known = false
	}
}

// run looks until nobody follows any more.
func (h *hub) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if s, err := h.look(ctx); err == nil { // else the database is away: it is looked again
			h.tell(ctx, s)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *hub) tell(ctx context.Context, s state) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil || h.known && h.now == s {
		return
	}
	h.now = s
	h.known = true
	for tab := range h.tabs {
		select {
		case tab <- struct{}{}:
		default:
		}
	}
}

// current is the state; false: nobody has looked yet.
func (h *hub) current() (state, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now, h.known
}

// watcher is in whose name it is looked for all tabs; what they are told every role may know.
var watcher = operations.Caller{Name: "console", Role: operations.Viewer}

// stands is the state now: whatever a page could show otherwise changes its mark.
func (c *Console) stands(ctx context.Context) (s state, err error) {
	ctx = operations.AskedBy(ctx, watcher)
	now, err := c.status(ctx)
	if err != nil {
		return s, err
	}
	newest, err := operations.OpHistory.Ask(ctx, c.API, operations.HistoryRequest{Page: operations.Page{Limit: 1}})
	if err != nil {
		return s, err
	}
	jobs, _ := operations.OpJobs.Ask(ctx, c.API, operations.Page{Limit: 20}) // a process may take none
	marks := []string{}
	for _, j := range jobs.Items {
		marks = append(marks, j.ID+j.Mark())
	}

	// These change without anything happening.
	now.Listener.LSN = ""
	now.Listener.LagBytes = 0
	now.Listener.RetainedBytes = 0
	now.Listener.LastHeartbeatAt = nil
	now.Listener.SafeBytes = nil

	text, err := json.Marshal([]any{now, newest.Items, marks})
	if err != nil {
		return s, fmt.Errorf("write state: %w", err)
	}
	sum := sha256.Sum256(text)
	return state{hex.EncodeToString(sum[:8]), waitingOf(now).Total()}, nil
}

// events streams the state to one tab: what it does not know yet at once, and then every
// change, until the tab goes, the session ends or the server stops.
func (c *Console) events(w http.ResponseWriter, r *http.Request) {
	v, in := c.visit(w, r)
	if !in {
		http.Error(w, "", http.StatusUnauthorized)
		return
	}
	news, leave, ok := c.hub.join(r.Context())
	if !ok {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "", http.StatusServiceUnavailable)
		return
	}
	defer leave()

	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx passes it on at once
	w.WriteHeader(http.StatusOK)
	tab := tab{w: w, rc: http.NewResponseController(w), seen: r.Header.Get("Last-Event-ID")}
	if tab.seen == "" {
		tab.seen = r.FormValue("last")
	}
	if tab.write("retry: 2000\n\n") && r.Method != http.MethodHead {
		tab.follow(r.Context(), c, v.session, news)
	}
}

// tab is one stream.
type tab struct {
	w    http.ResponseWriter
	rc   *http.ResponseController
	seen string // the mark that it knows
}

func (t *tab) follow(ctx context.Context, c *Console, s session, news <-chan struct{}) {
	beat, end := time.NewTicker(beatEvery), time.NewTimer(time.Until(s.ends()))
	defer beat.Stop()
	defer end.Stop()

	for {
		if now, known := c.hub.current(); known && now.Mark != t.seen && !t.tell(now) {
			return
		}

		select {
		case <-ctx.Done():
			return
		case <-c.door.Stopping():
			return
		case <-end.C:
			t.write("event: end\ndata: \n\n")
			return
		case <-beat.C:
			if c.ended(ctx, s) {
				t.write("event: end\ndata: \n\n")
				return
			}
			if !t.write(": still here\n\n") {
				return
			}
		case <-news:
		}
	}
}

// tell writes a state; false: the tab is gone.
func (t *tab) tell(s state) bool {
	data, err := json.Marshal(s)
	if err != nil {
		return false
	}
	t.seen = s.Mark
	return t.write(fmt.Sprintf("event: state\nid: %s\ndata: %s\n\n", s.Mark, data))
}

// write sends at once; false: the tab is gone, or does not read.
func (t *tab) write(text string) bool {
	_ = t.rc.SetWriteDeadline(time.Now().Add(streamWrite)) // not every ResponseWriter has deadlines
	_, err := t.w.Write([]byte(text))
	return err == nil && t.rc.Flush() == nil
}
