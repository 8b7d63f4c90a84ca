package cdc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Decoding happens in reused buffers: what is allocated for a row is its key's
// text. More of it would be felt in every
// backlog, and timings in a test would not tell reliably.
func TestDecodeAllocatesHardlyAnything(t *testing.T) {
	d := testDecoder(t)
	long := msg{'I'}.u32(1).u8('N').u16(2).val("2f1d9c3e-5b0a-4c58-9f0e-6a1f4f1f7f10").val("one")
	for name, tc := range map[string]struct {
		m    msg
		most float64
	}{"begin": {msgBegin, 0}, "insert": {long, 1}, "update": {msgUpdate, 1}, "delete": {msgDelete, 1}, "commit": {msgCommit, 0}} {
		allocs := testing.AllocsPerRun(200, func() {
			if _, err := d.decode(tc.m); err != nil {
				panic(err)
			}
		})
		require.LessOrEqual(t, allocs, tc.most, name)
	}
}
