package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Message is what is published. A Publisher adds headers of its own to its Header.
type Message struct {
	Subject string
	ID      string // Nats-Msg-Id
	Header  nats.Header
	Data    []byte
}

// Stored is a message as a stream holds it.
type Stored struct {
	Sequence uint64
	ID       string // Nats-Msg-Id, "" without one
	Subject  string
	Time     time.Time
	Header   nats.Header
	Data     []byte
}

// Last returns the newest message of a stream. When the stream held messages but the newest
// is gone (expired, purged), found is false and only the sequence is set; an empty stream
// has sequence zero.
func (b *Bus) Last(ctx context.Context, stream string) (last Stored, found bool, err error) {
	s, err := b.open(ctx, stream)
	if err != nil {
		return Stored{}, false, fmt.Errorf("look up stream %s: %w", stream, err)
	}
	return b.newest(ctx, s)
}

// newest is Last of a stream that was looked up just now.
func (b *Bus) newest(ctx context.Context, s jetstream.Stream) (last Stored, found bool, err error) {
	info := s.CachedInfo()
	last.Sequence = info.State.LastSeq
	if last.Sequence == 0 {
		return last, false, nil
	}

	m, err := s.GetMsg(ctx, last.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return last, false, nil
	}
	if err != nil {
		return Stored{}, false, fmt.Errorf("read last message of %s: %w", info.Config.Name, err)
	}
	return b.names.storedFromRaw(m), true, nil
}

// Before returns the newest message of a stream before a sequence; found is false where
// the stream holds none. First is where the stream begins.
func (b *Bus) Before(ctx context.Context, stream string, sequence uint64) (m Stored, first uint64, found bool, err error) {
	s, err := b.stream(ctx, b.names.Stream(stream))
	if err != nil {
		return Stored{}, 0, false, fmt.Errorf("look up stream %s: %w", stream, err)
	}
	first = s.CachedInfo().State.FirstSeq
	for sequence--; sequence >= max(first, 1); sequence-- {
		raw, err := s.GetMsg(ctx, sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return Stored{}, 0, false, fmt.Errorf("read message %d of %s: %w", sequence, stream, err)
		}
		return b.names.storedFromRaw(raw), first, true, nil
	}
	return Stored{}, first, false, nil
}

func (n Names) storedFromRaw(m *jetstream.RawStreamMsg) Stored {
	return n.stored(m.Subject, m.Header, m.Data, m.Sequence, m.Time)
}

// PublishSync publishes one message and waits until the stream holds it. It is not ordered
// against a Publisher's messages and breaks one that writes to the same stream.
func (b *Bus) PublishSync(ctx context.Context, stream string, m Message) (sequence uint64, err error) {
	msg := &nats.Msg{Subject: b.names.Subject(m.Subject), Data: m.Data, Header: nats.Header{}}
	for k, v := range m.Header {
		msg.Header[k] = v
	}
	for id := m.ID; ; id = fmt.Sprintf("%s.%d", id, sequence) {
		opts := []jetstream.PublishOpt{jetstream.WithExpectStream(b.names.Stream(stream))}
		if id != "" {
			opts = append(opts, jetstream.WithMsgID(id))
		}
		ack, err := b.js.PublishMsg(ctx, msg, opts...)
		if err != nil {
			return 0, fmt.Errorf("publish to %s: %w", stream, b.unanswered(stream, id, err))
		}

		// The server remembers an id for longer than a message that is purged.
		sequence = ack.Sequence
		if !ack.Duplicate {
			return sequence, nil
		}
		s, err := b.stream(ctx, b.names.Stream(stream))
		if err != nil {
			return sequence, fmt.Errorf("look up stream %s: %w", stream, err)
		}
		if held, err := holds(ctx, s, nil, sequence, sequence); err != nil || held {
			return sequence, err
		}
	}
}
