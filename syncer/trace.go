package syncer

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// traced begins the span of a reconcile in the trace that ctx is in, and returns how to
// end it; without a trace it does nothing. It names no contact: the history has the trace's
// id.
func traced(ctx context.Context, t Trigger) (context.Context, func(Result, error)) {
	around := trace.SpanFromContext(ctx)
	if !around.IsRecording() {
		return ctx, func(Result, error) {}
	}
	ctx, span := around.TracerProvider().Tracer("github.com/crmmind/mksync/syncer").Start(ctx, "reconcile",
		trace.WithAttributes(attribute.String("mksync.cause", string(t.Cause))))
	return ctx, func(res Result, err error) {
		span.SetAttributes(attribute.String("mksync.status", string(res.Status)))
		if err != nil {
			span.SetStatus(codes.Error, string(codeOf(err))) // its words may quote a value
		}
		span.End()
	}
}

// traceID names the trace that ctx is in; "": none that is kept.
func traceID(ctx context.Context) string {
	if of := trace.SpanContextFromContext(ctx); of.IsSampled() {
		return of.TraceID().String()
	}
	return ""
}
