package cdc

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// cursor reads big-endian fields from a message. Past its end it gives zeros and
// sets short, so that the caller checks once.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.short = true
		c.b = nil
		return nil
	}
	p := c.b[:n:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) u8() byte {
	if p := c.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if p := c.take(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if p := c.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if p := c.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// text reads a zero-terminated string.
func (c *cursor) text() string {
	end := bytes.IndexByte(c.b, 0)
	if end < 0 {
		c.take(-1)
		return ""
	}
	return string(c.take(end + 1)[:end])
}

// value reads one column of a row, without copying it.
func (c *cursor) value() (Value, error) {
	switch kind := c.u8(); kind {
	case 't':
		text := c.take(int(int32(c.u32())))
		return Value{Kind: Text, Text: text}, nil
	case 'n':
		return Value{Kind: Null}, nil
	case 'u':
		return Value{Kind: Unchanged}, nil
	default:
		if c.short {
			return Value{}, nil
		}
		return Value{}, fmt.Errorf("%w: value of kind %q", ErrProtocol, kind)
	}
}
