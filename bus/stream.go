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
	Names    Names // of the instance
	Replicas int   // copies of each stream in a NATS cluster; 1 when zero

	ContactsMaxAge    time.Duration
	PartnersMaxAge    time.Duration
	DeadLettersMaxAge time.Duration

	ContactsMaxBytes    int64
	PartnersMaxBytes    int64
	DeadLettersMaxBytes int64

	Duplicates time.Duration // how long message ids are remembered; 2 minutes when zero

	// Lower lets copies, ages and sizes of streams that are there become lower. Without,
	// they only grow.
	Lower bool
	// Keep leaves existing streams as they are, for a caller that only looks.
	Keep bool
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
	nc          *nats.Conn
	js          jetstream.JetStream
	log         *slog.Logger
	names       Names
	streams     []jetstream.StreamConfig
	note        jetstream.StreamConfig // made when it is needed
	deadLetters *deadLetterKeys
	working     sync.Map // *consumption by its durable's name
}

// StreamState is the size of a stream.
type StreamState struct {
	Stream   string // which of ours it is
	Name     string // as NATS has it
	Messages uint64
	FirstSeq uint64
	LastSeq  uint64
	Bytes    uint64
	MaxBytes uint64 // 0: no limit
}

// Open creates the streams or brings them up to cfg; each change is logged. A stream with memory storage is
// refused with ErrMemoryStream. The connection stays the caller's.
func Open(ctx context.Context, nc *nats.Conn, cfg Config, log *slog.Logger) (*Bus, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	b := &Bus{nc: nc, js: js, log: log, names: cfg.Names, streams: streamConfigs(cfg), note: noteConfig(cfg), deadLetters: newDeadLetterKeys()}
	for _, sc := range b.streams {
		if err := b.ensure(ctx, sc, cfg); err != nil {
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
	base := baseConfig(cfg)
	contacts, partners, deadLetters := base, base, base

	contacts.Name = cfg.Names.Stream(StreamContacts)
	contacts.Subjects = []string{cfg.Names.Subject(contactsPrefix + ">")}
	contacts.Description = "every committed change of the contacts table, in commit order"
	contacts.Duplicates = min(contacts.Duplicates, contactsDuplicates)
	limit(&contacts, cfg.ContactsMaxAge, cfg.ContactsMaxBytes)

	partners.Name = cfg.Names.Stream(StreamPartners)
	partners.Subjects = []string{cfg.Names.Subject(partnersPrefix + ">")}
	partners.Description = "what the poller saw"
	limit(&partners, cfg.PartnersMaxAge, cfg.PartnersMaxBytes)

	deadLetters.Name = cfg.Names.Stream(StreamDeadLetters)
	deadLetters.Subjects = []string{cfg.Names.Subject(deadLettersPrefix + ">")}
	deadLetters.Description = "what could not be applied, with the reason"
	deadLetters.MaxMsgsPerSubject = 1 // one dead letter for each key of a consumer: the newest
	limit(&deadLetters, cfg.DeadLettersMaxAge, cfg.DeadLettersMaxBytes)

	return []jetstream.StreamConfig{contacts, partners, deadLetters}
}

// baseConfig is what all streams have.
func baseConfig(cfg Config) jetstream.StreamConfig {
	base := jetstream.StreamConfig{
		Storage:    jetstream.FileStorage,
		Retention:  jetstream.LimitsPolicy,
		Discard:    jetstream.DiscardNew, // what does not fit is told and waits; the old may be unread
		Replicas:   max(cfg.Replicas, 1),
		Duplicates: cfg.Duplicates,
		MaxMsgs:    -1,
		MaxBytes:   -1,
	}
	if base.Duplicates <= 0 {
		base.Duplicates = 2 * time.Minute
	}
	return base
}

func limit(sc *jetstream.StreamConfig, age time.Duration, bytes int64) {
	if sc.MaxAge = max(age, 0); sc.MaxAge > 0 {
		sc.Duplicates = min(sc.Duplicates, sc.MaxAge)
	}
	if bytes > 0 {
		sc.MaxBytes = bytes
	}
}

// stream looks up a stream as NATS has it. What is read of it comes from its leader, for a
// copy may lag: what it has not got yet would count as worked off, or as lost.
func (b *Bus) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := b.js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	return s, asked(s.CachedInfo())
}

// infoOf looks a stream up anew.
func infoOf(ctx context.Context, s jetstream.Stream, opts ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	i, err := s.Info(ctx, opts...)
	if err != nil {
		return nil, err
	}
	return i, asked(s.CachedInfo())
}

// asked refuses what a copy says of a stream that has no leader now: each that notices
// answers for itself (jsStreamInfoRequest of nats-server 2.15.3). And it takes from the
// client that messages may be got from any copy (allow_direct, which NATS's own tools set
// where nothing else is said); the stream keeps it, for others.
func asked(i *jetstream.StreamInfo) error {
	i.Config.AllowDirect = false
	if i.Config.Replicas > 1 && i.Cluster != nil && i.Cluster.Leader == "" {
		return errNoLeader
	}
	return nil
}

// open returns a stream. One of ours that somebody deleted is made again, loudly: what it
// held is gone, and its readers notice by its sequence.
func (b *Bus) open(ctx context.Context, stream string) (jetstream.Stream, error) {
	name := b.names.Stream(stream)
	s, err := b.stream(ctx, name)
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return s, err
	}
	for _, sc := range b.streams {
		if sc.Name == name {
			b.log.Error("stream was deleted, creating it again empty", "stream", name)
			if err := b.create(ctx, sc); err != nil {
				return nil, err
			}
			return b.stream(ctx, name)
		}
	}
	return nil, err
}

// StreamState returns the sizes of the streams.
func (b *Bus) StreamState(ctx context.Context) ([]StreamState, error) {
	out := make([]StreamState, 0, len(b.streams))
	for _, sc := range b.streams {
		s, err := b.stream(ctx, sc.Name)
		if err != nil {
			return nil, fmt.Errorf("look up stream %s: %w", sc.Name, err)
		}
		st := s.CachedInfo().State
		out = append(out, StreamState{
			Stream: b.names.plainStream(sc.Name), Name: sc.Name, Messages: st.Msgs, FirstSeq: st.FirstSeq, LastSeq: st.LastSeq,
			Bytes: st.Bytes, MaxBytes: uint64(max(s.CachedInfo().Config.MaxBytes, 0)),
		})
	}
	return out, nil
}
