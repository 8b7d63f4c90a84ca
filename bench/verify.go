package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// mistakes are what is wrong with a stream, in changes.
type mistakes struct{ missing, twice, misplaced int }

func (f mistakes) total() int { return f.missing + f.twice + f.misplaced }

// String is for progress.
func (f mistakes) String() string {
	if f.total() == 0 {
		return "each change once and in order"
	}
	return fmt.Sprintf("WRONG: %d missing, %d twice, %d out of order", f.missing, f.twice, f.misplaced)
}

// verify reads a stream from its beginning and compares it with the backlog's
// first n changes. A message stands for the contact whose id its subject or data
// holds, whatever its form.
func verify(ctx context.Context, nc *nats.Conn, stream string, n int) (mistakes, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return mistakes{}, err
	}
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return mistakes{}, fmt.Errorf("open stream: %w", err)
	}

	c := newComparison(n)
	total := int(s.CachedInfo().State.Msgs) //nolint:gosec // an amount of messages
	if total == 0 {
		return c.mistakes(), nil
	}

	// The server goes with the run that is stopped: without a limit it would be asked for ever.
	consumer, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{MaxResetAttempts: 3})
	if err != nil {
		return mistakes{}, fmt.Errorf("read stream: %w", err)
	}
	msgs, err := consumer.Messages(jetstream.PullMaxMessages(5000))
	if err != nil {
		return mistakes{}, fmt.Errorf("read stream: %w", err)
	}
	defer msgs.Stop()

	for range total {
		m, err := msgs.Next(jetstream.NextMaxWait(20 * time.Second))
		if err != nil {
			return mistakes{}, fmt.Errorf("read stream: %w", err)
		}
		c.take(m.Subject(), m.Data())
	}

	return c.mistakes(), nil
}

// comparison compares a stream of messages with the changes that were made.
type comparison struct {
	changes []change
	next    int            // index of the change that is to come
	due     map[string]int // by contact, how many of its changes have yet to come
	wrong   mistakes
}

func newComparison(n int) *comparison {
	c := &comparison{due: make(map[string]int, n)}
	for i := range n {
		ch := changeAt(i)
		c.changes = append(c.changes, ch)
		c.due[ch.id]++
	}
	return c
}

func (c *comparison) take(subject string, data []byte) {
	if c.next < len(c.changes) {
		if id := c.changes[c.next].id; holds(subject, data, id) {
			c.next++
			c.due[id]--
			return
		}
	}
	id := c.find(subject, data)
	switch {
	case id == "" || c.due[id] <= 0:
		c.wrong.twice++
	default:
		c.wrong.misplaced++
		c.due[id]--
		c.skipTo(id)
	}
}

// skipTo goes on behind the next change of a contact, so that a gap counts once.
func (c *comparison) skipTo(id string) {
	for i := c.next; i < len(c.changes); i++ {
		if c.changes[i].id == id {
			c.next = i + 1
			return
		}
	}
}

func holds(subject string, data []byte, id string) bool {
	return bytes.Contains(data, []byte(id)) || len(subject) >= len(id) && subject[len(subject)-len(id):] == id
}

// find is the contact that a message is about.
func (c *comparison) find(subject string, data []byte) string {
	return findID(subject, data, func(id string) bool {
		_, known := c.due[id]
		return known
	})
}

func (c *comparison) mistakes() mistakes {
	f := c.wrong
	for _, due := range c.due {
		f.missing += due
	}
	return f
}
