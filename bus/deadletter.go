package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/crmmind/mksync/coded"
)

// DeadLetter is a key's events that a consumer could not apply: the newest of them, and how
// many they were. A consumer has at most one for each key.
type DeadLetter struct {
	ID       uint64 // names the letter until it is replaced or removed
	Consumer string
	Key      string
	Reason   coded.Text
	Count    int
	Stream   string // where the newest event was stored,
	Seq      uint64 // under which sequence
	Subject  string
	Time     time.Time // when the letter was stored
	Header   nats.Header
	Data     []byte
}

// The headers that a dead letter has besides the event's own.
const (
	headerReason  = "Mksync-Reason"
	headerSaid    = "Mksync-Said" // the reason as a code with parameters
	headerCount   = "Mksync-Count"
	headerStream  = "Mksync-Stream"
	headerSeq     = "Mksync-Sequence"
	headerSubject = "Mksync-Subject"
	headerTime    = "Mksync-Time"
	headerMsgID   = "Mksync-Msg-Id"
)

// storeDeadLetter stores the newest delivery with the reason, in place of an earlier letter.
func (b *Bus) storeDeadLetter(ctx context.Context, cfg ConsumerConfig, key string, ds []Delivery, reason coded.Text) error {
	count := len(ds)
	before, err := b.deadLetter(ctx, DeadLetterSubject(cfg.Durable, key))
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return err
	case before.Stream == cfg.Stream && before.Seq < ds[0].Sequence:
		count += before.Count // else the same events are refused once more
	}

	newest := ds[len(ds)-1]
	h := nats.Header{}
	for k, v := range newest.Header {
		h[k] = v
	}
	dropProtocol(h)

	setReason(h, reason)
	h.Set(headerCount, strconv.Itoa(count))
	h.Set(headerStream, b.names.Stream(cfg.Stream))
	h.Set(headerSeq, strconv.FormatUint(newest.Sequence, 10))
	h.Set(headerSubject, b.names.Subject(newest.Subject))
	h.Set(headerTime, newest.Time.UTC().Format(time.RFC3339Nano))
	h.Set(headerMsgID, newest.ID)

	m := Message{Subject: DeadLetterSubject(cfg.Durable, key), Header: h, Data: newest.Data}
	_, err = b.PublishSync(ctx, StreamDeadLetters, m)
	if errors.Is(err, nats.ErrMaxPayload) {
		m.Data = nil // with our headers it is too large; the event itself is in its stream
		_, err = b.PublishSync(ctx, StreamDeadLetters, m)
	}
	if err != nil {
		return fmt.Errorf("store dead letter: %w", err)
	}
	return nil
}

// maxReason bounds a reason in bytes: a server answered with a whole page before now, and
// all headers together have to stay below 64 KiB.
const maxReason = 4096

// setReason writes a reason into a letter's headers. The code of one that is too long is
// left out.
func setReason(h nats.Header, reason coded.Text) {
	h.Del(headerSaid) // of a letter that was tried again
	if reason.IsZero() {
		reason = coded.Say("refusal.letter.no_reason", "no reason given")
	}
	reason = reason.In(shorten(reason.String()))
	h.Set(headerReason, reason.String())
	record := reason.Record()
	if said, err := json.Marshal(record); err == nil && record != nil && len(said) <= maxReason {
		h.Set(headerSaid, string(said))
	}
}

// reasonOf is a letter's reason; earlier versions wrote its words alone.
func reasonOf(h nats.Header) coded.Text {
	var said *coded.Record
	if err := json.Unmarshal([]byte(h.Get(headerSaid)), &said); err != nil {
		said = nil
	}
	return coded.Stored(h.Get(headerReason), said)
}

// shorten is what a header keeps of a reason: one line that is not too long.
func shorten(reason string) string {
	reason = strings.TrimSpace(strings.NewReplacer("\r", " ", "\n", " ").Replace(reason))
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "…"
	}
	return reason
}

// dropProtocol removes the headers that speak to the stream the event came from.
func dropProtocol(h nats.Header) {
	h.Del(nats.MsgIdHdr)
	h.Del(nats.ExpectedLastSeqHdr)
	h.Del(nats.ExpectedLastMsgIdHdr)
	h.Del(nats.ExpectedStreamHdr)
}

