package metakocka

import (
	"context"
	"time"
)

type beforeSendKey struct{}

// PreparedFor is how long before its request what BeforeSend stored may have been
// stored. Storing takes time, in which no slot is to stand empty.
const PreparedFor = 250 * time.Millisecond

// BeforeSend gives a context whose Add and Update call f before each request is
// sent, and again when the request had to wait longer for its slot than
// PreparedFor: what f stores about the request is hardly older than the request.
// An error of f is the call's own, and nothing is sent.
func BeforeSend(ctx context.Context, f func(context.Context) error) context.Context {
	return context.WithValue(ctx, beforeSendKey{}, f)
}

// preparation calls f, and again where that has become too long ago.
type preparation struct {
	endpoint string
	done     time.Time
}

func (p *preparation) fresh(ctx context.Context) error {
	if time.Since(p.done) < PreparedFor {
		return nil
	}
	p.done = time.Now()
	return beforeSend(ctx, p.endpoint)
}

func beforeSend(ctx context.Context, endpoint string) error {
	f, ok := ctx.Value(beforeSendKey{}).(func(context.Context) error)
	if !ok || endpoint == EndpointGet {
		return nil
	}
	return f(ctx)
}
