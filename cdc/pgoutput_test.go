package cdc

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// msg builds a pgoutput message.
type msg []byte

func (m msg) u8(v byte) msg    { return append(m, v) }
func (m msg) u16(v uint16) msg { return binary.BigEndian.AppendUint16(m, v) }
func (m msg) u32(v uint32) msg { return binary.BigEndian.AppendUint32(m, v) }
func (m msg) u64(v uint64) msg { return binary.BigEndian.AppendUint64(m, v) }
func (m msg) str(s string) msg { return append(append(m, s...), 0) }
func (m msg) val(s string) msg { return append(m.u8('t').u32(uint32(len(s))), s...) }

var (
	relItems  = msg{'R'}.u32(1).str("public").str("items").u8('d').u16(2).u8(1).str("id").u32(23).u32(0xffffffff).u8(0).str("name").u32(25).u32(0xffffffff)
	relOther  = msg{'R'}.u32(2).str("public").str("other").u8('d').u16(0)
	msgBegin  = msg{'B'}.u64(0x100).u64(0).u32(77)
	msgCommit = msg{'C'}.u8(0).u64(0x100).u64(0x140).u64(0)
	msgInsert = msg{'I'}.u32(1).u8('N').u16(2).val("1").val("one")
	msgUpdate = msg{'U'}.u32(1).u8('K').u16(2).val("1").u8('n').u8('N').u16(2).val("2").u8('u')
	msgDelete = msg{'D'}.u32(1).u8('O').u16(2).val("2").val("two")
	msgTrunc  = msg{'T'}.u32(2).u8(0).u32(2).u32(1)
	messages  = []msg{relItems, relOther, msgBegin, msgInsert, msgUpdate, msgDelete, msgTrunc, msgCommit}
)

func testDecoder(t testing.TB) *decoder {
	t.Helper()
	d := newDecoder(Config{KeyColumn: "id"}, tableFacts{oid: 1, keyType: 23}, "7")
	for _, m := range []msg{relItems, relOther} {
		act, err := d.decode(m)
		require.NoError(t, err)
		require.Equal(t, actNone, act)
	}
	return d
}

func TestDecodeMessages(t *testing.T) {
	t.Parallel()
	d := testDecoder(t)
	act, err := d.decode(msgBegin)
	require.NoError(t, err)
	require.Equal(t, actBegin, act)
	require.EqualValues(t, 0x100, d.finalLSN)
	require.Equal(t, "2000-01-01T00:00:00Z", d.ev.CommitTime.Format("2006-01-02T15:04:05Z07:00"))
	for _, tc := range []struct {
		m      msg
		op     Op
		key    string
		before map[string]string
		after  map[string]string
	}{
		{msgInsert, OpInsert, "1", nil, map[string]string{"id": "1", "name": "one"}},
		{msgUpdate, OpUpdate, "2", map[string]string{"id": "1"}, map[string]string{"id": "2", "name": "<unchanged>"}},
		{msgDelete, OpDelete, "2", map[string]string{"id": "2", "name": "two"}, nil},
		{msgTrunc, OpTruncate, "", nil, nil},
	} {
		act, err := d.decode(tc.m)
		require.NoError(t, err)
		require.Equal(t, actEvent, act)
		require.Equal(t, tc.op, d.ev.Op)
		require.Equal(t, tc.key, d.ev.Key)
		require.Equal(t, tc.before, copyRow(d.ev.Before))
		require.Equal(t, tc.after, copyRow(d.ev.After))
	}
	act, err = d.decode(msgCommit)
	require.NoError(t, err)
	require.Equal(t, actCommit, act)
	require.EqualValues(t, 0x140, d.endLSN)
}

func TestDecodeRefusesEveryShortMessage(t *testing.T) {
	t.Parallel()
	for _, m := range messages {
		for n := range len(m) {
			_, err := testDecoder(t).decode(m[:n:n])
			require.ErrorIs(t, err, ErrProtocol, "%q cut at %d", m[0], n)
		}
	}
}

func TestDecodeRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]msg{
		"kind":          {'S', 0},
		"value kind":    msg{'I'}.u32(1).u8('N').u16(2).u8('b').u32(0).u8('n'),
		"row kind":      msg{'I'}.u32(1).u8('X').u16(2).val("1").val("one"),
		"columns":       msg{'I'}.u32(1).u8('N').u16(1).val("1"),
		"table":         msg{'I'}.u32(9).u8('N').u16(1).val("1"),
		"length":        msg{'I'}.u32(1).u8('N').u16(2).val("1").u8('t').u32(0xffffffff),
		"truncated one": msg{'T'}.u32(1).u8(0).u32(9),
	} {
		_, err := testDecoder(t).decode(m)
		require.ErrorIs(t, err, ErrProtocol, name)
	}
	_, err := testDecoder(t).decode(msg{'I'}.u32(1).u8('N').u16(2).u8('n').val("one"))
	require.ErrorIs(t, err, ErrKeyUnknown)
}

func TestDecodeFindsTheKeyOfATableThatHadAnotherShape(t *testing.T) {
	t.Parallel()
	column := func(m msg, key byte, name string, typ uint32) msg {
		return m.u8(key).str(name).u32(typ).u32(0xffffffff)
	}
	shaped := func(n uint16) msg { return msg{'R'}.u32(1).str("elsewhere").str("things").u8('d').u16(n) }
	for name, tc := range map[string]struct {
		shape  msg
		insert bool // the key is found, of an insert
		others bool // and of an update and a delete
	}{
		"another name":          {column(column(shaped(2), 1, "id", 23), 0, "name", 25), true, true},
		"key of another name":   {column(column(shaped(2), 1, "number", 23), 0, "name", 25), true, true},
		"key of another type":   {column(column(shaped(2), 1, "number", 25), 0, "name", 25), false, false},
		"key of two":            {column(column(shaped(2), 1, "number", 23), 1, "name", 25), false, false},
		"no key":                {column(column(shaped(2), 0, "number", 23), 0, "name", 25), false, false},
		"another identity":      {column(column(shaped(2), 0, "id", 23), 1, "name", 25), true, false},
		"another identity, old": {column(column(shaped(2), 0, "id", 23), 1, "name", 23), true, false},
	} {
		d := testDecoder(t)
		_, err := d.decode(tc.shape)
		require.NoError(t, err, name)
		for i, m := range []msg{msgInsert, msgUpdate, msgDelete} {
			act, err := d.decode(m)
			if found := i == 0 && tc.insert || i > 0 && tc.others; found {
				require.NoError(t, err, name)
				require.Equal(t, actEvent, act, name)
				require.NotEmpty(t, d.ev.Key, name)
			} else {
				require.ErrorIs(t, err, ErrKeyUnknown, name)
			}
		}
	}
}

func TestDecodingAllocatesOnlyTheKey(t *testing.T) {
	d := testDecoder(t)
	allocs := testing.AllocsPerRun(100, func() {
		for _, m := range []msg{msgBegin, msgInsert, msgCommit} {
			_, _ = d.decode(m)
		}
	})
	require.LessOrEqual(t, allocs, 1.0)
}

func FuzzDecode(f *testing.F) {
	for _, m := range messages {
		f.Add([]byte(m))
		f.Add([]byte(m[:len(m)/2]))
	}
	f.Add([]byte(msg{'O'}.u64(1).str("origin")))
	f.Add([]byte(msg{'Y'}.u32(1).str("public").str("t")))
	f.Add([]byte(msg{'M'}.u8(0).u64(1).str("p").u32(0)))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := testDecoder(t)
		act, err := d.decode(data)
		if err != nil || act != actEvent {
			return
		}
		for _, row := range []*Row{d.ev.Before, d.ev.After} {
			if row != nil {
				require.Len(t, row.Values, len(row.Columns))
				_, ok := row.Get("id")
				require.True(t, ok)
			}
		}
		require.True(t, d.ev.Op == OpTruncate || d.ev.Before != nil || d.ev.After != nil)
	})
}

func FuzzCopyLine(f *testing.F) {
	f.Add([]byte("1\tone\n"))
	f.Add([]byte("\\N\ta\\tb\\\\c\\nd\\\n"))
	f.Add([]byte("\t"))
	f.Fuzz(func(t *testing.T, line []byte) {
		row := Row{Columns: make([]Column, 2)}
		var r copyReader
		if r.read(line, &row) == nil {
			require.Len(t, row.Values, 2)
			require.LessOrEqual(t, len(row.Values[0].Text)+len(row.Values[1].Text), len(line))
		}
	})
}
