package pgstore

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

// ErrBeingMoved says that mksync's tables are moved to another schema, or were.
var ErrBeingMoved = errors.New("mksync's tables are being moved to another schema: start again when they are there")

// Running keeps the tables where they are until stop is called: nobody moves them while any
// lock is held, and this takes one that nobody else wants. A connection that is lost is made
// again; where the tables are others by then, ended says so, and the process has to end.
func (s *Store) Running(ctx context.Context) (stop func(), ended <-chan error, err error) {
	name := []string{s.lockName(aloneLock, running+" "+rand.Text())}
	lock, err := s.holder.take(ctx, handOver, name, nil)
	if err != nil {
		return nil, nil, told(err)
	}

	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	last := make(chan error, 1)
	var keeping sync.WaitGroup
	keeping.Go(func() {
		for {
			_ = lock.while(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
			lock.release()
			if ctx.Err() != nil {
				return
			}
			if lock, err = s.takeAgain(ctx, name); err != nil {
				last <- err
				return
			}
		}
	})
	return func() { cancel(); keeping.Wait() }, last, nil
}

// takeAgain takes locks, however long the database is away.
func (s *Store) takeAgain(ctx context.Context, names []string) (*locks, error) {
	for {
		lock, err := s.holder.take(ctx, handOver, names, nil)
		if err == nil || errors.Is(err, ErrBeingMoved) || errors.Is(err, ErrTablesReplaced) {
			return lock, err
		}
		if err := rest(ctx, time.Second, nil); err != nil {
			return nil, err
		}
	}
}
