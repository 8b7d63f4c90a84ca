package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A stream with a limit of size refuses what does not fit, so that nothing is dropped that
// nobody has read. Room is made by Trim, of what its consumers are through with; who
// publishes waits for it.

// Consumed is what a stream holds, and how far its consumers are through with it.
type Consumed struct {
	First, Last uint64 // sequences; an empty stream begins behind its last message
	Messages    uint64
	Bytes       int64
	MaxBytes    int64 // 0: no limit
	// UpTo is, by consumer, up to where all was acknowledged when First was read, or has
	// been removed since. It may be less than what was.
	UpTo map[string]uint64
}

// Consumed returns how far the consumers are through with a stream; one that never ran has
// not begun.
func (b *Bus) Consumed(ctx context.Context, stream string, durables ...string) (Consumed, error) {
	c := Consumed{UpTo: map[string]uint64{}}
	s, err := b.open(ctx, stream)
	if err != nil {
		return c, fmt.Errorf("look up stream %s: %w", stream, err)
	}

	end := s.CachedInfo().State.LastSeq
	for _, durable := range durables {
		consumer, err := b.js.Consumer(ctx, b.names.Stream(stream), b.names.durable(durable))
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			c.UpTo[durable] = 0
			continue
		}
		if err != nil {
			return c, fmt.Errorf("look up consumer %s: %w", durable, err)
		}
		if c.UpTo[durable], err = through(ctx, s, consumer.CachedInfo(), end); err != nil {
			return c, err
		}
	}
	info, err := infoOf(ctx, s) // after the consumers: what was removed before moved them, too
	if err != nil {
		return c, fmt.Errorf("look up stream %s: %w", stream, err)
	}

	st := info.State
	c.First = st.FirstSeq
	c.Last = st.LastSeq
	c.Messages = st.Msgs
	c.Bytes = int64(st.Bytes) //nolint:gosec // far below the limit
	c.MaxBytes = max(info.Config.MaxBytes, 0)
	return c, nil
}

// ConsumerState returns how many messages a consumer has not yet been given, at least 1 while
// there are any, and how many are in flight: taken by a process, or put off by a retry. A
// consumer that never ran has the whole stream before it.
func (b *Bus) ConsumerState(ctx context.Context, stream, durable string) (pending, inFlight uint64, err error) {
	c, err := b.js.Consumer(ctx, b.names.Stream(stream), b.names.durable(durable))
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		s, err := b.stream(ctx, b.names.Stream(stream))
		if err != nil {
			return 0, 0, fmt.Errorf("look up stream %s: %w", stream, err)
		}
		return s.CachedInfo().State.Msgs, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("look up consumer %s: %w", durable, err)
	}
	i := c.CachedInfo()
	pending = i.NumPending
	inFlight = uint64(max(i.NumAckPending, 0)) //nolint:gosec // not negative
	if pending+inFlight > 0 {
		return pending, inFlight, nil
	}

	// What was stored a moment ago may not be counted yet.
	s, err := b.stream(ctx, i.Stream)
	if err != nil {
		return 0, 0, fmt.Errorf("look up stream %s: %w", stream, err)
	}
	end := s.CachedInfo().State.LastSeq
	if upTo, err := through(ctx, s, i, end); err != nil || upTo < end {
		return 1, 0, err
	}
	return 0, 0, nil
}

// through is up to where a consumer is through with a stream that ends at end, or behind it.
// How many are pending for it does not tell: the server (2.15.3) counts a message for its
// consumers some time after it has stored it.
func through(ctx context.Context, s jetstream.Stream, i *jetstream.ConsumerInfo, end uint64) (uint64, error) {
	if i.NumAckPending > 0 {
		return i.AckFloor.Stream, nil
	}
	given := max(i.AckFloor.Stream, i.Delivered.Stream)
	if given >= end {
		return given, nil
	}

	// What it is not for counts as done.
	waits, err := holds(ctx, s, i.Config.FilterSubjects, given+1, end)
	if err != nil || waits {
		return given, err
	}
	return end, nil
}

// Trim makes room where a stream is more than half full: it removes the oldest messages up
// to a sequence, no more than are in the way, and never the newest, behind which its
// publisher goes on.
func (b *Bus) Trim(ctx context.Context, stream string, c Consumed, upTo uint64) error {
	over := c.Bytes - c.MaxBytes/2
	if c.MaxBytes == 0 || over <= 0 || c.Messages == 0 {
		return nil
	}
	share := uint64(float64(c.Messages)*float64(over)/float64(c.Bytes)) + 1
	from := min(upTo+1, c.First+share, c.Last)
	if from <= c.First {
		return nil
	}
	s, err := b.stream(ctx, b.names.Stream(stream))
	if err == nil {
		err = s.Purge(ctx, jetstream.WithPurgeSequence(from))
	}
	if err != nil {
		return fmt.Errorf("make room in stream %s: %w", stream, err)
	}
	return nil
}

// room is how many bytes a stream still takes, and how many it may hold; 0: any number.
func (b *Bus) room(ctx context.Context, stream string) (free, most int64, err error) {
	s, err := b.stream(ctx, b.names.Stream(stream))
	if err != nil {
		return 0, 0, fmt.Errorf("look up stream %s: %w", stream, err)
	}
	i := s.CachedInfo()
	most = max(i.Config.MaxBytes, 0)
	return most - int64(i.State.Bytes), most, nil //nolint:gosec // far below the limit
}

// roomPause is the time between two looks whether a full stream has room.
const roomPause = 100 * time.Millisecond

// awaitRoom waits until the stream has room for a message besides those in flight. Whoever
// has the publisher's turn calls it.
func (p *Publisher) awaitRoom(ctx context.Context, size int) error {
	if int64(size) > p.most/2 {
		return fmt.Errorf("%w: %d bytes, and the stream may hold %d", ErrTooLarge, size, p.most)
	}

	for p.free < int64(size) {
		p.mu.Lock()
		inFlight, err := p.win.bytes, p.err
		p.mu.Unlock()
		if err != nil {
			return err
		}

		// What is in flight is not counted by the server yet.
		free, most, err := p.cfg.room(ctx, p.stream)
		if err != nil {
			return p.fail(fmt.Errorf("%w: %w", ErrPublisherBroken, err))
		}
		p.free = free - int64(inFlight)
		p.most = most
		if most == 0 || p.free >= int64(size) {
			return nil
		}

		select {
		case <-p.done:
			return p.Err()
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(roomPause):
		}
	}
	return nil
}
