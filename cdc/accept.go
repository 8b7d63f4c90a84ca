package cdc

import (
	"context"
	"fmt"

	"github.com/jackc/pglogrepl"
)

// Accepted says what a listener's state belongs to, before and after.
type Accepted struct {
	OldSystemID, SystemID string
	OldTimeline, Timeline int32
	// Database and StateTable are the numbers that the server gave the two; 0: not known.
	OldDatabase, Database     uint32
	OldStateTable, StateTable uint32
	SlotDropped               bool
}

// Accept makes the listener's state one of the database as it is now, after a
// restore: the next Run begins anew with a slot and a snapshot, which counts as a
// repair. It drops the slot. The sink must no longer show its events as ours when
// it is called. Errors: ErrListening, *SetupError.
func Accept(ctx context.Context, cfg Config, store StateStore) (a Accepted, err error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return a, fmt.Errorf("configure listener: %w", err)
	}

	conn, err := connect(ctx, cfg, true)
	if err != nil {
		return a, err
	}
	defer closeConn(conn)

	// The lock first: a listener that runs would go on by the state that is replaced here.
	s := &session{Listener: &Listener{cfg: cfg, store: store}, conn: conn}
	if err := s.alone(ctx); err != nil {
		return a, err
	}
	if a, err = s.adopt(ctx); err != nil {
		return a, err
	}

	// The old slot stands at a place in another log; the next start makes its own.
	if s.facts.slot.found {
		err := pglogrepl.DropReplicationSlot(ctx, conn, cfg.Slot, pglogrepl.DropReplicationSlotOptions{})
		if err != nil && pgCode(err) != codeNoObject {
			return a, s.explainSlot("drop slot", err)
		}
		a.SlotDropped = err == nil
	}
	return a, nil
}

// alone makes sure that no listener runs, and that the slot is ours.
func (s *session) alone(ctx context.Context) error {
	locked, err := s.tryLock(ctx)
	if err != nil {
		return err
	}
	if s.facts, err = loadFacts(ctx, s.conn, s.cfg); err != nil {
		return err
	}
	if !locked || s.facts.slot.active {
		return ErrListening
	}
	if p := slotProblem(s.cfg, s.facts); p != nil {
		return p
	}
	return s.identify(ctx)
}

// adopt stores a state that asks for a snapshot.
func (s *session) adopt(ctx context.Context) (a Accepted, err error) {
	old, _, err := s.store.Load(ctx)
	if err != nil {
		return a, fmt.Errorf("load listener state: %w", err)
	}
	s.state = State{SnapshotReason: errAccepted.Error()}
	a = Accepted{
		OldSystemID: old.SystemID, OldTimeline: old.Timeline, OldDatabase: old.Database, OldStateTable: old.StateTable,
		SystemID: s.systemID, Timeline: s.timeline, Database: s.database, StateTable: s.stateTable,
	}
	return a, s.save(ctx)
}
