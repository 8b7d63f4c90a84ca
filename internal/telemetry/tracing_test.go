package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func TestTracingIsWantedByTheVariables(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env    map[string]string
		wanted bool
		err    string
	}{
		{},
		{env: map[string]string{"OTEL_SERVICE_NAME": "crm"}},
		{env: map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}},
		{env: map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "TRUE"}},
		{env: map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, wanted: true},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, wanted: true},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, wanted: true},
		{env: map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, err: "OTEL_TRACES_EXPORTER"},
		{env: map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, err: "OTEL_EXPORTER_OTLP_PROTOCOL"},
		{
			env: map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
			err: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
		},
	} {
		wanted, err := tracingWanted(func(name string) string { return c.env[name] })
		require.Equal(t, c.wanted, wanted, "%v", c.env)
		if c.err == "" {
			require.NoError(t, err, "%v", c.env)
			continue
		}
		require.ErrorContains(t, err, c.err+":")
	}
}

func TestWithoutVariablesNothingIsTraced(t *testing.T) {
	t.Parallel()
	tracing, err := NewTracing(t.Context(), "1.2.3", func(string) string { return "" }, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Nil(t, tracing)
}

func TestLogsNameTheTrace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := NewLogger(&out, LogConfig{Format: "json"})
	ctx, span := TracingTo().Received(t.Context(), "pusher", nil, false)
	defer span.End()
	log.With("consumer", "pusher").WarnContext(ctx, "in a trace")
	require.Contains(t, out.String(), `"trace_id":"`+span.SpanContext().TraceID().String()+`"`)

	out.Reset()
	log.WarnContext(t.Context(), "outside")
	require.NotContains(t, out.String(), "trace_id")
}

// TestAMessageThatComesAgainIsLinked: what comes first goes on with its trace.
func TestAMessageThatComesAgainIsLinked(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	tracing := TracingTo(sdktrace.WithSpanProcessor(recorder))
	began := time.Now().Add(-time.Hour)
	older, newest := tracing.Sent("crm.contacts.update", began), tracing.Sent("crm.contacts.update", time.Time{})
	require.Equal(t, began.UnixNano(), recorder.Ended()[0].StartTime().UnixNano())

	_, first := tracing.Received(t.Context(), "pusher", []string{older, "", "nonsense", newest}, false)
	require.Contains(t, newest, first.SpanContext().TraceID().String())
	links := first.(sdktrace.ReadOnlySpan).Links()
	require.Len(t, links, 1)
	require.Contains(t, older, links[0].SpanContext.TraceID().String())

	_, again := tracing.Received(t.Context(), "pusher", []string{newest}, true)
	require.False(t, again.(sdktrace.ReadOnlySpan).Parent().IsValid())
	require.Len(t, again.(sdktrace.ReadOnlySpan).Links(), 1)
}

func TestErrorsOfStatementsQuoteNothing(t *testing.T) {
	t.Parallel()
	const value = "ana@primer.si"
	for _, err := range []error{
		&pgconn.PgError{Severity: "ERROR", Code: "22P02", Message: "invalid input: " + value, Detail: value, Where: value, Hint: value},
		fmt.Errorf("failed to encode args[0]: %s", value),
	} {
		require.NotContains(t, fmt.Sprintf("%v %#v", unquoted(err), unquoted(err)), value)
	}
	require.NoError(t, unquoted(nil))
	require.ErrorIs(t, unquoted(fmt.Errorf("read: %w", pgx.ErrNoRows)), pgx.ErrNoRows)
	require.ErrorIs(t, unquoted(context.Canceled), context.Canceled)
	var pg *pgconn.PgError
	require.ErrorAs(t, unquoted(&pgconn.PgError{Code: "23505"}), &pg)
	require.Equal(t, "23505", pg.Code)
}

// TestStatementsOutsideATraceHaveNoSpan, and end none that is not theirs.
func TestStatementsOutsideATraceHaveNoSpan(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	tracing := TracingTo(sdktrace.WithSpanProcessor(recorder))
	of := tracing.Statements()
	ctx := of.TraceQueryStart(t.Context(), nil, pgx.TraceQueryStartData{SQL: "SELECT 1"})
	of.TraceQueryEnd(ctx, nil, pgx.TraceQueryEndData{Err: errors.New("away")})
	require.Empty(t, recorder.Started())

	ctx, span := tracing.Received(t.Context(), "pusher", nil, false)
	in := of.TraceQueryStart(ctx, nil, pgx.TraceQueryStartData{SQL: "SELECT $1", Args: []any{"ana@primer.si"}})
	of.TraceQueryEnd(in, nil, pgx.TraceQueryEndData{})
	require.Len(t, recorder.Ended(), 1)
	require.Equal(t, span.SpanContext().SpanID(), recorder.Ended()[0].Parent().SpanID())
	require.NotContains(t, fmt.Sprint(recorder.Ended()[0].Attributes()), "ana@primer.si")
	require.True(t, trace.SpanFromContext(ctx).IsRecording())
}

// BenchmarkTracedContact is what tracing adds to one contact on its way: the span of its
// message, that of its handling, and those of three calls and five statements, all sent to
// a collector.
func BenchmarkTracedContact(b *testing.B) {
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer collector.Close()
	exporter, err := otlptracehttp.New(b.Context(), otlptracehttp.WithEndpointURL(collector.URL))
	require.NoError(b, err)
	tracing := TracingTo(sdktrace.WithBatcher(exporter, sdktrace.WithBlocking()))
	defer tracing.Close(context.Background()) // before the collector
	of := tracing.Statements()
	b.ReportAllocs()
	for b.Loop() {
		parent := tracing.Sent("crm.contacts.update", time.Now())
		ctx, span := tracing.Received(context.Background(), "pusher", []string{parent}, false)
		for range 5 {
			in := of.TraceQueryStart(ctx, nil, pgx.TraceQueryStartData{SQL: "SELECT 1"})
			of.TraceQueryEnd(in, nil, pgx.TraceQueryEndData{})
		}
		for range 4 { // the reconcile, and the calls
			_, call := tracing.tracer.Start(ctx, "get_partner")
			call.End()
		}
		span.End()
	}
}

// BenchmarkUntracedStatement is what it costs where nothing is traced here.
func BenchmarkUntracedStatement(b *testing.B) {
	of := TracingTo().Statements()
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		of.TraceQueryEnd(of.TraceQueryStart(ctx, nil, pgx.TraceQueryStartData{SQL: "SELECT 1"}), nil, pgx.TraceQueryEndData{})
	}
}
