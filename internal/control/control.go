// Package control carries the API's operations over NATS: a Service answers
// them as the micro service "mksync" (of an instance: "mksync_<name>"), several processes share the load, and a
// Client asks.
//
// A request is sent to "mksync." and the operation's name, in JSON. The answer
// is {"success":true,"data":…}, or {"success":false,"error":{"code","message"}}
// with the micro error headers, whose code is the HTTP status. The header
// Mksync-By says who asks, Mksync-Deadline until when the answer is waited for:
// what could not be begun before is not begun. Traceparent and tracestate, in lower
// case, name the trace that it is part of (W3C Trace Context). Answers, and what a watch is told,
// go to inboxes only: subjects that begin with _INBOX.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// serviceAbout is how the micro service shows itself.
const serviceAbout = "two-way sync of CRM contacts and MetaKocka partners"

// subjectPrefix stands before every operation's name, behind the instance's.
const subjectPrefix = "mksync."

// Headers of a request, besides that of a watch.
const (
	headerBy       = "Mksync-By"
	headerDeadline = "Mksync-Deadline" // RFC 3339
)

// atOnce is how many requests of one operation a process works on at a time.
const atOnce = 16

// flushWithin is how long the server may take to notice that the service stops.
const flushWithin = 2 * time.Second

// Trace begins the span of a request, in the trace that its headers name; end gets what came
// of it.
type Trace func(ctx context.Context, name string, header nats.Header) (traced context.Context, end func(error))

// Service is the micro service. It is made for one Run.
type Service struct {
	// Trace is nil where nothing is traced.
	Trace Trace

	nc      *nats.Conn
	names   bus.Names
	version string
	api     operations.Answerer
	roles   map[string]operations.Role
	log     *slog.Logger

	running sync.WaitGroup
	counts  map[string]*counts // by endpoint's name
}

// counts are what the micro service's own statistics cannot tell: requests are
// worked on behind the endpoint's back.
type counts struct{ answered, refused, running atomic.Int64 }

// MarshalJSON makes them part of the statistics.
func (c *counts) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]int64{"answered": c.answered.Load(), "refused": c.refused.Load(), "running": c.running.Load()})
}

// New returns a service that Run starts. Who is handed on by a name that has a role may
// what that role may; who reaches the server otherwise may everything.
func New(nc *nats.Conn, names bus.Names, version string, api operations.Answerer, roles map[string]operations.Role, log *slog.Logger) *Service {
	s := &Service{nc: nc, names: names, version: version, api: api, roles: roles, log: log, counts: map[string]*counts{}}
	for _, e := range operations.Endpoints() {
		s.counts[endpointName(e)] = &counts{}
	}
	return s
}

// endpointName is an operation's name as micro allows it.
func endpointName(e operations.Endpoint) string { return strings.ReplaceAll(e.Subject(), ".", "-") }

// description describes an operation to whoever asks the micro service for it.
func description(e operations.Endpoint) map[string]string {
	request, answer := e.Types()
	return map[string]string{
		"description": operations.About(e), "timeout": e.Timeout().String(),
		"request_schema": alone(request), "data_schema": alone(answer),
	}
}

// Run answers requests until ctx ends, and lets those that run come to an end.
func (s *Service) Run(ctx context.Context) error {
	svc, err := micro.AddService(s.nc, micro.Config{
		Name: s.names.Base(), Version: s.version, Description: serviceAbout,
		Metadata:     metadata(),
		StatsHandler: func(e *micro.Endpoint) any { return s.counts[e.Name] },
	})
	if err != nil {
		return fmt.Errorf("start NATS service: %w", err)
	}

	for _, e := range operations.Endpoints() {
		if err := s.register(ctx, svc, e); err != nil {
			_ = svc.Stop()
			return fmt.Errorf("start NATS service: %w", err)
		}
	}

	<-ctx.Done()
	err = svc.Stop()
	if s.nc.IsConnected() { // then whatever was sent here before is answered
		err = errors.Join(err, s.nc.FlushTimeout(flushWithin))
	}
	s.running.Wait()
	return err
}

// register serves one operation. Requests run side by side: one that waits for
// MetaKocka does not hold up the next.
func (s *Service) register(ctx context.Context, svc micro.Service, e operations.Endpoint) error {
	slots, count := make(chan struct{}, atOnce), s.counts[endpointName(e)]
	handle := func(r micro.Request) {
		if !answerable(r.Reply()) {
			count.refused.Add(1)
			s.log.Warn("a request over NATS is ignored: its answer would not go to an inbox", "operation", e.Subject(), "reply", r.Reply())
			return
		}
		if !enter(ctx, slots) {
			count.refused.Add(1)
			_ = s.refuse(r, syncer.AsRequestError(errStopping)) // or nobody listens any more
			return
		}
		s.running.Go(func() {
			defer func() { <-slots }()
			count.running.Add(1)
			defer count.running.Add(-1)
			s.answer(ctx, r, e, count)
		})
	}

	return svc.AddEndpoint(endpointName(e), micro.HandlerFunc(handle),
		micro.WithEndpointSubject(s.names.Subject(subjectPrefix+e.Subject())), micro.WithEndpointMetadata(description(e)))
}

