package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrBeingMoved says that mksync's tables are moved to another schema, or were.
var ErrBeingMoved = errors.New("mksync's tables are being moved to another schema: start again when they are there")

const takeSharedSQL = "SELECT pg_try_advisory_lock_shared(hashtextextended($1, 0)), " + stateTableSQL

// Running keeps the tables where they are until stop is called. A connection that is lost
// is made again; ctx is for the first one.
func (s *Store) Running(ctx context.Context) (stop func(), err error) {
	conn, err := s.holdTables(ctx)
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			lost := watchLock(ctx, conn)
			release(conn)
			conn.Release()

			// Until it is had again somebody may move the tables.
			for lost != nil {
				if rest(ctx, 2*time.Second) != nil {
					return
				}
				conn, lost = s.holdTables(ctx)
			}
			if ctx.Err() != nil {
				return
			}
		}
	})
	return func() { cancel(); watch.Wait() }, nil
}

// holdTables takes the lock that whoever moves the tables has to have alone.
func (s *Store) holdTables(ctx context.Context) (*ownConn, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach the CRM's database: %w", err)
	}
	var held bool
	var tables uint32
	err = conn.QueryRow(ctx, takeSharedSQL, s.lockName(aloneLock, running)).Scan(&held, &tables)
	if err == nil && (!held || tables != s.tables) {
		err = ErrBeingMoved
	}
	if err != nil {
		release(conn)
		conn.Release()
		return nil, fmt.Errorf("keep mksync's tables: %w", err)
	}
	return conn, nil
}
