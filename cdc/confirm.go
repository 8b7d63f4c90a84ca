package cdc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
)

const (
	writeTimeout = 10 * time.Second
	saveTimeout  = 10 * time.Second
)

// confirm tells the slot what is durable: at every interval, when the server
// asks, and once more at the end.
func (st *stream) confirm(ctx context.Context) error {
	tick := time.NewTicker(st.cfg.StatusInterval)
	defer tick.Stop()

	watch := stallWatch{after: st.cfg.StallAfter}
	quiet := quietWatch{since: time.Now()}
	for {
		ask, exact := false, false
		select {
		case <-ctx.Done():
			_ = st.tell(context.WithoutCancel(ctx), false, true)
			return ctx.Err()
		case <-st.asked:
			exact = true
		case now := <-tick.C:
			if ask = quiet.idle(st.received.Load(), now) && !st.publishing.Load(); ask && now.Sub(quiet.since) > st.silence {
				return ErrSilent
			}
		}

		// Asked about durability before the server is told, so that what is told is durable.
		_, waiting := st.progress.received(st.sink.Durable())
		if err := watch.check(st.sink, waiting || st.publishing.Load(), time.Now()); err != nil {
			return err
		}
		if err := st.tell(ctx, ask, exact); err != nil {
			return err
		}
	}
}

// tell confirms what may be confirmed (invariant 9): durable long enough, and
// saved, with the newest event of it. Where no event is new that waits a while, for
// saving writes to the log itself; not with exact, when the server wants to know: as it
// shuts down, it waits for all it has sent to be confirmed. With ask the server is to
// answer at once, with how far it has read: so the slot moves on while only other
// tables change.
func (st *stream) tell(ctx context.Context, ask, exact bool) error {
	now := time.Now()
	m := st.progress.advance(st.sink.Durable(), now)
	stored := max(st.progress.storedUpTo(), m.lsn)
	news, moved := m.last.Compare(st.state.LastEvent) > 0, m.lsn > st.state.Confirmed || stored > st.state.Stored
	if news || moved && (exact || now.Sub(st.saved) >= st.cfg.PositionInterval) {
		if err := st.savePosition(ctx, m, stored); err != nil {
			return err
		}
		st.saved = now
	}
	if st.kept < st.state.Confirmed && (st.cfg.Kept == nil || st.cfg.Kept(ctx) == nil) {
		st.kept = st.state.Confirmed
	}
	st.told = max(st.told, min(m.lsn, st.kept))
	st.show()
	return st.send(st.told, ask)
}

// savePosition remembers what is about to be told: a slot that is ever found beyond it
// was moved by somebody else. With it goes how far everything is stored.
func (st *stream) savePosition(ctx context.Context, m mark, stored LSN) error {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	st.state.LastEvent = m.last
	st.state.Confirmed = max(st.state.Confirmed, m.lsn)
	st.state.Stored = stored
	return st.save(ctx)
}

// show brings Status up to date.
func (st *stream) show() {
	newest, _ := st.progress.received(0)
	st.update(func(s *Status) {
		if newest.last != st.shown {
			st.shown = newest.last
			s.LastEventAt = time.Now()
		}
		s.ReceivedLSN = newest.lsn
		s.ConfirmedLSN = st.told
	})
}

// send writes one standby status update. All three positions in it are the confirmed
// one: a server that is told of more could forget what is not durable.
func (st *stream) send(lsn LSN, ask bool) error {
	now := time.Now()
	b := append(st.out[:0], 'd', 0, 0, 0, 38, pglogrepl.StandbyStatusUpdateByteID)
	for range 3 { // written, flushed, applied
		b = binary.BigEndian.AppendUint64(b, uint64(lsn))
	}
	b = binary.BigEndian.AppendUint64(b, uint64(now.UnixMicro()-pgEpoch))
	if ask {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	st.out = b
	conn := st.conn.Conn()
	if err := conn.SetWriteDeadline(now.Add(writeTimeout)); err != nil {
		return fmt.Errorf("confirm LSN: %w", err)
	}
	if _, err := conn.Write(b); err != nil {
		return fmt.Errorf("confirm LSN: %w", err)
	}
	return nil
}

// quietWatch notices that nothing was received since the last tick.
type quietWatch struct {
	seen  uint64
	since time.Time
}

func (q *quietWatch) idle(received uint64, now time.Time) bool {
	if received == q.seen {
		return true
	}
	q.seen = received
	q.since = now
	return false
}

// stallWatch notices a sink that failed, or that takes events without storing them.
type stallWatch struct {
	after   time.Duration
	durable uint64
	since   time.Time
}

func (w *stallWatch) check(sink Sink, waiting bool, now time.Time) error {
	if failer, ok := sink.(interface{ Err() error }); ok {
		if err := failer.Err(); err != nil {
			return fmt.Errorf("publish events: %w", err)
		}
	}
	durable := sink.Durable()
	if !waiting || durable != w.durable || w.since.IsZero() {
		w.durable = durable
		w.since = now
		return nil
	}
	if now.Sub(w.since) >= w.after {
		return fmt.Errorf("%w: none became durable for %s", ErrStalled, w.after)
	}
	return nil
}

// watchServer keeps an eye on what the replication connection does not tell: how
// much log the server has written, and that the table and its publication are
// still the same.
func (st *stream) watchServer(ctx context.Context) error {
	for {
		if err := st.pollServer(ctx); ctx.Err() != nil {
			return ctx.Err()
		} else if errors.Is(err, ErrTableReplaced) || errors.Is(err, ErrPublicationLost) || errors.Is(err, errLayoutChanged) || errors.Is(err, errSynchronous) {
			return err
		} else if err != nil {
			st.log.DebugContext(ctx, "could not read the server's log position", "error", err)
		}
		if err := sleep(ctx, st.cfg.WatchInterval); err != nil {
			return err
		}
	}
}

// pollServer returns when something changed: the next session compares the catalog
// with the state, so what is changed back until then is noticed as well.
func (st *stream) pollServer(ctx context.Context) error {
	conn, err := connect(ctx, st.cfg, false)
	if err != nil {
		return err
	}
	defer closeConn(conn)

	for {
		r, err := execRow(ctx, conn, "SELECT pg_current_wal_flush_lsn()")
		if err != nil {
			return err
		}
		var end LSN
		if err := end.Scan(r[0]); err != nil {
			return err
		}
		st.setServerEnd(end)

		// Nothing in the log says that the table or its publication was made anew: only the catalogs do.
		now, err := loadFacts(ctx, conn, st.cfg)
		if err != nil {
			return err
		}
		switch {
		case now.table.oid != st.facts.table.oid:
			return fmt.Errorf("%w, or renamed", ErrTableReplaced)
		case now.pub.rows != st.facts.pub.rows:
			return errPublicationChanged
		case now.table.layout != st.facts.table.layout:
			return errLayoutChanged
		}
		if p := synchronousProblem(st.cfg, now); p != nil {
			return p
		}

		st.warn(ctx, firstProblem(st.cfg, now))
		if err := sleep(ctx, st.cfg.WatchInterval); err != nil {
			return err
		}
	}
}
