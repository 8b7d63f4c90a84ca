package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A note is a few bytes that all processes share outside of the database. It is the only
// message of a stream that is made with the first one; who replaces it names the one it was.

const (
	streamNote  = "MKSYNC_STANDBYS"
	subjectNote = "mksync.standbys.built"
)

// wrongLastSequence is JetStream's code for a message that does not follow the one it names.
const wrongLastSequence = 10071

func noteConfig(cfg Config) jetstream.StreamConfig {
	base := baseConfig(cfg)
	base.Name = cfg.Names.Stream(streamNote)
	base.Subjects = []string{cfg.Names.Subject(subjectNote)}
	base.Description = "up to where the database's standbys had to be before mksync went on"
	base.Discard = jetstream.DiscardOld
	base.MaxMsgsPerSubject = 1
	return base
}

// Note is the note, and its number; nothing is 0. It is read from the stream's leader: a
// copy may lag.
func (b *Bus) Note(ctx context.Context) (data []byte, number uint64, err error) {
	s, err := b.js.Stream(ctx, b.note.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("look up stream %s: %w", b.note.Name, err)
	}
	m, err := s.GetLastMsgForSubject(ctx, b.note.Subjects[0])
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read stream %s: %w", b.note.Name, err)
	}
	return m.Data, m.Sequence, nil
}

// SetNote replaces the note of this number, and returns the number of the new one; 0 where
// the note is another by now.
func (b *Bus) SetNote(ctx context.Context, data []byte, number uint64) (uint64, error) {
	publish := func() (*jetstream.PubAck, error) {
		return b.js.PublishMsg(ctx, &nats.Msg{Subject: b.note.Subjects[0], Data: data},
			jetstream.WithExpectStream(b.note.Name), jetstream.WithExpectLastSequencePerSubject(number))
	}
	ack, err := publish()
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		if number != 0 {
			return 0, nil // somebody deleted the stream
		}
		if err := b.create(ctx, b.note); err != nil {
			return 0, err
		}
		ack, err = publish()
	}
	var refused *jetstream.APIError
	switch {
	case errors.As(err, &refused) && refused.ErrorCode == wrongLastSequence:
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("publish to %s: %w", b.note.Name, err)
	}
	return ack.Sequence, nil
}
