package cdc

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// action is what a decoded message asks for.
type action uint8

const (
	actNone action = iota
	actBegin
	actEvent
	actCommit
	actHeartbeat
)

// pgEpoch is 2000-01-01 in Unix microseconds, where Postgres's clock begins.
const pgEpoch = 946684800 * 1_000_000

// relation is a table as the stream last described it.
type relation struct {
	oid     uint32
	ours    bool
	cols    []Column
	keyCols []Column // those of the replica identity
	key     int      // index of the key column in cols
	keyOld  int      // and in keyCols
}

// decoder reads pgoutput messages (protocol version 1). What it fills is valid
// until the next message: rows point into the message.
//
// A message describes the table as it was when the change was made. It is known by
// its oid, whatever its name was then.
type decoder struct {
	oid     uint32 // of the table
	key     string
	keyType uint32
	rels    map[uint32]*relation

	ev            Event
	before, after Row
	beat          string // content of the newest heartbeat, after actHeartbeat
	reshaped      string // how the table's columns changed; the reader empties it
	finalLSN      LSN    // of the transaction that is being read
	endLSN        LSN    // where the next record begins, after actCommit
}

func newDecoder(cfg Config, table tableFacts, systemID string) *decoder {
	d := &decoder{oid: table.oid, key: cfg.KeyColumn, keyType: table.keyType, rels: make(map[uint32]*relation)}
	d.ev.SystemID = systemID
	return d
}

// decode reads one message. After actEvent the event is in d.ev.
func (d *decoder) decode(msg []byte) (action, error) {
	if len(msg) == 0 {
		return actNone, fmt.Errorf("%w: empty", ErrProtocol)
	}
	c := &cursor{b: msg[1:]}
	act, err := d.dispatch(msg[0], c)
	if err != nil {
		return actNone, err
	}
	if c.short {
		return actNone, fmt.Errorf("%w: %q is cut short", ErrProtocol, msg[0])
	}
	return act, nil
}

func (d *decoder) dispatch(kind byte, c *cursor) (action, error) {
	switch kind {
	case 'B':
		return d.begin(c), nil
	case 'C':
		return d.commit(c), nil
	case 'R':
		d.relation(c)
		return actNone, nil
	case 'I', 'U', 'D':
		return d.change(kind, c)
	case 'T':
		return d.truncate(c)
	case 'M':
		return d.message(c), nil
	case 'O', 'Y': // origin, type: nothing of ours
		return actNone, nil
	}
	return actNone, fmt.Errorf("%w: unknown kind %q", ErrProtocol, kind)
}

func (d *decoder) begin(c *cursor) action {
	d.finalLSN = LSN(c.u64())
	d.ev.CommitTime = time.UnixMicro(int64(c.u64()) + pgEpoch).UTC()
	d.ev.XID = c.u32()
	return actBegin
}

func (d *decoder) commit(c *cursor) action {
	c.u8() // flags
	c.u64()
	d.endLSN = LSN(c.u64())
	c.u64()
	return actCommit
}

// message reads a message that somebody put into the log; heartbeats have a
// prefix of their own.
func (d *decoder) message(c *cursor) action {
	c.u8() // whether it is part of the transaction
	c.u64()
	prefix := c.text()
	content := c.take(int(c.u32()))
	if prefix != heartbeatPrefix {
		return actNone
	}
	d.beat = string(content)
	return actHeartbeat
}

// relation keeps the description of a table; it comes before the table's first
// change and again after each change of its columns.
func (d *decoder) relation(c *cursor) {
	r := &relation{oid: c.u32(), key: -1, keyOld: -1}
	r.ours = r.oid == d.oid
	c.text() // schema
	c.text() // name
	c.u8()   // replica identity
	for range c.u16() {
		col := Column{Key: c.u8()&1 != 0, Name: c.text(), TypeOID: c.u32()}
		c.u32() // type modifier
		if c.short {
			break
		}
		r.add(col, d.key)
	}
	if c.short {
		return // reported by decode
	}

	if r.key < 0 {
		r.guessKey(d.keyType)
	}

	if old := d.rels[r.oid]; old != nil && r.ours {
		d.reshaped = reshaped(old.cols, r.cols)
	}
	d.rels[r.oid] = r
}

// guessKey finds the key of a table in which no column had its name: the only
// column of the replica identity, which the key belongs to, where it has its type.
func (r *relation) guessKey(typ uint32) {
	if len(r.keyCols) != 1 || r.keyCols[0].TypeOID != typ {
		return
	}
	r.keyOld = 0
	r.key = slices.IndexFunc(r.cols, func(c Column) bool { return c.Key })
}

// reshaped says how columns changed; "" where names and types are the same. One
// name for another in the same place is a rename.
func reshaped(old, now []Column) string {
	var said []string
	for i, c := range old {
		at := slices.IndexFunc(now, func(n Column) bool { return n.Name == c.Name })
		switch {
		case at >= 0 && now[at].TypeOID != c.TypeOID:
			said = append(said, c.Name+" has another type")
		case at >= 0:
		case len(old) == len(now) && now[i].TypeOID == c.TypeOID && !hasColumn(old, now[i].Name):
			said = append(said, c.Name+" is now "+now[i].Name)
		default:
			said = append(said, c.Name+" is gone")
		}
	}
	for i, c := range now {
		renamed := len(old) == len(now) && old[i].TypeOID == c.TypeOID && !hasColumn(now, old[i].Name)
		if !hasColumn(old, c.Name) && !renamed {
			said = append(said, c.Name+" is new")
		}
	}
	return strings.Join(said, ", ")
}

