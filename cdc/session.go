package cdc

import "context"

func (l *Listener) runSession(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
