package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// end is the sequence of a stream's newest message; of a stream that is not
// there, zero.
func (b *Bus) end(ctx context.Context, stream string) (uint64, error) {
	s, err := b.js.Stream(ctx, stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return s.CachedInfo().State.LastSeq, nil
}

// Check asks the server whether the stream holds what it acknowledged. An error that is
// ErrPublisherBroken says that it does not.
func (p *Publisher) Check(ctx context.Context) error {
	p.mu.Lock()
	acked, err := p.acked, p.err
	p.mu.Unlock()
	if err != nil || p.cfg.end == nil {
		return err
	}
	end, err := p.cfg.end(ctx, p.stream)
	if err == nil && end < p.last.Sequence+acked {
		return p.fail(fmt.Errorf("%w: %w", ErrPublisherBroken, ErrStreamLost))
	}
	return err
}

// checkEnd breaks the publisher when the stream no longer holds what it
// acknowledged: it was deleted, or the server lost its files. Readers that had
// not come so far would wait for it in vain until the next message.
func (p *Publisher) checkEnd() {
	if p.nc.IsConnected() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.Check(ctx)
	}
}
