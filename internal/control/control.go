// Package control carries the desk's operations over NATS: a Service answers
// them as the micro service "mksync", several processes share the load, and a
// Client asks.
//
// A request is sent to "mksync." and the operation's name, in JSON. The answer
// is {"success":true,"data":…}, or {"success":false,"error":{"code","message"}}
// with the micro error headers, whose code is the HTTP status.
package control

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/crmmind/mksync/syncer"
)

// subjectPrefix stands before every operation's name.
const subjectPrefix = "mksync."

// atOnce is how many requests of one operation a process works on at a time.
const atOnce = 16

// Service is the micro service. It is made for one Run.
type Service struct {
	nc      *nats.Conn
	version string
	desk    syncer.Answerer
	log     *slog.Logger

	running sync.WaitGroup
}

// New returns a service that Run starts.
func New(nc *nats.Conn, version string, desk syncer.Answerer, log *slog.Logger) *Service {
	return &Service{nc: nc, version: version, desk: desk, log: log}
}

// Run answers requests until ctx ends, and lets those that run come to an end.
func (s *Service) Run(ctx context.Context) error {
	svc, err := micro.AddService(s.nc, micro.Config{
		Name: "mksync", Version: s.version, Description: "two-way sync of CRM contacts and MetaKocka partners", Metadata: metadata(),
	})
	if err != nil {
		return fmt.Errorf("start NATS service: %w", err)
	}
	for _, e := range syncer.Endpoints() {
		if err := s.register(ctx, svc, e); err != nil {
			_ = svc.Stop()
			return fmt.Errorf("start NATS service: %w", err)
		}
	}
	<-ctx.Done()
	err = svc.Stop()
	s.running.Wait()
	return err
}

// register serves one operation. Requests run side by side: one that waits for
// MetaKocka does not hold up the next.
func (s *Service) register(ctx context.Context, svc micro.Service, e syncer.Endpoint) error {
	slots := make(chan struct{}, atOnce)
	handle := func(r micro.Request) {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		s.running.Go(func() {
			defer func() { <-slots }()
			s.answer(ctx, r, e)
		})
	}
	name := strings.ReplaceAll(e.Subject(), ".", "-")
	return svc.AddEndpoint(name, micro.HandlerFunc(handle), micro.WithEndpointSubject(subjectPrefix+e.Subject()))
}

func (s *Service) answer(ctx context.Context, r micro.Request, e syncer.Endpoint) {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout())
	defer cancel()
	if subject := r.Headers().Get(headerWatch); subject != "" {
		ctx = syncer.WithWatch(ctx, watchOver(s.nc, subject))
	}
	data, err := s.desk.Answer(ctx, e.Subject(), r.Data())
	if err == nil {
		err = s.respond(r, data)
	} else {
		err = s.refuse(r, syncer.AsRequestError(err))
	}
	if err != nil {
		s.log.Debug("answer request", "operation", e.Subject(), "error", err)
	}
}

func (s *Service) respond(r micro.Request, data json.RawMessage) error {
	body, err := json.Marshal(syncer.Reply{Success: true, Data: data})
	if err != nil {
		return err
	}
	if int64(len(body)) > s.nc.MaxPayload() {
		return s.refuse(r, &syncer.RequestError{Code: syncer.CodeTooLarge, Message: "the answer is larger than the NATS server takes: ask for fewer (what was asked for is done)"})
	}
	return s.send(r, body, nil)
}

func (s *Service) refuse(r micro.Request, e *syncer.RequestError) error {
	body, err := json.Marshal(syncer.Reply{Error: e})
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
