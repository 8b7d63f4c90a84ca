package sim

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/crmmind/mksync/metakocka"
)

// BasePath is where the API is: a client's address is the server's plus BasePath.
const BasePath = "/rest/eshop/v1"

const maxBody = 16 << 20

// Server is the simulator. It is safe for concurrent use.
type Server struct {
	opts    Options
	control http.Handler
	turn    chan struct{} // held by the call that runs, with Options.Serial

	done    chan struct{} // closed by Close
	closing sync.Once
	late    sync.WaitGroup

	mu       sync.Mutex
	store    *store
	faults   Faults
	script   map[string][]Fault
	dice     *rand.Rand
	calls    Calls
	watchers []func(Call)
	closed   bool
}

// New makes a simulator that knows opts.Partners.
func New(opts Options) *Server {
	s := &Server{opts: opts.withDefaults(), turn: make(chan struct{}, 1), done: make(chan struct{})}
	s.control = s.controlHandler()
	s.Reset()
	return s
}

// Close ends waiting calls and whatever would have been processed later.
func (s *Server) Close() {
	s.closing.Do(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.closed = true
		close(s.done)
	})
	s.late.Wait()
}

// ServeHTTP serves the API and the control API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint, isAPI := strings.CutPrefix(r.URL.Path, BasePath+"/")
	switch {
	case isAPI && r.Method == http.MethodPost && s.endpoint(endpoint) != nil:
		s.api(w, r, endpoint)
	case strings.HasPrefix(r.URL.Path, "/control/"):
		s.control.ServeHTTP(w, r)
	default:
		page(w, http.StatusNotFound, "Not Found")
	}
}

// answer is what an endpoint gives: JSON attributes in the order of encoding/json.
type answer map[string]any

type endpoint func(args map[string]json.RawMessage) (answer, *refusal)

func (s *Server) endpoint(name string) endpoint {
	switch name {
	case metakocka.EndpointGet:
		return s.getPartner
	case metakocka.EndpointAdd:
		return s.addPartner
	case metakocka.EndpointUpdate:
		return s.updatePartner
	}
	return nil
}

// api runs one call. A caller that has gone away does not stop it, as the real
// server would not notice either.
func (s *Server) api(w http.ResponseWriter, r *http.Request, name string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	var args map[string]json.RawMessage
	if err != nil || json.Unmarshal(body, &args) != nil || !isJSONType(r) {
		page(w, http.StatusBadRequest, "Bad Request")
		return
	}
	plan := s.receive(name, args)
	defer s.enter(plan.latency)()
	s.perform(w, plan, func() answer { return s.process(name, args) })
}

func isJSONType(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
}

// enter waits for the call's turn and its latency; the result ends the turn.
func (s *Server) enter(latency time.Duration) (leave func()) {
	leave = func() {}
	if s.opts.Serial {
		select {
		case s.turn <- struct{}{}:
			leave = func() { <-s.turn }
		case <-s.done:
			panic(http.ErrAbortHandler)
		}
	}

	if latency <= 0 {
		return leave
	}
	timer := time.NewTimer(latency)
	defer timer.Stop()

	select {
	case <-timer.C:
		return leave
	case <-s.done:
		leave()
		panic(http.ErrAbortHandler)
	}
}

// plan is what is to happen to one call, decided when it arrives.
type plan struct {
	fault      Fault
	down       bool
	refuse     string
	latency    time.Duration
	lateBy     time.Duration
	retryAfter time.Duration
}

// perform carries the plan out; process runs the call.
func (s *Server) perform(w http.ResponseWriter, p plan, process func() answer) {
	switch {
	case p.down:
		page(w, http.StatusServiceUnavailable, "MetaKocka is being updated")
	case p.fault == Fault429:
		setRetryAfter(w, p.retryAfter)
		page(w, http.StatusTooManyRequests, "Too Many Requests")
	case p.fault == Fault5xx:
		setRetryAfter(w, p.retryAfter)
		page(w, http.StatusBadGateway, "Bad Gateway")
	case p.fault == FaultHTML:
		page(w, http.StatusOK, "MetaKocka is being updated")

	case p.fault == FaultBefore:
		panic(http.ErrAbortHandler)
	case p.fault == FaultLate:
		s.later(p.lateBy, process)
		panic(http.ErrAbortHandler)

	case p.fault == FaultRefused:
		s.send(w, s.refusalAnswer(s.wrongKey()))
	case p.refuse != "":
		s.send(w, s.refusalAnswer(&refusal{code: s.opts.WrongKeyCode, text: p.refuse}))
	default:
		s.respond(w, p.fault, process())
	}
}

// respond sends the answer of a call that was processed, or loses it.
func (s *Server) respond(w http.ResponseWriter, fault Fault, a answer) {
	switch fault {
	case FaultAfter:
		panic(http.ErrAbortHandler)
	case FaultHalf:
		half(w, a)
	case Fault504:
		page(w, http.StatusGatewayTimeout, "Gateway Time-out")
	case FaultGarbage:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"partner_list_count":"1","partner_`)
	default:
		s.send(w, a)
	}
}

func (s *Server) later(after time.Duration, process func() answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.late.Add(1)
	go func() {
		defer s.late.Done()
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-timer.C:
			process()
		case <-s.done:
		}
	}()
}

// process runs the call against the partners.
func (s *Server) process(name string, args map[string]json.RawMessage) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls.Processed[name]++
	if refused := s.authorize(args); refused != nil {
		return s.refusalAnswer(refused)
	}
	a, refused := s.endpoint(name)(args)
	if refused != nil {
		return s.refusalAnswer(refused)
	}
	if s.opts.ShowCode {
		a["opr_code"] = "0"
	}
	if s.opts.ShowTimes {
		a["opr_time_ms"], a["opr_time_no_lock_ms"] = s.number("120"), s.number("20")
	}
	return a
}

func (s *Server) authorize(args map[string]json.RawMessage) *refusal {
	secret, _ := textOf(args["secret_key"])
	company, _ := textOf(args["company_id"])
	if secret != s.opts.SecretKey || company != s.opts.CompanyID {
		return s.wrongKey()
	}
	return nil
}

func (s *Server) wrongKey() *refusal {
	return &refusal{code: s.opts.WrongKeyCode, text: s.opts.WrongKeyText}
}

func (s *Server) refusalAnswer(r *refusal) answer {
	code, key, text := "opr_code", "opr_desc", r.text
	switch {
	case s.opts.ErrorDesc:
		key = "error_desc"
	case s.opts.ErrorApp:
		code, key = "opr_code_app", "opr_desc_app"
	}
	if s.opts.EchoSecret {
		text += ` Request: {"secret_key":"` + s.opts.SecretKey + `","company_id":"` + s.opts.CompanyID + `"}`
	}
	return answer{code: r.code, key: text}
}

func (s *Server) send(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_ = encode(w, a)
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// half promises the whole answer and cuts the connection within it.
func half(w http.ResponseWriter, a answer) {
	var b bytes.Buffer
	_ = encode(&b, a)
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Content-Length", itoa(b.Len()))
	_, _ = w.Write(b.Bytes()[:b.Len()/2])
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

func page(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<!DOCTYPE html><html><head><title>"+title+"</title></head><body><h1>"+title+"</h1></body></html>")
}

func setRetryAfter(w http.ResponseWriter, d time.Duration) {
	if d > 0 {
		w.Header().Set("Retry-After", itoa(int(d.Round(time.Second)/time.Second)))
	}
}
