package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// end is the sequence of a stream's newest message; of a stream that is not
// there, zero.
func (b *Bus) end(ctx context.Context, stream string) (uint64, error) {
	s, err := b.stream(ctx, b.names.Stream(stream))
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

// cause is why a message was refused, or not answered for. A server that cannot write its
// files gives no answer, and refuses what follows; then nothing else has come into the
// stream behind what is acknowledged.
func (p *Publisher) cause(err error) error {
	var refused *AckError
	behind := errors.As(err, &refused) && refused.Code == codeWrongLastID
	if p.cfg.end == nil || p.Err() != nil || !p.nc.IsConnected() || !behind && !errors.Is(err, ErrAckTimeout) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	acked, _ := p.progress()
	end, ended := p.cfg.end(ctx, p.stream)
	if ended == nil && end == p.last.Sequence+acked {
		return fmt.Errorf("%w (%w)", ErrUnwritable, err)
	}
	return err
}

// unanswered is why a message of PublishSync got no answer in time.
func (b *Bus) unanswered(stream, id string, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout) || !b.nc.IsConnected() {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if last, _, asked := b.Last(ctx, stream); asked == nil && last.ID != id {
		return fmt.Errorf("%w (%v)", ErrUnwritable, err) //nolint:errorlint // not to be taken for the caller's deadline
	}
	return err
}

// codeWrongLastID is JetStream's code for a message that names another predecessor than
// the stream's newest message.
const codeWrongLastID = 10070

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