// letter returns the dead letter on a subject, or ErrNotFound.
func (b *Bus) deadLetter(ctx context.Context, subject string) (DeadLetter, error) {
	s, err := b.open(ctx, StreamDeadLetters)
	if err != nil {
		return DeadLetter{}, fmt.Errorf("look up stream %s: %w", StreamDeadLetters, err)
	}
	m, err := s.GetLastMsgForSubject(ctx, b.names.Subject(subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return DeadLetter{}, ErrNotFound
	}
	if err != nil {
		return DeadLetter{}, fmt.Errorf("read dead letter: %w", err)
	}
	return b.readDeadLetter(b.names.storedFromRaw(m)), nil
}

func (b *Bus) readDeadLetter(m Stored) DeadLetter {
	consumer, key := deadLetterKey(m.Subject)
	l := DeadLetter{
		ID: m.Sequence, Consumer: consumer, Key: key, Time: m.Time, Header: m.Header, Data: m.Data,
		Reason:  reasonOf(m.Header),
		Stream:  b.names.plainStream(m.Header.Get(headerStream)),
		Subject: b.names.plain(m.Header.Get(headerSubject)),
	}
	l.Seq, _ = strconv.ParseUint(m.Header.Get(headerSeq), 10, 64)
	l.Count, _ = strconv.Atoi(m.Header.Get(headerCount))
	return l
}

// DeadLetters returns all dead letters, oldest first.
func (b *Bus) DeadLetters(ctx context.Context) ([]DeadLetter, error) {
	s, err := b.open(ctx, StreamDeadLetters)
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", StreamDeadLetters, err)
	}
	var all []DeadLetter
	newest := map[string]uint64{}
	err = b.scan(ctx, s, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{b.names.Subject(deadLettersPrefix + "*.*")},
	}, math.MaxUint64, func(m Stored) error {
		l := b.readDeadLetter(m)
		all = append(all, l)
		newest[m.Subject] = m.Sequence
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return slices.DeleteFunc(all, func(l DeadLetter) bool { return l.ID < newest[DeadLetterSubject(l.Consumer, l.Key)] }), nil // replaced meanwhile
}

// CountDeadLetters tells how many DeadLetters lists, and when the oldest was stored; nil:
// there is none.
func (b *Bus) CountDeadLetters(ctx context.Context) (n int, oldest *time.Time, err error) {
	s, err := b.open(ctx, StreamDeadLetters)
	if err != nil {
		return 0, nil, fmt.Errorf("look up stream %s: %w", StreamDeadLetters, err)
	}
	letters := b.names.Subject(deadLettersPrefix + "*.*") // what is given back to a consumer has one word more
	info, err := infoOf(ctx, s, jetstream.WithSubjectFilter(letters))
	if err != nil {
		return 0, nil, fmt.Errorf("count dead letters: %w", err)
	}
	if len(info.State.Subjects) == 0 {
		return 0, nil, nil
	}

	m, err := s.GetMsg(ctx, 0, jetstream.WithGetMsgSubject(letters))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil, nil // removed meanwhile
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read the oldest dead letter: %w", err)
	}
	return len(info.State.Subjects), &m.Time, nil
}

// RetryDeadLetter gives a dead letter back to its consumer, which tries it again as soon as
// it runs, and removes it. One that fails again becomes a new dead letter. ErrNotFound: it was
// replaced, retried or removed.
func (b *Bus) RetryDeadLetter(ctx context.Context, id uint64) error {
	subject, m, err := b.deadLetterOf(ctx, id)
	if err != nil {
		return err
	}
	retry := Message{Subject: retrySubject(deadLetterKey(subject)), Header: m.Header, Data: m.Data}
	if _, err := b.PublishSync(ctx, StreamDeadLetters, retry); err != nil {
		return fmt.Errorf("retry dead letter %d: %w", id, err)
	}
	return b.deleteDeadLetter(ctx, subject, id)
}

// deadLetterOf is the dead letter with an id, and its subject. ErrNotFound: it was replaced,
// retried or removed.
func (b *Bus) deadLetterOf(ctx context.Context, id uint64) (subject string, m *jetstream.RawStreamMsg, err error) {
	s, err := b.stream(ctx, b.names.Stream(StreamDeadLetters))
	if err != nil {
		return "", nil, fmt.Errorf("look up stream %s: %w", StreamDeadLetters, err)
	}
	m, err = s.GetMsg(ctx, id)
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && m.Header.Get(headerReason) == "" {
		return "", nil, fmt.Errorf("%w: %d", ErrNotFound, id)
	}
	if err != nil {
		return "", nil, fmt.Errorf("read dead letter %d: %w", id, err)
	}
	subject = b.names.plain(m.Subject)
	if subject != DeadLetterSubject(deadLetterKey(subject)) {
		return "", nil, fmt.Errorf("%w: %d", ErrNotFound, id)
	}
	return subject, m, nil
}

// deleteDeadLetter removes the letter, or the retry, with this id from its subject; one that was
// replaced meanwhile stays.
func (b *Bus) deleteDeadLetter(ctx context.Context, subject string, id uint64) error {
	return b.purgeDeadLetter(ctx, subject, jetstream.WithPurgeSequence(id+1))
}

func (b *Bus) purgeDeadLetter(ctx context.Context, subject string, opts ...jetstream.StreamPurgeOpt) error {
	s, err := b.stream(ctx, b.names.Stream(StreamDeadLetters))
	if err == nil {
		err = s.Purge(ctx, append(opts, jetstream.WithPurgeSubject(b.names.Subject(subject)))...)
	}
	if err != nil {
		return fmt.Errorf("purge dead letters: %w", err)
	}
	return nil
}

// readRetry restores the event of a dead letter that is tried again.
func (s *source) readRetry(m *nats.Msg) (string, Delivery, takenID, error) {
	meta, err := m.Metadata()
	if err != nil {
		return "", Delivery{}, takenID{}, err
	}
	d := s.b.names.delivered(m, meta)
	d.Subject = s.b.names.plain(d.Header.Get(headerSubject))
	d.ID = d.Header.Get(headerMsgID)
	d.Sequence, _ = strconv.ParseUint(d.Header.Get(headerSeq), 10, 64)
	d.Time, _ = time.Parse(time.RFC3339Nano, d.Header.Get(headerTime))
	_, key := deadLetterKey(s.b.names.plain(m.Subject))
	return key, d, takenID{s, meta.Sequence.Stream, meta.Timestamp.UnixNano()}, nil
}

// settleRetry acknowledges and removes a retried letter, which nobody needs any more.
func (s *source) settleRetry(ctx context.Context, h taken) error {
	return errors.Join(h.msg.Ack(), s.b.deleteDeadLetter(ctx, s.b.names.plain(h.msg.Subject), h.id.sequence))
}

// DiscardDeadLetter removes a dead letter for good. ErrNotFound as with RetryDeadLetter.
func (b *Bus) DiscardDeadLetter(ctx context.Context, id uint64) error {
	subject, _, err := b.deadLetterOf(ctx, id)
	if err != nil {
		return err
	}
	return b.deleteDeadLetter(ctx, subject, id)
}
