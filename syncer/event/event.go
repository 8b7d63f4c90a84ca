package event

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/jackc/pglogrepl"

	"github.com/crmmind/mksync/cdc"
)

// Event ids name an event for good: an LSN alone does not, several changes of a
// transaction share one.

// eventID is system identifier, commit LSN and ordinal: "7312…-0/16B3748-1".
func eventID(systemID string, pos cdc.Position) string {
	var buf [64]byte
	b := append(append(buf[:0], systemID...), '-')
	b = append(appendLSN(b, pos.LSN), '-')
	return string(strconv.AppendUint(b, uint64(pos.Ordinal), 10))
}

// appendLSN writes a position as its String does. It runs twice for each event,
// and formatting it the usual way took a tenth of an event's time.
func appendLSN(b []byte, lsn cdc.LSN) []byte {
	b = append(appendHex(b, uint32(lsn>>32)), '/') //nolint:gosec // the upper half
	return appendHex(b, uint32(lsn))               //nolint:gosec // the lower half
}

func appendHex(b []byte, v uint32) []byte {
	const digits = "0123456789ABCDEF"
	shift := max(bits.Len32(v)-1, 0) / 4 * 4
	for ; shift >= 0; shift -= 4 {
		b = append(b, digits[v>>shift&0xf])
	}
	return b
}

// sourcePrefix begins the ce-source of a contact's event; its system follows.
const sourcePrefix = "mksync/listener/"

// withEpoch is a system identifier with the epoch of the database, where it has had
// more than one.
func withEpoch(systemID, epoch string) string {
	if epoch == "" {
		return systemID
	}
	return systemID + "." + epoch
}

// sameEpoch takes the epoch off a system identifier, and tells whether it is this one.
func sameEpoch(source, epoch string) (systemID string, same bool) {
	systemID, of, _ := strings.Cut(source, ".")
	return systemID, of == epoch
}

// parseEventID is the reverse of eventID.
func parseEventID(id string) (systemID string, pos cdc.Position, err error) {
	parts := strings.Split(id, "-")
	if len(parts) != 3 {
		return "", pos, fmt.Errorf("event id %q is not of mksync's form", id)
	}
	lsn, err := pglogrepl.ParseLSN(parts[1])
	if err != nil {
		return "", pos, fmt.Errorf("event id %q: %w", id, err)
	}
	ordinal, err := strconv.ParseUint(parts[2], 10, 32)
	if err != nil {
		return "", pos, fmt.Errorf("event id %q: %w", id, err)
	}
	return parts[0], cdc.Position{LSN: lsn, Ordinal: uint32(ordinal)}, nil
}

// LSN is the position in the log that an event's id names.
func LSN(eventID string) (cdc.LSN, error) {
	_, pos, err := parseEventID(eventID)
	return pos.LSN, err
}

// CloudEvents 1.0 attributes travel as headers. Each costs the server time: what a message
// is about stands in its subject, and that it is JSON is what is usual.
const (
	HeaderSpec   = "ce-specversion"
	HeaderID     = "ce-id"
	HeaderSource = "ce-source"
	HeaderType   = "ce-type"
	HeaderTime   = "ce-time"
)

// HeaderTrace names the trace that a message goes on with, where mksync is traced (W3C
// Trace Context).
const HeaderTrace = "traceparent"

// appendContactEvent writes an event's JSON: op, contact_id, before, after, lsn, xid,
// commit_time, the id that an update changed as "previous_id", and as "unchanged" the columns
// that did not change and were too large to be sent. Numbers and booleans are written as such,
// every other type as Postgres's text. at is the event's time, which its header has as well.
func appendContactEvent(b []byte, ev *cdc.Event, at string) []byte {
	b = append(b, `{"op":"`...)
	b = append(b, ev.Op.String()...)
	b = append(b, `","contact_id":`...)
	b = appendText(b, ev.Key)
	if ev.OldKey != "" {
		b = append(b, `,"previous_id":`...)
		b = appendText(b, ev.OldKey)
	}

	b = append(b, `,"before":`...)
	b = appendRow(b, ev.Before)
	b = append(b, `,"after":`...)
	b = appendRow(b, ev.After)
	b = appendUnchanged(b, ev.After)

	b = append(b, `,"lsn":"`...)
	b = appendLSN(b, ev.Pos.LSN)
	b = append(b, `","xid":`...)
	b = strconv.AppendUint(b, uint64(ev.XID), 10)

	// A row of a snapshot has no commit time.
	b = append(b, `,"commit_time":`...)
	if ev.CommitTime.IsZero() {
		return append(b, "null}"...)
	}
	b = append(b, '"')
	b = append(b, at...)
	return append(b, `"}`...)
}

func appendRow(b []byte, row *cdc.Row) []byte {
	if row == nil {
		return append(b, "null"...)
	}
	b = append(b, '{')
	first := true
	for i := range row.Columns {
		v := &row.Values[i]
		if v.Kind == cdc.Unchanged {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendText(b, row.Columns[i].Name)
		b = append(b, ':')
		b = appendValue(b, v, row.Columns[i].TypeOID)
	}
	return append(b, '}')
}

// ContactEvent is what mksync itself reads of a contact's event.
type ContactEvent struct {
	XID        uint32 `json:"xid"` // 0: of a snapshot
	PreviousID string `json:"previous_id"`
}

// ReadContact reads what mksync needs of an event; what cannot be read says nothing.
func ReadContact(data []byte) (ev ContactEvent) {
	_ = json.Unmarshal(data, &ev)
	return ev
}

// Type OIDs of pg_type that JSON has a form of its own for.
const (
	oidBool = 16
	oidInt8 = 20
	oidInt2 = 21
	oidInt4 = 23
)

func appendValue(b []byte, v *cdc.Value, oid uint32) []byte {
	switch {
	case v.Kind == cdc.Null:
		return append(b, "null"...)
	case oid == oidBool && string(v.Text) == "t":
		return append(b, "true"...)
	case oid == oidBool:
		return append(b, "false"...)
	case oid == oidInt2 || oid == oidInt4 || oid == oidInt8:
		return append(b, v.Text...)
	}
	return appendText(b, v.Text)
}

func appendUnchanged(b []byte, row *cdc.Row) []byte {
	if row == nil {
		return b
	}

	names := 0
	for i := range row.Columns {
		if row.Values[i].Kind != cdc.Unchanged {
			continue
		}
		if names == 0 {
			b = append(b, `,"unchanged":[`...)
		} else {
			b = append(b, ',')
		}
		names++
		b = appendText(b, row.Columns[i].Name)
	}

	if names > 0 {
		b = append(b, ']')
	}
	return b
}

// escaped are the bytes that a JSON string cannot hold as they are. It is a table because
// every byte of every row is looked up.
var escaped = func() (is [256]bool) {
	for c := range byte(' ') {
		is[c] = true
	}
	is['"'] = true
	is['\\'] = true
	return is
}()

// appendText writes a JSON string. It is written here because it runs for every
// column of every row: the standard library's needs an allocation for each.
func appendText[T string | []byte](b []byte, s T) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if !escaped[c] {
			continue
		}
		b = append(b, s[start:i]...)
		if c == '"' || c == '\\' {
			b = append(b, '\\', c)
		} else {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		start = i + 1
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
