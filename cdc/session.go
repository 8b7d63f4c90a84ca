package cdc

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/pgsession"
)

// session is one connection: from the set-up checks to its end.
type session struct {
	*Listener
	identity
	conn   *pgconn.PgConn
	reader atomic.Pointer[reader] // nil: no snapshot is read
	facts  facts
	walEnd LSN // the server's log when this instance's turn came

	hasState bool
	state    State
	last     Last
	// newest is the newest event that the sink holds or was given.
	newest Position
	// count is how many events were published since Last.
	count uint64
}

// runSession connects, takes a snapshot where one is needed, and streams.
func (l *Listener) runSession(ctx context.Context) error {
	conn, err := connect(ctx, l.cfg, true)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if l.backend, err = pgsession.EndLost(ctx, conn, l.backend); err != nil {
		return err
	}
	s := &session{Listener: l, conn: conn}
	told := s.tellWaits(ctx)
	err = s.begin(ctx)
	told()
	if err != nil {
		return err
	}
	err = s.stream(ctx)
	if errors.Is(err, ErrKeyUnknown) {
		s.missed = err
	}
	return err
}

// begin does what comes before streaming.
func (s *session) begin(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if err := s.noteLayout(ctx); err != nil {
		return err
	}
	if reason := s.snapshotReason(); reason != nil {
		return s.snapshot(ctx, reason)
	}
	return nil
}

// prepare waits for this instance's turn and then looks at everything. Whether it is
// the right database it looks at before: a copy has nothing to wait for.
func (s *session) prepare(ctx context.Context) error {
	if err := s.identify(ctx); err != nil {
		return err
	}
	if err := s.loadState(ctx); err != nil {
		return err
	}
	if err := s.awaitTurn(ctx); err != nil {
		return err
	}
	if err := s.identify(ctx); err != nil { // after the wait: the log has grown
		return err
	}
	if err := s.loadState(ctx); err != nil {
		return err
	}
	if err := s.loadLast(ctx); err != nil {
		return err
	}
	s.facts.pub.lostIt = s.hasState && s.state.Table != 0 && s.facts.pub.owned && s.facts.table.owned
	return refusal(s.cfg, s.facts)
}

