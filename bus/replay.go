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
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: b.names.subjects(r.Filters)}
	switch {
	case r.FromSeq > 0:
		cfg.DeliverPolicy = jetstream.DeliverByStartSequencePolicy
		cfg.OptStartSeq = r.FromSeq
	case !r.Since.IsZero():
		cfg.DeliverPolicy = jetstream.DeliverByStartTimePolicy
		cfg.OptStartTime = &r.Since
	}
	s, err := b.stream(ctx, b.names.Stream(stream))
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", stream, err)
	}
	return b.scan(ctx, s, cfg, s.CachedInfo().State.LastSeq, func(m Stored) error {
		if !r.Until.IsZero() && !m.Time.Before(r.Until) {
			return errScanDone
		}
		return fn(m)
	})
}

// scan reads what the stream holds, up to a sequence, and gives it to fn. A reader that
// falls silent before that is followed by another one: the server that kept it may be
// gone, or never have got its request for messages, which a cluster loses where the
// server that the client is at does not know of the new reader yet. The client would
// notice neither, for it counts missed heartbeats only as long as one call of Next waits.
func (b *Bus) scan(ctx context.Context, s jetstream.Stream, cfg jetstream.OrderedConsumerConfig, end uint64, fn func(Stored) error) error {
	for patience := readerPatience; ; patience *= 2 {
		last, err := b.read(ctx, s, cfg, end, patience, fn)
		switch {
		case errors.Is(err, errSilent):
			b.log.Debug("a reader fell silent, another one goes on", "stream", s.CachedInfo().Config.Name, "behind", last)
		case err != nil:
			return scanEnd(err)
		default:
			return nil
		}

		cfg.DeliverPolicy = jetstream.DeliverByStartSequencePolicy
		cfg.OptStartSeq = last + 1
		cfg.OptStartTime = nil
	}
}

// read is one reader of a scan. It returns the sequence up to which it read; errSilent
// where there is more that does not come.
func (b *Bus) read(ctx context.Context, s jetstream.Stream, cfg jetstream.OrderedConsumerConfig, end uint64, patience time.Duration, fn func(Stored) error) (last uint64, err error) {
	stream := s.CachedInfo().Config.Name
	oc, err := s.OrderedConsumer(ctx, cfg)
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", stream, err)
	}
	defer forget(ctx, s, oc)

	it, err := oc.Messages()
	if err != nil {
		return 0, fmt.Errorf("read stream %s: %w", stream, err)
	}
	defer it.Stop()

	// Nothing pending is not yet the end: messages may have been stored since the server counted.
	began, heard := oc.CachedInfo(), time.Now()
	pending, last := began.NumPending, began.Delivered.Stream
	for last < end {
		if pending == 0 {
			some, err := holds(ctx, s, cfg.FilterSubjects, last+1, end)
			switch {
			case err != nil || !some:
				return last, err
			case time.Since(heard) > patience:
				return last, errSilent
			}
		}

		m, err := next(ctx, it)
		if err != nil {
			return last, fmt.Errorf("read stream %s: %w", stream, err)
		}
		if m == nil {
			pending = 0
			continue
		}

		meta, err := m.Metadata()
		if err != nil {
			return last, fmt.Errorf("read stream %s: %w", stream, err)
		}
		pending, last = meta.NumPending, meta.Sequence.Stream
		if last > end {
			return last, nil
		}

		if err := fn(b.names.stored(m.Subject(), m.Headers(), m.Data(), last, meta.Timestamp)); err != nil {
			return last, err
		}
		heard = time.Now()
	}
	return last, nil
}

// holds tells whether the stream holds a message from one sequence up to another that
// the filters choose. How many a consumer says are pending does not tell: the server
// counts one that is removed while the consumer begins twice, and one that was removed
// may stay counted.
func holds(ctx context.Context, s jetstream.Stream, filters []string, from, end uint64) (bool, error) {
	m, err := firstOf(ctx, s, filters, from)
	return m != nil && m.Sequence <= end, err
}

// firstOf is the first message of a stream from a sequence on that the filters choose; nil
// when there is none.
func firstOf(ctx context.Context, s jetstream.Stream, filters []string, from uint64) (next *jetstream.RawStreamMsg, err error) {
	if len(filters) == 0 {
		filters = []string{">"}
	}
	for _, f := range filters {
		m, err := s.GetMsg(ctx, from, jetstream.WithGetMsgSubject(f))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for messages in %s: %w", s.CachedInfo().Config.Name, err)
		}
		if next == nil || m.Sequence < next.Sequence {
			next = m
		}
	}
	return next, nil
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

// scanPatience is how long a message is waited for before the stream is asked whether
// there is one.
const scanPatience = 100 * time.Millisecond

// readerPatience is how long the first reader of a scan may be silent though there is more.
const readerPatience = time.Second

// next is the next message; nil when it takes long, perhaps because it was removed.
func next(ctx context.Context, it jetstream.MessagesContext) (jetstream.Msg, error) {
	wait, cancel := context.WithTimeout(ctx, scanPatience)
	defer cancel()
	m, err := it.Next(jetstream.NextContext(wait))
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, nil //nolint:nilnil // no message is an answer, not an error
	}
	return m, err
}
