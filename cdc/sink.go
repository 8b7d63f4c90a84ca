package cdc

import (
	"context"
	"slices"
)

// Last is where publishing stopped: the newest event the sink has stored.
type Last struct {
	Found    bool
	SystemID string
	Pos      Position
}

// Sink stores events, in the order in which they are published.
//
// A sink may also have a method `Err() error`: when it returns an error, no
// further event is accepted, and the listener begins again with Last without
// waiting for the next event.
//
// A sink may have a method `Heartbeat(ctx context.Context, sentAt time.Time)
// error`, too. It is called when a heartbeat, sent then by the database's clock,
// came through the slot and everything published before it is durable. An error
// means that the heartbeat did not get through. A zero time means that none may be sent.
type Sink interface {
	// Last is called at the start of every connection, before the first Publish,
	// and sets Durable back to 0.
	Last(ctx context.Context) (Last, error)
	// Publish takes one event; it may block to slow the listener down. An error
	// ends the connection, and the listener begins again with Last.
	Publish(ctx context.Context, ev *Event) error
	// Durable is how many of the events published since Last are stored, counted
	// in order: all up to that number are. It may be called at any time.
	Durable() uint64
}

// State is what the listener has to remember between two runs.
type State struct {
	SystemID string
	Timeline int32
	// SnapshotDone is set once every row of the snapshot is stored in the sink.
	SnapshotDone bool
	// SnapshotPos is the slot's consistent point: a new value means that a new
	// snapshot was taken, and that events in between may be missing.
	SnapshotPos LSN
	// SnapshotReason says why the newest snapshot was taken.
	SnapshotReason string
	// Table is the table's oid: a new one is another table of the same name.
	Table uint32
	// TableReplaced: the newest snapshot was taken because of that.
	TableReplaced bool
	// Publication names the catalog's rows by which the table was published when
	// the slot was made: with others, changes may have been left out since. Empty
	// in a state of an older version.
	Publication string
	// Layout names the catalog's rows by which the table has its partitions, and their
	// files, as the listener last saw them. Empty: it has none.
	Layout string
	// LayoutChanged: they were others once. Partitions that come, go or are emptied
	// take rows with them of which no event tells.
	LayoutChanged bool
	// LastEvent is the newest event whose LSN may have been confirmed.
	LastEvent Position
	// Confirmed is up to where the slot may have been told that it need not keep
	// anything: one that stands beyond has lost changes. 0 in a state of an older version.
	Confirmed LSN
	// Stored is up to where the log was read and the sink holds every event of it, since
	// the connection began: behind what may be confirmed, which can be minutes, and known
	// to whoever reads the state. 0: nothing is known yet.
	Stored LSN
	// Database and StateTable are oids, of the database and of the table that keeps this
	// state: a copy, or a restored dump, has others. 0 in a state of an older version.
	Database, StateTable uint32
	Slot                 string
	// FormerSlots had the listener before its slot was given another name. Nobody
	// drops them, and each keeps the log from then on.
	FormerSlots []string
}

// takeSlot makes slot the state's slot, and remembers the one before.
func (s *State) takeSlot(slot string) {
	if s.Slot != "" && s.Slot != slot {
		s.FormerSlots = append(s.FormerSlots, s.Slot)
	}
	s.Slot = slot
	s.FormerSlots = slices.DeleteFunc(s.FormerSlots, func(former string) bool { return former == slot })
}

// Recovered reports whether the newest snapshot is stored and was taken because
// changes may have been missed: what was deleted meanwhile is in no event.
func (s State) Recovered() bool {
	return s.SnapshotDone && s.SnapshotReason != "" && s.SnapshotReason != errFirstStart.Error()
}

// Rearranged is the layout after a change of the partitions; empty: there was none,
// or a snapshot is under way.
func (s State) Rearranged() string {
	if !s.SnapshotDone || !s.LayoutChanged {
		return ""
	}
	return s.Layout
}

// StateStore keeps one State. Save has to be durable when it returns.
type StateStore interface {
	// Load returns false when nothing was saved yet.
	Load(ctx context.Context) (State, bool, error)
	Save(ctx context.Context, s State) error
}
