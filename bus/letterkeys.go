package bus

import (
	"context"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// letterKeys remembers the keys that may have a dead letter, so that success
// costs a call to the server only where there is one to remove.
type letterKeys struct {
	mu   sync.Mutex // guards this:
	keys map[string]struct{}

	watch    sync.Mutex // guards these:
	watchers int
	end      func()
}

func newLetterKeys() *letterKeys { return &letterKeys{keys: map[string]struct{}{}} }

func (l *letterKeys) add(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys[key] = struct{}{}
}

func (l *letterKeys) remove(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.keys, key)
}

func (l *letterKeys) has(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.keys[key]
	return ok
}

// WatchLetters lets this process know which keys have dead letters until ctx ends, for
// ForgetDeadLetters; Consume does so, too.
func (b *Bus) WatchLetters(ctx context.Context) error {
	var stop func()
	err := b.untilAnswered(ctx, func(ctx context.Context) (err error) {
		stop, err = b.watchLetters(ctx)
		return err
	})
	if err != nil {
		return endedBy(ctx, err)
	}
	defer stop()
	<-ctx.Done()
	return nil
}

// watchLetters keeps the keys of all dead letters up to date, other processes' included,
// until the returned func is called. All of a process share one watch.
func (b *Bus) watchLetters(ctx context.Context) (stop func(), err error) {
	l := b.letters
	l.watch.Lock()
	defer l.watch.Unlock()
	if l.watchers == 0 {
		if l.end, err = b.followLetters(ctx); err != nil {
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

func (b *Bus) followLetters(ctx context.Context) (end func(), err error) {
	if _, err := b.open(ctx, StreamDeadLetters); err != nil {
		return nil, err
	}
	oc, err := b.js.OrderedConsumer(ctx, StreamDeadLetters, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{deadLettersPrefix + ">"},
		HeadersOnly:    true,
	})
	if err != nil {
		return nil, err
	}
	cc, err := oc.Consume(func(m jetstream.Msg) {
		_, key := letterKey(m.Subject())
		b.letters.add(key)
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
	if !b.letters.has(key) {
		return
	}
	b.letters.remove(key) // first: one that comes meanwhile is noticed again
	if err := b.PurgeDeadLetters(ctx, key); err != nil {
		b.letters.add(key)
		b.log.Warn("outdated dead letter not removed", "key", key, "error", err)
	}
}
