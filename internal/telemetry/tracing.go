package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracing begins the spans of this process and hands them to a collector. A change is one
// trace from its commit to the write on the other side: the messages carry it on
// (TraceParent). A span holds no value of a contact, and an error's kind in place of its
// words, which may quote one.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// TraceParent is the header of a message that its trace goes on with (W3C Trace Context).
const TraceParent = "traceparent"

const scope = "github.com/crmmind/mksync"

// NewTracing sets tracing up as the OTEL_ variables say; nil where none asks for it. How
// much is traced, under which name, and how it is sent is for the variables of
// OpenTelemetry's SDK.
func NewTracing(ctx context.Context, version string, getenv func(string) string, log *slog.Logger) (*Tracing, error) {
	wanted, err := tracingWanted(getenv)
	if !wanted || err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up tracing (OTEL_EXPORTER_OTLP_…): %w", err)
	}
	described, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(), resource.WithAttributes(
		attribute.String("service.name", "mksync"), attribute.String("service.version", version),
	), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("set up tracing (OTEL_RESOURCE_ATTRIBUTES): %w", err)
	}
	otel.SetErrorHandler(&spareLog{log: log})
	return TracingTo(sdktrace.WithBatcher(exporter), sdktrace.WithResource(described)), nil
}

// TracingTo is tracing with options of its own, for tests.
func TracingTo(opts ...sdktrace.TracerProviderOption) *Tracing {
	provider := sdktrace.NewTracerProvider(opts...)
	return &Tracing{provider: provider, tracer: provider.Tracer(scope)}
}

// tracingWanted reads whether anything is to be traced, and whether it can be sent as it
// is to be.
func tracingWanted(getenv func(string) string) (bool, error) {
	first := func(names ...string) (name, value string) {
		for _, name := range names {
			if value := strings.TrimSpace(getenv(name)); value != "" {
				return name, value
			}
		}
		return "", ""
	}

	if _, disabled := first("OTEL_SDK_DISABLED"); strings.EqualFold(disabled, "true") {
		return false, nil
	}
	_, exporter := first("OTEL_TRACES_EXPORTER")
	_, endpoint := first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	switch {
	case exporter == "none", exporter == "" && endpoint == "":
		return false, nil
	case exporter != "" && exporter != "otlp":
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER: %q is neither otlp nor none", exporter)
	}
	if name, protocol := first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return false, fmt.Errorf("%s: %q is not http/protobuf, which is what mksync sends; collectors take it at port 4318", name, protocol)
	}
	return true, nil
}

// Close sends what is not sent yet, where a collector takes it within a moment; whether it
// did is no matter of those who are traced.
func (t *Tracing) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	_ = t.provider.Shutdown(ctx)
}

// Sent begins a trace, at the time of what it is about (zero: now), and ends its first
// span, that of a message on its way. The message's header TraceParent is to have what it
// returns.
func (t *Tracing) Sent(name string, at time.Time, attrs ...attribute.KeyValue) string {
	opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(attrs...)}
	if !at.IsZero() {
		opts = append(opts, trace.WithTimestamp(at))
	}
	ctx, span := t.tracer.Start(context.Background(), name, opts...)
	span.End()
	return Headers(ctx).Get(TraceParent)
}

// Received begins the span of messages that are worked off together: in the trace of the
// newest one, or, where that comes again, in one of its own. All the others are linked.
func (t *Tracing) Received(ctx context.Context, name string, parents []string, again bool, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attrs...)}
	for i, parent := range parents {
		of := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{TraceParent: parent}))
		switch newest := i == len(parents)-1; {
		case !of.IsValid():
		case newest && !again:
			ctx = trace.ContextWithRemoteSpanContext(ctx, of)
		default:
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: of}))
		}
	}
	return t.tracer.Start(ctx, name, opts...)
}

// carrier are the headers of a message over NATS, in which a trace goes from program to program.
type carrier nats.Header

func (c carrier) Get(field string) string { return nats.Header(c).Get(field) }
func (c carrier) Set(field, value string) { nats.Header(c).Set(field, value) }
func (c carrier) Keys() []string          { return slices.Collect(maps.Keys(c)) }

// Headers are those of a request over NATS, with the trace that ctx is in.
func Headers(ctx context.Context) nats.Header {
	h := nats.Header{}
	propagation.TraceContext{}.Inject(ctx, carrier(h))
	return h
}

// Asked begins the span of a request that came over NATS: in the caller's trace where its
// headers say so.
func (t *Tracing) Asked(ctx context.Context, name string, header nats.Header) (context.Context, trace.Span) {
	ctx = propagation.TraceContext{}.Extract(ctx, carrier(header))
	return t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
}

// Asks begins the span of a request to a service, under the parent that whoever started this
// program names, where ctx is in no trace.
func (t *Tracing) Asks(ctx context.Context, name, parent string) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{TraceParent: parent})
	}
	return t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient))
}

// Transport makes a span of each request within a trace, named by the last part of its
// address. The trace ends there: the server is somebody else's.
func (t *Tracing) Transport(next http.RoundTripper) http.RoundTripper {
	return otelhttp.NewTransport(next,
		otelhttp.WithTracerProvider(t.provider),
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()),
		otelhttp.WithFilter(func(r *http.Request) bool { return trace.SpanFromContext(r.Context()).IsRecording() }),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return path.Base(r.URL.Path) }),
	)
}

// Server makes a span of each request to a route, in the caller's trace where it says so.
// The address may hold the id of a contact: the route stands for it.
func (t *Tracing) Server(route string, next http.Handler) http.Handler {
	of := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("url.path", route), attribute.String("http.route", route))
		next.ServeHTTP(w, r)
	})
	return otelhttp.NewHandler(of, route,
		otelhttp.WithTracerProvider(t.provider),
		otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + route }),
	)
}

// Failed notes the kind of an error at a span.
func Failed(span trace.Span, kind string) { span.SetStatus(codes.Error, kind) }

// spareLog logs what goes wrong with sending traces once in ten minutes: it goes wrong
// with each batch.
type spareLog struct {
	log  *slog.Logger
	last atomic.Int64
}

// Handle implements otel.ErrorHandler.
func (s *spareLog) Handle(err error) {
	const rest = 10 * time.Minute
	now := time.Now().UnixNano()
	if last := s.last.Load(); last != 0 && now-last < int64(rest) || !s.last.CompareAndSwap(s.last.Load(), now) {
		return
	}
	if errors.Is(err, context.Canceled) {
		return
	}
	s.log.Warn("traces are not sent (OTEL_EXPORTER_OTLP_…); everything else goes on", "error", err)
}

// traced adds the trace to what is logged within one.
type traced struct{ slog.Handler }

// Handle implements slog.Handler.
func (h traced) Handle(ctx context.Context, r slog.Record) error {
	if of := trace.SpanContextFromContext(ctx); of.IsSampled() {
		r.AddAttrs(slog.String("trace_id", of.TraceID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{h.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (h traced) WithGroup(name string) slog.Handler { return traced{h.Handler.WithGroup(name)} }
