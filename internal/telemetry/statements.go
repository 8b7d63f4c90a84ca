package telemetry

import (
	"context"
	"errors"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/trace"
)

// Statements makes a span of each statement, and of each batch, within a trace.
func (t *Tracing) Statements() pgx.QueryTracer {
	return statements{otelpgx.NewTracer(
		otelpgx.WithTracerProvider(t.provider),
		otelpgx.WithDisableConnectionDetailsInAttributes(),
		otelpgx.WithDisableSQLStatementInAttributes(), // a kilobyte and more, which anybody can read in the code
	)}
}

// statements is otelpgx without what a database's errors quote, and without a span for
// each statement of a batch, whose time alone nobody knows. Outside a trace it does nothing.
type statements struct{ of *otelpgx.Tracer }

// TraceQueryStart implements pgx.QueryTracer.
func (s statements) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx
	}
	data.Args = nil
	return context.WithValue(s.of.TraceQueryStart(ctx, conn, data), statementKey{}, true)
}

// TraceQueryEnd implements pgx.QueryTracer.
func (s statements) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	if ctx.Value(statementKey{}) != nil {
		data.Err = unquoted(data.Err)
		s.of.TraceQueryEnd(ctx, conn, data)
	}
}

// TraceBatchStart implements pgx.BatchTracer.
func (s statements) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx
	}
	ctx = s.of.TraceBatchStart(ctx, conn, data)
	trace.SpanFromContext(ctx).SetName("batch")
	return context.WithValue(ctx, statementKey{}, true)
}

// TraceBatchQuery implements pgx.BatchTracer.
func (s statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (s statements) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	if ctx.Value(statementKey{}) != nil {
		data.Err = unquoted(data.Err)
		s.of.TraceBatchEnd(ctx, conn, data)
	}
}

// statementKey marks the context of a statement that has a span: without one the span in
// it is that of the work around it, and is not to be ended.
type statementKey struct{}

var errNoAnswer = errors.New("the statement got no answer")

// unquoted is an error without words that may quote a value.
func unquoted(err error) error {
	var pg *pgconn.PgError
	switch {
	case err == nil, errors.Is(err, pgx.ErrNoRows), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &pg):
		return &pgconn.PgError{Severity: pg.Severity, Code: pg.Code, ConstraintName: pg.ConstraintName}
	}
	return errNoAnswer
}
