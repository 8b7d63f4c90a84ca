package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Range says which messages of a stream to read. Zero values do not bound it.
type Range struct {
	FromSeq uint64    // wins over Since
	Since   time.Time // stored at or after
	Until   time.Time // stored before
	Filters []string  // subjects
}

// Replay reads the messages that the stream holds now, oldest first, and gives them to fn,
// which ends it with an error. It neither acknowledges nor changes anything.
func (b *Bus) Replay(ctx context.Context, stream string, r Range, fn func(Stored) error) error {
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: r.Filters}
	switch {
	case r.FromSeq > 0:
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, r.FromSeq
	case !r.Since.IsZero():
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &r.Since
	}
	return b.scan(ctx, stream, cfg, func(m Stored) error {
		if !r.Until.IsZero() && !m.Time.Before(r.Until) {
			return errScanDone
		}
		return fn(m)
	})
}

// scan reads from an ordered consumer up to what the stream held when it began.
func (b *Bus) scan(ctx context.Context, stream string, cfg jetstream.OrderedConsumerConfig, fn func(Stored) error) error {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", stream, err)
	}
	end := s.CachedInfo().State.LastSeq
	if end == 0 || cfg.OptStartSeq > end {
		return nil
	}
	oc, err := s.OrderedConsumer(ctx, cfg)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", stream, err)
	}
	defer forget(ctx, s, oc)
	if info := oc.CachedInfo(); info != nil && info.NumPending == 0 {
		return nil
	}
	it, err := oc.Messages()
	if err != nil {
		return fmt.Errorf("read stream %s: %w", stream, err)
	}
	defer it.Stop()
	return scanTo(ctx, oc, it, end, fn)
}

// forget deletes the server's half of a reader at once: the server itself would
// keep it for minutes, and has room for so many only.
func forget(ctx context.Context, s jetstream.Stream, oc jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if info := oc.CachedInfo(); info != nil {
		_ = s.DeleteConsumer(ctx, info.Name)
	}
}

// scanPatience is how long a message may take that the server said it has.
const scanPatience = time.Second

// next is the next message; nil when there is none any more, because what was there when
// the scan began was removed meanwhile. last is the sequence of the one before.
func next(ctx context.Context, oc jetstream.Consumer, it jetstream.MessagesContext, last uint64) (jetstream.Msg, error) {
	for {
		wait, cancel := context.WithTimeout(ctx, scanPatience)
		m, err := it.Next(jetstream.NextContext(wait))
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return m, err
		}
		info, err := oc.Info(ctx)
		if err == nil && info.NumPending == 0 && (info.Delivered.Consumer == 0 || info.Delivered.Stream <= last) {
			return nil, nil //nolint:nilnil // no message is an answer, not an error
		}
	}
}

func scanTo(ctx context.Context, oc jetstream.Consumer, it jetstream.MessagesContext, end uint64, fn func(Stored) error) error {
	last := uint64(0)
	for {
		m, err := next(ctx, oc, it, last)
		if err != nil {
			return fmt.Errorf("read message: %w", err)
		}
		if m == nil {
			return nil
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("read message: %w", err)
		}
		last = meta.Sequence.Stream
		if last > end {
			return nil
		}
		if err := fn(storedFromMsg(m, meta)); err != nil {
			return scanEnd(err)
		}
		if meta.NumPending == 0 || last == end {
			return nil
		}
	}
}
