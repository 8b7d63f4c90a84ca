package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// source is one durable consumer that feeds a dispatcher: the events', and the one of the
// dead letters that are to be tried again.
type source struct {
	b       *Bus
	stream  string
	config  jetstream.ConsumerConfig
	limit   load // taken at most
	freed   chan struct{}
	read    func(m *nats.Msg) (key string, d Delivery, id takenID, err error)
	settled func(ctx context.Context, h taken) error // after the handler's success
}

func newEventSource(b *Bus, cfg ConsumerConfig) *source {
	s := &source{b: b, stream: cfg.Stream, limit: load{cfg.MaxPending, b.maxHeld(cfg)}, freed: make(chan struct{}, 1)}
	s.config = durable(b.names.durable(cfg.Durable), cfg)
	s.config.FilterSubjects = b.names.subjects(cfg.Filters)
	s.read = s.readEvent
	s.settled = func(_ context.Context, h taken) error { return h.msg.Ack() }
	return s
}

func newRetrySource(b *Bus, cfg ConsumerConfig) *source {
	s := &source{b: b, stream: StreamDeadLetters, limit: load{retriesPending, b.maxHeld(cfg)}, freed: make(chan struct{}, 1)}
	s.config = durable(b.names.durable(cfg.Durable+"-retries"), cfg)
	s.config.FilterSubjects = []string{b.names.Subject(deadLettersPrefix + escapeToken(cfg.Durable) + ".*" + retrySuffix)}
	s.read = s.readRetry
	s.settled = s.settleRetry
	return s
}

// maxHeld is MaxBytes, and room for two of the largest messages: one always fits into
// the half that is free when more is fetched, or it would never come.
func (b *Bus) maxHeld(cfg ConsumerConfig) int {
	const subjects = 16 << 10 // which the server counts, too
	return max(cfg.MaxBytes, 2*(int(b.nc.MaxPayload())+subjects))
}

// durable is what both kinds share. Messages put off by a retry count as pending at the
// server, so the server's own limit is off and the limit is on what this process holds:
// a thousand failing keys must not stop the others.
func durable(name string, cfg ConsumerConfig) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       name,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       cfg.AckWait,
		MaxDeliver:    -1,
		MaxAckPending: -1,
	}
}

// consumer creates the consumer or brings it up to its configuration.
func (s *source) consumer(ctx context.Context) (jetstream.Consumer, error) {
	if _, err := s.b.open(ctx, s.stream); err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", s.stream, err)
	}
	c, err := s.b.js.CreateOrUpdateConsumer(ctx, s.b.names.Stream(s.stream), s.config)
	if err != nil {
		return nil, fmt.Errorf("create consumer %s: %w", s.config.Durable, err)
	}
	return c, nil
}

func (s *source) wake() {
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

// The waits between tries while the server or the consumer is away.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// untilAnswered calls the server again and again while it is away; what it answers, and a
// connection that was closed, is final.
func (b *Bus) untilAnswered(ctx context.Context, call func(context.Context) error) error {
	for {
		bounded, cancel := context.WithTimeout(ctx, lastPause)
		err := call(bounded)
		cancel()
		if err == nil || b.nc.IsClosed() || refused(err) || ctx.Err() != nil {
			return err
		}
		b.log.Warn("NATS does not answer, trying again", "error", err)
		if !sleep(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

// refused tells a request that the server refuses from one it cannot answer now.
func refused(err error) bool {
	var e jetstream.JetStreamError
	return errors.As(err, &e) && e.APIError() != nil && e.APIError().Code < 500
}

// intake fetches until ctx ends. Whatever goes wrong is tried again: the consumer is looked
// up anew, and made anew where somebody deleted it.
func (c *consumption) intake(ctx context.Context, s *source) error {
	pause := firstPause
	for {
		began := time.Now()
		err := c.fetchAll(ctx, s)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // a stop
		}
		if c.b.nc.IsClosed() {
			return fmt.Errorf("consume %s: %w", s.config.Durable, nats.ErrConnectionClosed)
		}
		if time.Since(began) > lastPause {
			pause = firstPause
		}
		c.b.log.Warn("intake interrupted, trying again", "consumer", s.config.Durable, "pause", pause, "error", err)
		if !sleep(ctx, pause) {
			return nil
		}
		pause = min(pause*2, lastPause)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// fetchAll fetches as much as there is room for, again and again, until an error.
func (c *consumption) fetchAll(ctx context.Context, s *source) error {
	lookup, cancel := context.WithTimeout(ctx, lastPause)
	_, err := s.consumer(lookup)
	cancel()
	if err != nil {
		return err
	}

	p, err := c.b.pulls(c.b.names.Stream(s.stream), s.config.Durable)
	if err != nil {
		return err
	}
	defer p.close()
	take := func(m *nats.Msg) error { return c.take(s, m) }

	// A new request only when a good part of what may be waiting is free, so that requests stay few.
	for {
		has := c.queue.load(s)
		room := load{s.limit.messages - has.messages, s.limit.bytes - has.bytes}
		if room.messages < max(s.limit.messages/4, 1) || room.bytes < s.limit.bytes/2 {
			select {
			case <-s.freed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := p.fetch(ctx, room, take); err != nil {
			return err
		}
	}
}

// take puts a message into the queue.
func (c *consumption) take(s *source, m *nats.Msg) error {
	key, d, id, err := s.read(m)
	if err == nil {
		c.queue.add(key, &taken{msg: m, delivery: d, source: s, id: id})
	}
	return err
}

func (s *source) readEvent(m *nats.Msg) (string, Delivery, takenID, error) {
	meta, err := m.Metadata()
	if err != nil {
		return "", Delivery{}, takenID{}, err
	}
	return Key(m.Subject), s.b.names.delivered(m, meta), takenID{s, meta.Sequence.Stream, meta.Timestamp.UnixNano()}, nil
}

func (n Names) delivered(m *nats.Msg, meta *nats.MsgMetadata) Delivery {
	return Delivery{Attempts: meta.NumDelivered, Stored: n.stored(m.Subject, m.Header, m.Data, meta.Sequence.Stream, meta.Timestamp)}
}

func (n Names) stored(subject string, h nats.Header, data []byte, sequence uint64, at time.Time) Stored {
	return Stored{
		Sequence: sequence,
		ID:       h.Get(nats.MsgIdHdr),
		Subject:  n.plain(subject),
		Time:     at,
		Header:   h,
		Data:     data,
	}
}
