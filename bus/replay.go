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
	if end == 0 {
		return nil
	}
	for cfg.OptStartSeq <= end {
		last, err := scanFrom(ctx, s, cfg, end, fn)
		if !errors.Is(err, errLeftOut) {
			return err
		}
		if last > 0 {
			cfg.DeliverPolicy, cfg.OptStartSeq, cfg.OptStartTime = jetstream.DeliverByStartSequencePolicy, last+1, nil
		}
	}
	return nil
}

// scanFrom reads from where cfg says; last is the sequence of the last message read, or 0.
func scanFrom(ctx context.Context, s jetstream.Stream, cfg jetstream.OrderedConsumerConfig, end uint64, fn func(Stored) error) (last uint64, err error) {
	oc, err := s.OrderedConsumer(ctx, cfg)
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", s.CachedInfo().Config.Name, err)
	}
	defer forget(ctx, s, oc)
	if info := oc.CachedInfo(); info != nil && info.NumPending == 0 {
		return 0, nil
	}
	it, err := oc.Messages()
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", s.CachedInfo().Config.Name, err)
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

// errLeftOut: the server's reader stands behind messages that it did not give.
// It happens where others are purged while it reads.
var errLeftOut = errors.New("the server left messages out")

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
		switch {
		case err != nil || info.NumPending > 0:
		case info.Delivered.Consumer == 0, info.Delivered.Stream <= last:
			return nil, nil //nolint:nilnil // no message is an answer, not an error
		default:
			return nil, errLeftOut
		}
	}
}

func scanTo(ctx context.Context, oc jetstream.Consumer, it jetstream.MessagesContext, end uint64, fn func(Stored) error) (last uint64, err error) {
	for {
		m, err := next(ctx, oc, it, last)
		if err != nil {
			return last, fmt.Errorf("read message: %w", err)
		}
		if m == nil {
			return last, nil
		}
		meta, err := m.Metadata()
		if err != nil {
			return last, fmt.Errorf("read message: %w", err)
		}
		last = meta.Sequence.Stream
		if last > end {
			return last, nil
		}
		if err := fn(storedFromMsg(m, meta)); err != nil {
			return last, scanEnd(err)
		}
		if meta.NumPending == 0 || last == end {
			return last, nil
		}
	}
}