// inboxes are where answers may go. Whoever asks names the subject, and the service may
// publish where they may not: to the streams, and to the API that empties them.
const inboxes = "_INBOX."

// answerable tells whether an answer may go to a subject; "" asks for none.
func answerable(subject string) bool {
	return subject == "" || strings.HasPrefix(subject, inboxes) && !strings.ContainsAny(subject, "*> \t\r\n")
}

// enter waits for a place; false: ctx has ended.
func enter(ctx context.Context, slots chan<- struct{}) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Service) answer(ctx context.Context, r micro.Request, e operations.Endpoint, count *counts) {
	end := func(error) {}
	if s.Trace != nil {
		ctx, end = s.Trace(ctx, subjectPrefix+e.Subject(), nats.Header(r.Headers()))
	}
	data, err := s.ask(ctx, r, e)
	end(err)
	if err == nil {
		count.answered.Add(1)
		err = s.respond(r, data)
	} else {
		count.refused.Add(1)
		err = s.refuse(r, syncer.AsRequestError(err))
	}
	if err != nil {
		s.log.Debug("answer request", "operation", e.Subject(), "error", err)
	}
}

// ask asks the API, in the name and until the time that the headers say.
func (s *Service) ask(ctx context.Context, r micro.Request, e operations.Endpoint) (answer []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("request panicked", "operation", e.Subject(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			answer, err = nil, syncer.ErrInternal
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, e.Timeout())
	defer cancel()

	h := r.Headers()
	if by := h.Get(headerBy); by != "" {
		if !operations.IsCaller(by) {
			return nil, syncer.Refuse(syncer.CodeMalformed, "request.by", "{which}: is not a name: letters, digits, _ . @ and - only, at most 64", headerBy)
		}
		role, has := s.roles[by]
		if !has {
			role = operations.Admin
		}
		ctx = operations.AskedBy(ctx, operations.Caller{Name: by, Role: role})
	}

	// Whoever asks may wait no longer: what comes too late is not begun.
	if text := h.Get(headerDeadline); text != "" {
		deadline, err := time.Parse(time.RFC3339Nano, text)
		switch {
		case err != nil:
			return nil, syncer.Refuse(syncer.CodeMalformed, "request.deadline", "{which}: is not a time such as 2026-01-31T12:00:00Z", headerDeadline)
		case time.Now().After(deadline):
			return nil, errTooLate
		}
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}

	if subject := h.Get(headerWatch); subject != "" {
		if !answerable(subject) {
			return nil, syncer.Refuse(syncer.CodeMalformed, "request.inbox", "{which}: is no inbox: a subject that begins with {prefix}", headerWatch, inboxes)
		}
		ctx = operations.WithWatch(ctx, watchOver(s.nc, subject))
	}

	return s.api.Answer(ctx, e.Subject(), r.Data())
}

func (s *Service) respond(r micro.Request, data json.RawMessage) error {
	body, err := json.Marshal(operations.Reply{Success: true, Data: data})
	if err != nil {
		return err
	}
	if int64(len(body)) > s.nc.MaxPayload() {
		return s.refuse(r, syncer.AsRequestError(errLargeAnswer))
	}
	return s.send(r, body, nil)
}

func (s *Service) refuse(r micro.Request, e *syncer.RequestError) error {
	body, err := json.Marshal(operations.Reply{Error: e})
	if err != nil {
		return err
	}
	return s.send(r, body, nats.Header{
		micro.ErrorCodeHeader: {strconv.Itoa(e.Code.HTTP())}, micro.ErrorHeader: {headerText(e.Message)},
	})
}

// send answers on the connection itself: the request's own ways note the outcome
// where the endpoint, whose handler has returned long ago, reads it.
func (s *Service) send(r micro.Request, body []byte, h nats.Header) error {
	return s.nc.PublishMsg(&nats.Msg{Subject: r.Reply(), Data: body, Header: h})
}

// headerText is a message fit for a header: one line, not long.
func headerText(message string) string {
	const most = 512
	text := strings.Join(strings.Fields(message), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	if text == "" {
		return "error"
	}
	return text
}
