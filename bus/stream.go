package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Config says how the streams are kept. Zero ages and sizes mean without limit.
type Config struct {
	Replicas int // copies of each stream in a NATS cluster; 1 when zero

	ContactsMaxAge    time.Duration
	PartnersMaxAge    time.Duration
	DeadLettersMaxAge time.Duration

	ContactsMaxBytes    int64
	PartnersMaxBytes    int64
	DeadLettersMaxBytes int64

	Duplicates time.Duration // how long message ids are remembered; 2 minutes when zero
}

// DefaultConfig keeps contacts' events for 90 days, partners' for 30, dead letters for ever.
func DefaultConfig() Config {
	return Config{
		Replicas:       1,
		ContactsMaxAge: 90 * 24 * time.Hour,
		PartnersMaxAge: 30 * 24 * time.Hour,
		Duplicates:     2 * time.Minute,
	}
}

// Bus publishes to and consumes from the streams over one connection.
type Bus struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	log     *slog.Logger
	streams []jetstream.StreamConfig
	letters *letterKeys
	working sync.Map // *consumption by its durable's name
}

// StreamState is the size of a stream.
type StreamState struct {
	Name     string
	Messages uint64
	FirstSeq uint64
	LastSeq  uint64
}

// Open creates the streams or brings them up to cfg. A stream with memory storage is
// refused with ErrMemoryStream. The connection stays the caller's.
func Open(ctx context.Context, nc *nats.Conn, cfg Config, log *slog.Logger) (*Bus, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	b := &Bus{nc: nc, js: js, log: log, streams: streamConfigs(cfg), letters: newLetterKeys()}
	for _, sc := range b.streams {
		if err := b.ensure(ctx, sc); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// contactsDuplicates is how long the contacts' stream remembers message ids. That each message
// names its predecessor keeps doubles out by itself, at no cost; each remembered id costs the
// server some 200 bytes, which is much in a transaction of 200,000 rows.
const contactsDuplicates = time.Second

func streamConfigs(cfg Config) []jetstream.StreamConfig {
	base := jetstream.StreamConfig{
		Storage:    jetstream.FileStorage,
		Retention:  jetstream.LimitsPolicy,
		Discard:    jetstream.DiscardOld,
		Replicas:   max(cfg.Replicas, 1),
		Duplicates: cfg.Duplicates,
		MaxMsgs:    -1,
		MaxBytes:   -1,
	}
	if base.Duplicates <= 0 {
		base.Duplicates = 2 * time.Minute
	}
	contacts, partners, letters := base, base, base

	contacts.Name, contacts.Subjects = StreamContacts, []string{contactsPrefix + ">"}
	contacts.Description = "every committed change of the contacts table, in commit order"
	contacts.Duplicates = min(contacts.Duplicates, contactsDuplicates)
	limit(&contacts, cfg.ContactsMaxAge, cfg.ContactsMaxBytes)

	partners.Name, partners.Subjects = StreamPartners, []string{partnersPrefix + ">"}
	partners.Description = "what the poller saw"
	limit(&partners, cfg.PartnersMaxAge, cfg.PartnersMaxBytes)

	letters.Name, letters.Subjects = StreamDeadLetters, []string{deadLettersPrefix + ">"}
	letters.Description = "what could not be applied, with the reason"
	letters.MaxMsgsPerSubject = 1 // one dead letter for each key of a consumer: the newest
	limit(&letters, cfg.DeadLettersMaxAge, cfg.DeadLettersMaxBytes)

	return []jetstream.StreamConfig{contacts, partners, letters}
}

func limit(sc *jetstream.StreamConfig, age time.Duration, bytes int64) {
	if sc.MaxAge = max(age, 0); sc.MaxAge > 0 {
		sc.Duplicates = min(sc.Duplicates, sc.MaxAge)
	}
	if bytes > 0 {
		sc.MaxBytes = bytes
	}
}

// ensure creates a stream or sets on an existing one what is ours to set.
func (b *Bus) ensure(ctx context.Context, want jetstream.StreamConfig) error {
	s, err := b.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return b.create(ctx, want)
	}
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", want.Name, err)
	}
	have := s.CachedInfo().Config
	if have.Storage == jetstream.MemoryStorage {
		return fmt.Errorf("%s: %w; delete it, or move its events to a stream with file storage", want.Name, ErrMemoryStream)
	}
	next := overlay(have, want)
	if sameSettings(have, next) {
		return nil
	}
	if _, err := b.js.UpdateStream(ctx, next); err != nil {
		return fmt.Errorf("update stream %s: %w", want.Name, err)
	}
	return nil
}

func (b *Bus) create(ctx context.Context, want jetstream.StreamConfig) error {
	_, err := b.js.CreateStream(ctx, want)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		_, err = b.js.Stream(ctx, want.Name) // another process was first
	}
	if err != nil {
		return fmt.Errorf("create stream %s: %w", want.Name, err)
	}
	return nil
}

// overlay keeps what an operator may have set on the stream besides our settings.
func overlay(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	have.Subjects, have.Replicas = want.Subjects, want.Replicas
	have.MaxAge, have.MaxBytes, have.Duplicates = want.MaxAge, want.MaxBytes, want.Duplicates
	have.MaxMsgsPerSubject, have.Description = want.MaxMsgsPerSubject, want.Description
	if have.MaxMsgsPerSubject == 0 {
		have.MaxMsgsPerSubject = -1
	}
	return have
}

func sameSettings(a, b jetstream.StreamConfig) bool {
	return len(a.Subjects) == 1 && a.Subjects[0] == b.Subjects[0] && a.Replicas == b.Replicas &&
		a.MaxAge == b.MaxAge && a.MaxBytes == b.MaxBytes && a.Duplicates == b.Duplicates &&
		a.MaxMsgsPerSubject == b.MaxMsgsPerSubject && a.Description == b.Description
}

// open returns a stream. One of ours that somebody deleted is made again, loudly: what it
// held is gone, and its readers notice by its sequence.
func (b *Bus) open(ctx context.Context, stream string) (jetstream.Stream, error) {
	s, err := b.js.Stream(ctx, stream)
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return s, err
	}
	for _, sc := range b.streams {
		if sc.Name == stream {
			b.log.Error("stream was deleted, creating it again empty", "stream", stream)
			if err := b.create(ctx, sc); err != nil {
				return nil, err
			}
			return b.js.Stream(ctx, stream)
		}
	}
	return nil, err
}

// StreamState returns the sizes of the streams.
func (b *Bus) StreamState(ctx context.Context) ([]StreamState, error) {
	out := make([]StreamState, 0, len(b.streams))
	for _, sc := range b.streams {
		s, err := b.js.Stream(ctx, sc.Name)
		if err != nil {
			return nil, fmt.Errorf("look up stream %s: %w", sc.Name, err)
		}
		st := s.CachedInfo().State
		out = append(out, StreamState{Name: sc.Name, Messages: st.Msgs, FirstSeq: st.FirstSeq, LastSeq: st.LastSeq})
	}
	return out, nil
}
