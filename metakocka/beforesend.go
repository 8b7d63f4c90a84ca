package metakocka

import "context"

type beforeSendKey struct{}

// BeforeSend gives a context whose Add and Update call f when they have their
// slot, right before each request is sent: what f stores about the request is
// not older than the request, however long that had to wait. An error of f is
// the call's own, and nothing is sent.
func BeforeSend(ctx context.Context, f func(context.Context) error) context.Context {
	return context.WithValue(ctx, beforeSendKey{}, f)
}

func beforeSend(ctx context.Context, endpoint string) error {
	f, ok := ctx.Value(beforeSendKey{}).(func(context.Context) error)
	if !ok || endpoint == EndpointGet {
		return nil
	}
	return f(ctx)
}
