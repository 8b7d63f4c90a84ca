package cdc

import (
	"bytes"
	"fmt"
)

// copyReader reads lines of COPY's text format; its buffers are used again.
type copyReader struct {
	scratch []byte
}

// read fills the row with the values of one line.
func (r *copyReader) read(line []byte, row *Row) error {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	row.Values = row.Values[:0]
	r.scratch = r.scratch[:0]
	// Unescaping only shortens: with room for the whole line, append never moves
	// the bytes that earlier values point into.
	if cap(r.scratch) < len(line) {
		r.scratch = make([]byte, 0, len(line)*2)
	}
	for more := true; more; {
		var field []byte
		field, line, more = bytes.Cut(line, []byte{'\t'})
		row.Values = append(row.Values, r.value(field))
	}
	if len(row.Values) != len(row.Columns) {
		return fmt.Errorf("%w: snapshot row of %d columns instead of %d", ErrProtocol, len(row.Values), len(row.Columns))
	}
	return nil
}

func (r *copyReader) value(field []byte) Value {
	if string(field) == `\N` {
		return Value{Kind: Null}
	}
	first := bytes.IndexByte(field, '\\')
	if first < 0 {
		return Value{Kind: Text, Text: field}
	}
	start := len(r.scratch)
	r.scratch = append(r.scratch, field[:first]...)
	for i := first; i < len(field); i++ {
		ch := field[i]
		if ch == '\\' && i+1 < len(field) {
			i++
			ch = unescape(field[i])
		}
		r.scratch = append(r.scratch, ch)
	}
	return Value{Kind: Text, Text: r.scratch[start:len(r.scratch):len(r.scratch)]}
}

// unescape undoes the escapes that COPY TO writes.
func unescape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'v':
		return '\v'
	}
	return c
}
