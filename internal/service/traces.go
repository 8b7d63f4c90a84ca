package service

import (
	"context"
	"net/http"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
	"github.com/crmmind/mksync/syncer/work"
)

// What the parts tell of traces. Where nothing is traced they have no hook to call.

// Attributes of spans. A span has the event's id, by which mksync_history finds it, and a
// contact's key only where that says nothing of a person.
const (
	attrEvent   = attribute.Key("mksync.event_id")
	attrContact = attribute.Key("mksync.contact")
	attrPartner = attribute.Key("mksync.partner")
	attrOutcome = attribute.Key("mksync.outcome")
	attrCount   = attribute.Key("messaging.batch.message_count")
)

// ofContact is a contact's key where it is a UUID or a number. Another one may be somebody's
// e-mail address, and traces go to whoever collects them.
func ofContact(key string) []attribute.KeyValue {
	if _, err := strconv.ParseInt(key, 10, 64); err != nil && uuid.Validate(key) != nil {
		return nil
	}
	return []attribute.KeyValue{attrContact.String(key)}
}

// traceRelay has the messages of contacts' changes go on with their traces.
func (s *Service) traceRelay() {
	if s.Tracing == nil {
		return
	}
	s.relay.Traced(func(ev *cdc.Event, id string) string {
		return s.Tracing.Sent("crm.contacts."+ev.Op.String(), ev.CommitTime, append(ofContact(ev.Key), attrEvent.String(id))...)
	})
}

// tracePolled gives the messages of partners' changes their traces; nil: there are none.
func (s *Service) tracePolled() func(kind string, ev event.PartnerEvent) string {
	if s.Tracing == nil {
		return nil
	}
	return func(kind string, ev event.PartnerEvent) string {
		return s.Tracing.Sent("metakocka.partners."+kind, ev.SeenAt, attrPartner.String(ev.MetaKockaID))
	}
}

// traceWork goes on with the traces of messages that are worked off.
func (s *Service) traceWork(cfg *work.WorkerConfig) {
	if s.Tracing == nil {
		return
	}
	cfg.Trace = func(ctx context.Context, consumer string, w *bus.Work) (context.Context, func(bus.Outcome)) {
		newest := w.Deliveries[len(w.Deliveries)-1]
		attrs := []attribute.KeyValue{attrEvent.String(newest.Header.Get(event.HeaderID)), attrCount.Int(len(w.Deliveries))}
		if consumer == event.ConsumerPuller {
			attrs = append(attrs, attrPartner.String(w.Key))
		} else {
			attrs = append(attrs, ofContact(w.Key)...)
		}

		var parents []string
		for _, d := range w.Deliveries {
			parents = append(parents, d.Header.Get(event.HeaderTrace))
		}
		ctx, span := s.Tracing.Received(ctx, consumer, parents, newest.Attempts > 1, attrs...)
		return ctx, func(outcome bus.Outcome) {
			span.SetAttributes(attrOutcome.String(string(outcome)))
			if outcome != bus.Done {
				telemetry.Failed(span, string(outcome))
			}
			span.End()
		}
	}
}

// traceCalls puts spans around the calls of MetaKocka.
func (s *Service) traceCalls(cfg *metakocka.Config) {
	if s.Tracing != nil {
		cfg.Transport = s.Tracing.Transport
	}
}

// traceStatements makes spans of statements; nil: nobody does.
func (s *Service) traceStatements() pgx.QueryTracer {
	if s.Tracing == nil {
		return nil
	}
	return s.Tracing.Statements()
}

// traceRequests puts spans around what is asked for over HTTP; nil: nobody does.
func (s *Service) traceRequests() func(route string, next http.Handler) http.Handler {
	if s.Tracing == nil {
		return nil
	}
	return s.Tracing.Server
}

// traceAsked puts spans around what is asked for over NATS; nil: nobody does.
func (s *Service) traceAsked() control.Trace {
	if s.Tracing == nil {
		return nil
	}
	return func(ctx context.Context, name string, header nats.Header) (context.Context, func(error)) {
		ctx, span := s.Tracing.Asked(ctx, name, header)
		return ctx, func(err error) {
			if err != nil {
				telemetry.Failed(span, string(syncer.AsRequestError(err).Code))
			}
			span.End()
		}
	}
}
