package bus

import (
	"context"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// deadLetterKeys remembers the keys that may have a dead letter, so that success
// costs a call to the server only where there is one to remove.
type deadLetterKeys struct {
	mu   sync.Mutex // guards this:
	keys map[string]struct{}

	watch    sync.Mutex // guards these:
	watchers int
	end      func()
}

func newDeadLetterKeys() *deadLetterKeys { return &deadLetterKeys{keys: map[string]struct{}{}} }

func (l *deadLetterKeys) add(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys[key] = struct{}{}
}

func (l *deadLetterKeys) remove(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.keys, key)
}

func (l *deadLetterKeys) has(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.keys[key]
	return ok
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
		_, key := deadLetterKey(b.names.plain(m.Subject()))
		b.deadLetters.add(key)
	})
	if err != nil {
		return nil, err
	}
	return func() { cc.Stop(); <-cc.Closed() }, nil
}

// ForgetDeadLetters removes the dead letters of a key, whichever consumer's: what they are
// about has been brought over since. It asks the server only where there may be one, which
// a process knows that watches.
func (b *Bus) ForgetDeadLetters(ctx context.Context, key string) {
	if !b.deadLetters.has(key) {
		return
	}
	b.deadLetters.remove(key) // first: one that comes meanwhile is noticed again
	if err := b.PurgeDeadLetters(ctx, key); err != nil {
		b.deadLetters.add(key)
		b.log.Warn("outdated dead letter not removed", "key", key, "error", err)
	}
}