func hasColumn(cols []Column, name string) bool {
	return slices.ContainsFunc(cols, func(c Column) bool { return c.Name == name })
}

func (r *relation) add(col Column, key string) {
	if col.Name == key {
		r.key = len(r.cols)
		if col.Key {
			r.keyOld = len(r.keyCols)
		}
	}
	if col.Key {
		r.keyCols = append(r.keyCols, col)
	}
	r.cols = append(r.cols, col)
}

// change reads an insert, update or delete.
func (d *decoder) change(kind byte, c *cursor) (action, error) {
	r, ok := d.rels[c.u32()]
	if !ok {
		return actNone, fmt.Errorf("%w: change of an undescribed table", ErrProtocol)
	}
	if !r.ours {
		return actNone, nil
	}
	if r.key < 0 || kind != 'I' && r.keyOld < 0 {
		return actNone, fmt.Errorf("%w: %s of a row when column %q did not exist, or was not in the replica identity", ErrKeyUnknown, changeOp(kind), d.key)
	}

	d.ev.Before = nil
	d.ev.After = nil
	part := c.u8()

	// The old row, or its key, comes first where the replica identity asks for it.
	if kind != 'I' && (part == 'K' || part == 'O') {
		if err := d.old(c, r, part); err != nil {
			return actNone, err
		}
		if kind == 'U' {
			part = c.u8()
		}
	}

	if kind != 'D' {
		if err := d.new(c, r, part); err != nil {
			return actNone, err
		}
	}

	d.ev.Op = changeOp(kind)
	return actEvent, d.setKey(r, c)
}

func changeOp(kind byte) Op {
	switch kind {
	case 'I':
		return OpInsert
	case 'U':
		return OpUpdate
	}
	return OpDelete
}

// old reads the row as it was: whole ('O'), or its replica identity ('K'), in
// which the other columns are sent as nulls.
func (d *decoder) old(c *cursor, r *relation, part byte) error {
	cols := r.cols
	if part == 'K' {
		cols = r.keyCols
	}
	d.ev.Before = &d.before
	return readTuple(c, r, part == 'K', cols, &d.before)
}

func (d *decoder) new(c *cursor, r *relation, part byte) error {
	if part != 'N' && !c.short {
		return fmt.Errorf("%w: row of kind %q", ErrProtocol, part)
	}
	d.ev.After = &d.after
	return readTuple(c, r, false, r.cols, &d.after)
}

// readTuple reads the values of a row into row, whose buffers are used again.
func readTuple(c *cursor, r *relation, keysOnly bool, cols []Column, row *Row) error {
	if n := int(c.u16()); n != len(r.cols) && !c.short {
		return fmt.Errorf("%w: row of %d columns in a table of %d", ErrProtocol, n, len(r.cols))
	}
	row.Columns = cols
	row.Values = row.Values[:0]
	for i := range r.cols {
		v, err := c.value()
		if err != nil {
			return err
		}
		if !keysOnly || r.cols[i].Key {
			row.Values = append(row.Values, v)
		}
	}
	return nil
}

// setKey takes the key from the new row, else from the old one.
func (d *decoder) setKey(r *relation, c *cursor) error {
	if c.short {
		return nil // reported by decode
	}
	d.ev.OldKey = ""
	old := d.oldKey(r)
	if after := d.ev.After; after != nil && after.Values[r.key].Kind == Text {
		d.ev.Key = string(after.Values[r.key].Text)
		if old != nil && string(old) != d.ev.Key {
			d.ev.OldKey = string(old)
		}
		return nil
	}
	if old != nil {
		d.ev.Key = string(old)
		return nil
	}
	return fmt.Errorf("%w: %s without a value of column %q", ErrKeyUnknown, d.ev.Op, d.key)
}

// oldKey is the key of the row as it was; nil: it was not sent.
func (d *decoder) oldKey(r *relation) []byte {
	before := d.ev.Before
	if before == nil {
		return nil
	}
	i := r.key
	if len(before.Columns) != len(r.cols) {
		i = r.keyOld
	}
	if i < 0 || before.Values[i].Kind != Text {
		return nil
	}
	return before.Values[i].Text
}

func (d *decoder) truncate(c *cursor) (action, error) {
	n := int(c.u32())
	c.u8() // CASCADE, RESTART IDENTITY
	act := actNone
	for range n {
		r, ok := d.rels[c.u32()]
		switch {
		case c.short:
			return actNone, nil
		case !ok:
			return actNone, fmt.Errorf("%w: truncate of an undescribed table", ErrProtocol)
		case r.ours:
			d.ev.Op = OpTruncate
			d.ev.Key = ""
			d.ev.OldKey = ""
			d.ev.Before = nil
			d.ev.After = nil
			act = actEvent
		}
	}
	return act, nil
}