// awaitTurn takes the lock that one instance holds for as long as it is
// connected (a slot alone does not exclude others while a snapshot is read), and
// waits for the slot to be free. It leaves the catalogs' facts as they are then.
func (s *session) awaitTurn(ctx context.Context) error {
	locked := false
	for wait := standbyInterval / 16; ; wait = min(2*wait, standbyInterval) {
		var err error
		if !locked {
			if locked, err = s.tryLock(ctx); err != nil {
				return err
			}
		}

		// The lock alone is not enough: the walsender of one that died may still hold the slot.
		if locked {
			if s.facts, err = loadFacts(ctx, s.conn, s.cfg); err != nil {
				return err
			}
			if !s.facts.slot.active || s.facts.slot.database != s.facts.server.database {
				return nil
			}
		}

		s.setState(StateStandby)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func (s *session) tryLock(ctx context.Context) (bool, error) {
	r, err := execRow(ctx, s.conn, "SELECT pg_try_advisory_lock(hashtextextended("+quoteLiteral("mksync listener "+s.cfg.Slot)+", 0))")
	if err != nil {
		return false, fmt.Errorf("take listener lock: %w", err)
	}
	return r[0] == "t", nil
}

// loadState loads the state and refuses a database that it does not belong to.
func (s *session) loadState(ctx context.Context) (err error) {
	var setup *SetupError
	s.state, s.hasState, err = s.store.Load(ctx)
	switch {
	case errors.As(err, &setup): // the store's own look at the database
		return setup
	case err != nil:
		return fmt.Errorf("load listener state: %w", err)
	}
	s.newest = s.state.LastEvent
	if !s.hasState {
		return nil
	}
	return s.state.belongsTo(s.identity)
}

// loadLast asks for the stream's end, and refuses a database that has not come so far, or
// that is not the one which the stream is of (invariant 13).
func (s *session) loadLast(ctx context.Context) (err error) {
	if s.last, err = s.sink.Last(ctx); err != nil {
		return fmt.Errorf("read last published event: %w", err)
	}
	if s.last.Found && !s.sinkIsOurs() {
		return StreamOfAnother(s.last.SystemID, s.systemID)
	}
	if s.sinkIsOurs() && s.last.Pos.LSN > s.walEnd {
		return systemChanged(coded.Say("doctor.identity.behind", "the database's log ends at {end}, but the stream already holds {held} (an older copy was restored)", s.walEnd, s.last.Pos.LSN))
	}
	return nil
}

// sinkIsOurs is whether the newest event in the sink comes from this system.
func (s *session) sinkIsOurs() bool { return s.last.Found && s.last.SystemID == s.systemID }

// ensurePublication makes the publication, in front of the slot. One that has to be
// made again has missed changes, which nothing shows any more once it is there.
func (s *session) ensurePublication(ctx context.Context) error {
	if s.facts.pub.found && s.facts.pub.hasTable {
		return nil
	}
	statement := createPublication(s.cfg)
	if s.facts.pub.found {
		statement = fmt.Sprintf("ALTER PUBLICATION %s ADD TABLE %s", quoteIdent(s.cfg.Publication), s.cfg.quotedTable())
	}
	_, err := exec(ctx, s.conn, statement)
	if err == nil || pgCode(err) == codeDuplicate {
		s.facts.pub, err = loadPublication(ctx, s.conn, s.cfg)
	}
	if err != nil {
		return fmt.Errorf("create publication: %w", err)
	}
	if !s.facts.pub.hasTable {
		return ErrPublicationLost // again, by somebody else
	}
	return nil
}

// noteLayout remembers how the table is partitioned, in front of any snapshot: what
// came, went or was emptied took rows with it of which no event tells.
func (s *session) noteLayout(ctx context.Context) error {
	old, now := s.state.Layout, s.facts.table.layout
	if !s.hasState || old == now || s.state.Table != s.facts.table.oid {
		return nil
	}
	s.state.Layout = now
	if old != "" { // else the state is one of an older version
		s.state.LayoutChanged = true
		s.log.WarnContext(ctx, "rows may have come and gone without an event: everything is checked", "table", s.cfg.Table, "reason", errLayoutChanged)
	}
	return s.save(ctx)
}

// snapshotReason is why a snapshot is needed; nil when streaming can go on.
func (s *session) snapshotReason() error {
	switch {
	case !s.hasState:
		return errFirstStart
	case !s.state.SnapshotDone:
		return errInterrupted
	case s.missed != nil:
		return s.missed
	case !s.facts.slot.found:
		return fmt.Errorf("%w: it no longer exists", ErrSlotLost)
	case s.facts.slot.lost:
		return fmt.Errorf("%w: Postgres invalidated it", ErrSlotLost)
	case s.state.Confirmed != 0 && s.facts.slot.confirmed > s.state.Confirmed:
		return fmt.Errorf("%w: it stands at %s, but was confirmed up to %s at most; it was advanced, or made anew", ErrSlotLost, s.facts.slot.confirmed, s.state.Confirmed)
	case s.state.Table != 0 && s.state.Table != s.facts.table.oid:
		return ErrTableReplaced
	case !s.facts.pub.found, !s.facts.pub.hasTable:
		return ErrPublicationLost
	case s.state.Publication != "" && s.state.Publication != s.facts.pub.rows:
		return errPublicationChanged
	case s.state.LastEvent != Position{} && !s.sinkIsOurs():
		return fmt.Errorf("%w: %s is gone", ErrStreamBehind, s.state.LastEvent)
	case s.sinkIsOurs() && s.last.Pos.Compare(s.state.LastEvent) < 0:
		return fmt.Errorf("%w: it ends at %s, confirmed was %s", ErrStreamBehind, s.last.Pos, s.state.LastEvent)
	}

	return nil
}

// isRepair is whether changes may have been missed before the snapshot.
func isRepair(reason error) bool {
	return !errors.Is(reason, errFirstStart) && !errors.Is(reason, errInterrupted)
}

// save stores the state with the identity of the system.
func (s *session) save(ctx context.Context) error {
	s.state.SystemID = s.systemID
	s.state.Timeline = s.timeline
	s.state.Database = s.database
	s.state.StateTable = s.stateTable
	s.state.takeSlot(s.cfg.Slot)
	if err := s.store.Save(ctx, s.state); err != nil {
		return fmt.Errorf("save listener state: %w", err)
	}
	s.hasState = true
	return nil
}

// awaitDurable waits until the sink has stored everything that was published.
func (s *session) awaitDurable(ctx context.Context) error {
	watch := stallWatch{after: s.cfg.StallAfter}
	for s.sink.Durable() < s.count {
		if err := watch.check(s.sink, true, time.Now()); err != nil {
			return err
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
