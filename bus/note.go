package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A note is a small value that all processes share outside of the database. It is the only
// message of a stream that is made with the first one; who replaces it names the one it was.

const (
	streamNote  = "MKSYNC_STANDBYS"
	subjectNote = "mksync.standbys.built"
)

// wrongLast are JetStream's codes for a message that does not follow the one it names.
// nats-server 2.15.3 answers with the first, of one copy and of several; with the second
// where a subject is just being written and its sequence was asked for.
var wrongLast = []jetstream.ErrorCode{jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant}

func noteConfig(cfg Config) jetstream.StreamConfig {
	note := baseConfig(cfg)
	note.Name = cfg.Names.Stream(streamNote)
	note.Subjects = []string{cfg.Names.Subject(subjectNote)}
	note.Description = "up to where the database's standbys had to be before mksync went on"
	note.Discard = jetstream.DiscardOld
	note.MaxMsgsPerSubject = 1
	return note
}

// Note reads the note into v, and tells its number; where there is none v stays as it is. It
// comes from the stream's leader: a copy may lag.
func (b *Bus) Note(ctx context.Context, v any) (number uint64, err error) {
	s, err := b.stream(ctx, b.note.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look up stream %s: %w", b.note.Name, err)
	}
	m, found, err := b.newest(ctx, s)
	if found {
		err = json.Unmarshal(m.Data, v)
	}
	return m.Sequence, err
}

// SetNote replaces the note of this number, and returns the number of the new one; 0 where
// the note is another by now.
func (b *Bus) SetNote(ctx context.Context, v any, number uint64) (uint64, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return 0, fmt.Errorf("write note: %w", err)
	}
	msg := &nats.Msg{Subject: b.note.Subjects[0], Data: data}
	follows := []jetstream.PublishOpt{jetstream.WithExpectStream(b.note.Name), jetstream.WithExpectLastSequence(number)}
	ack, err := b.js.PublishMsg(ctx, msg, follows...)
	if number == 0 && errors.Is(err, jetstream.ErrNoStreamResponse) {
		if err := b.create(ctx, b.note); err != nil {
			return 0, err
		}
		ack, err = b.js.PublishMsg(ctx, msg, follows...)
	}

	var refused *jetstream.APIError
	switch {
	case errors.As(err, &refused) && slices.Contains(wrongLast, refused.ErrorCode):
		return 0, nil
	case number != 0 && errors.Is(err, jetstream.ErrNoStreamResponse):
		return 0, nil // somebody deleted the stream
	case err != nil:
		return 0, fmt.Errorf("publish to %s: %w", b.note.Name, err)
	}
	return ack.Sequence, nil
}
