package bus

import (
	"context"
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
	return scanTo(ctx, it, end, fn)
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

func scanTo(ctx context.Context, it jetstream.MessagesContext, end uint64, fn func(Stored) error) error {
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read message: %w", err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("read message: %w", err)
		}
		if meta.Sequence.Stream > end {
			return nil
		}
		if err := fn(storedFromMsg(m, meta)); err != nil {
			return scanEnd(err)
		}
		if meta.NumPending == 0 || meta.Sequence.Stream == end {
			return nil
		}
	}
}
