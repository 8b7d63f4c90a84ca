package store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSnapshotSeesWhatEndedBefore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		snapshot string
		xid      uint32
		sees     bool
	}{
		{"740:740:", 739, true},
		{"740:740:", 740, false},
		{"740:745:740,743", 740, false},
		{"740:745:740,743", 741, true},
		{"740:745:740,743", 745, false},
		{"4294967300:4294967300:", 4294967290, true}, // the epoch before
		{"4294967300:4294967300:", 3, true},
		{"4294967300:4294967300:", 4, false},
		{"4294967290:4294967290:", 5, false}, // the epoch after
		{"3:4294967400:3", 3, true},          // another epoch's 3
	} {
		s, err := ParseSnapshot(c.snapshot)
		require.NoError(t, err)
		require.Equal(t, c.sees, s.Sees(c.xid), "%s sees %d", c.snapshot, c.xid)
	}
	for _, bad := range []string{"", "1:2", "1:x:", "1:2:y"} {
		_, err := ParseSnapshot(bad)
		require.Error(t, err)
	}
}
