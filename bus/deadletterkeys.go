package bus

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// deadLetterKeys remembers of which keys consumers may have a dead letter, so that success
// costs a call to the server only where there is one to remove.
type deadLetterKeys struct {
	mu        sync.Mutex // guards this:
	consumers map[eventsOf][]string

	watch    sync.Mutex // guards these:
	watchers int
	end      func()
}

// eventsOf are a key's events. One key may be that of a contact and of a partner.
type eventsOf struct{ stream, key string }

func newDeadLetterKeys() *deadLetterKeys {
	return &deadLetterKeys{consumers: map[eventsOf][]string{}}
}

func (l *deadLetterKeys) add(of eventsOf, consumer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.consumers[of], consumer) {
		l.consumers[of] = append(l.consumers[of], consumer)
	}
}

// take forgets the consumers that may have one, and names them.
func (l *deadLetterKeys) take(of eventsOf) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	consumers := l.consumers[of]
	delete(l.consumers, of)
	return consumers
}

// WatchDeadLetters lets this process know which keys have dead letters until ctx ends, for
// ForgetDeadLetters; Consume does so, too.
func (b *Bus) WatchDeadLetters(ctx context.Context) error {
	var stop func()
	err := b.untilAnswered(ctx, func(ctx context.Context) (err error) {
		stop, err = b.watchDeadLetters(ctx)
		return err
	})
	if err != nil {
		return endedBy(ctx, err)
	}
	defer stop()
	<-ctx.Done()
	return nil
}

// watchDeadLetters keeps the keys of all dead letters up to date, other processes' included,
// until the returned func is called. All of a process share one watch.
func (b *Bus) watchDeadLetters(ctx context.Context) (stop func(), err error) {
	l := b.deadLetters
	l.watch.Lock()
	defer l.watch.Unlock()
	if l.watchers == 0 {
		if l.end, err = b.followDeadLetters(ctx); err != nil {
			return nil, fmt.Errorf("watch dead letters: %w", err)
		}
	}
	l.watchers++
	return func() {
		l.watch.Lock()
		defer l.watch.Unlock()
		if l.watchers--; l.watchers == 0 {
			l.end()
		}
	}, nil
}

func (b *Bus) followDeadLetters(ctx context.Context) (end func(), err error) {
	if _, err := b.open(ctx, StreamDeadLetters); err != nil {
		return nil, err
	}
	oc, err := b.js.OrderedConsumer(ctx, b.names.Stream(StreamDeadLetters), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{b.names.Subject(deadLettersPrefix + ">")},
		HeadersOnly:    true,
	})
	if err != nil {
		return nil, err
	}
	cc, err := oc.Consume(func(m jetstream.Msg) {
		consumer, key := deadLetterKey(b.names.plain(m.Subject()))
		b.deadLetters.add(eventsOf{m.Headers().Get(headerStream), key}, consumer)
	})
	if err != nil {
		return nil, err
	}
	return func() { cc.Stop(); <-cc.Closed() }, nil
}

// ForgetContact removes the dead letters of a contact, and ForgetPartner those of a partner:
// what they are about has been brought over since. They ask the server only where there may
// be one, which a process knows that watches.
func (b *Bus) ForgetContact(ctx context.Context, id string) {
	b.forgetDeadLetters(ctx, eventsOf{StreamContacts, id})
}

// ForgetPartner is described with ForgetContact.
func (b *Bus) ForgetPartner(ctx context.Context, id string) {
	b.forgetDeadLetters(ctx, eventsOf{StreamPartners, id})
}

func (b *Bus) forgetDeadLetters(ctx context.Context, of eventsOf) {
	for _, consumer := range b.deadLetters.take(of) { // first: one that comes meanwhile is noticed again
		if err := b.purgeDeadLetter(ctx, DeadLetterSubject(consumer, of.key)); err != nil {
			b.deadLetters.add(of, consumer)
			b.log.Warn("outdated dead letter not removed", "consumer", consumer, "key", of.key, "error", err)
		}
	}
}
