package telemetry

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// tailLines is how many of the last lines of the log a Tail keeps.
const tailLines = 500

// Tail keeps the last lines of a log, for whoever reports a fault.
type Tail struct {
	mu    sync.Mutex // guards lines
	lines []TailLine
}

// TailLine is a line of the log. A value of its attributes is a number, a truth or a text.
type TailLine struct {
	At         time.Time
	Level      string
	Message    string
	Attributes map[string]any
}

// Over returns a logger that writes as log does, and keeps what it writes in t.
func (t *Tail) Over(log *slog.Logger) *slog.Logger {
	return slog.New(tailed{Handler: log.Handler(), tail: t})
}

// Last are the last lines, n at most, oldest first.
func (t *Tail) Last(n int) []TailLine {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lines[max(0, len(t.lines)-n):])
}

func (t *Tail) add(l TailLine) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) >= 2*tailLines { // moved once for many lines
		t.lines = slices.Clone(t.lines[len(t.lines)-tailLines:])
	}
	t.lines = append(t.lines, l)
}

// tailed is a handler with a Tail beside it.
type tailed struct {
	slog.Handler
	tail  *Tail
	with  []slog.Attr
	group string
}

// Handle implements slog.Handler.
func (h tailed) Handle(ctx context.Context, r slog.Record) error {
	l := TailLine{At: r.Time, Level: r.Level.String(), Message: r.Message, Attributes: map[string]any{}}
	for _, a := range h.with {
		l.add("", a)
	}
	r.Attrs(func(a slog.Attr) bool {
		l.add(h.group, a)
		return true
	})
	h.tail.add(l)
	return h.Handler.Handle(ctx, r)
}

// longestValue bounds a text of the tail: lines are kept in memory.
const longestValue = 1000

func (l TailLine) add(group string, a slog.Attr) {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindInt64, slog.KindUint64, slog.KindFloat64, slog.KindBool:
		l.Attributes[group+a.Key] = v.Any()
	case slog.KindGroup:
		for _, inner := range v.Group() {
			l.add(group+a.Key+".", inner)
		}
	default:
		text := v.String()
		l.Attributes[group+a.Key] = text[:min(len(text), longestValue)]
	}
}

// WithAttrs implements slog.Handler.
func (h tailed) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.Handler = h.Handler.WithAttrs(attrs)
	h.with = slices.Clone(h.with)
	for _, a := range attrs {
		a.Key = h.group + a.Key
		h.with = append(h.with, a)
	}
	return h
}

// WithGroup implements slog.Handler.
func (h tailed) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	h.group += name + "."
	return h
}
