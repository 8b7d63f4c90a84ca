package cdc

import (
	"cmp"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
)

// LSN is a position in Postgres's write-ahead log.
type LSN = pglogrepl.LSN

// Op is what happened to a row.
type Op uint8

// The operations. OpSnapshot is a row that was there when the slot was made.
const (
	OpSnapshot Op = iota + 1
	OpInsert
	OpUpdate
	OpDelete
	OpTruncate
)

var opNames = [...]string{OpSnapshot: "snapshot", OpInsert: "insert", OpUpdate: "update", OpDelete: "delete", OpTruncate: "truncate"}

// String is the lower-case name used in subjects and logs.
func (o Op) String() string {
	if o == 0 || int(o) >= len(opNames) {
		return fmt.Sprintf("op(%d)", uint8(o))
	}
	return opNames[o]
}

// Position names an event within one database system. It grows from event to
// event in commit order.
type Position struct {
	// LSN is where the transaction's commit record begins. For a snapshot it is
	// the slot's consistent point minus one: a commit record may begin at the
	// consistent point itself, and its events are not those of the snapshot.
	LSN LSN
	// Ordinal counts the events of the transaction (or snapshot) from 1.
	Ordinal uint32
}

// Compare is -1, 0 or +1, as cmp.Compare.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.LSN, q.LSN), cmp.Compare(p.Ordinal, q.Ordinal))
}

// String is "LSN/ordinal", for logs.
func (p Position) String() string { return fmt.Sprintf("%s#%d", p.LSN, p.Ordinal) }

// ValueKind tells a text from the two ways in which there is none.
type ValueKind uint8

// The kinds of a value. Unchanged is a large (TOAST) value that an update did
// not touch and that Postgres therefore does not send.
const (
	Null ValueKind = iota
	Text
	Unchanged
)

// Value is one column of a row in Postgres's text format.
type Value struct {
	Kind ValueKind
	Text []byte
}

// Column describes one column. Key is set when it belongs to the replica identity.
type Column struct {
	Name    string
	TypeOID uint32
	Key     bool
}

// Row is a row's columns and their values, in the same order. Columns is shared
// between rows and must not be modified.
type Row struct {
	Columns []Column
	Values  []Value
}

// Get returns the value of the named column, false when the row has none.
func (r *Row) Get(name string) (Value, bool) {
	if r == nil {
		return Value{}, false
	}
	for i := range r.Columns {
		if r.Columns[i].Name == name {
			return r.Values[i], true
		}
	}
	return Value{}, false
}

// Event is one change of the table. It and its rows are valid only during
// Sink.Publish: the buffers are used again for the next one.
type Event struct {
	Op Op
	// Key is the key column's text: of After where there is one, else of Before;
	// empty for a truncate.
	Key string
	// OldKey is set for an update that changes the key, where the replica identity
	// has it.
	OldKey string
	// Before holds the replica identity alone (updates that change it, deletes),
	// or the whole row where the table's replica identity is FULL. Nil: not sent.
	Before *Row
	// After is the new row; nil for deletes and truncates.
	After *Row
	Pos   Position
	// XID and CommitTime are zero for a snapshot, whose rows were committed at
	// times that are no longer known.
	XID        uint32
	CommitTime time.Time
	SystemID   string
}
