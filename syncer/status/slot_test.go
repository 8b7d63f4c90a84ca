package status

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/store"
)

// TestHowMuchLogASlotMayKeep before that is a problem.
func TestHowMuchLogASlotMayKeep(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	left := func(n int64) *int64 { return &n }
	for name, c := range map[string]struct {
		slot store.Slot
		says string
	}{
		"there is none":                {store.Slot{RetainedBytes: 1 << 40, WALStatus: "lost"}, ""},
		"little, no limit":             {store.Slot{Found: true, WALStatus: "reserved", RetainedBytes: muchLog}, ""},
		"much, no limit":               {store.Slot{Found: true, WALStatus: "extended", RetainedBytes: muchLog + 1}, "keeps 8.0 GiB of log, and Postgres sets no limit"},
		"much, far from the limit":     {store.Slot{Found: true, WALStatus: "extended", RetainedBytes: 100 * mib, SafeBytes: left(25 * mib)}, ""},
		"a fifth of the limit is left": {store.Slot{Found: true, WALStatus: "extended", RetainedBytes: 100 * mib, SafeBytes: left(25*mib - 1)}, "gives it up after 25.0 MiB more"},
		"beyond the limit":             {store.Slot{Found: true, WALStatus: "unreserved", RetainedBytes: 100 * mib, SafeBytes: left(-mib)}, "gives it up after 0.0 KiB more"},
		"given up":                     {store.Slot{Found: true, WALStatus: "lost"}, "has given the slot s up"},
	} {
		var s Status
		s.retained("s", c.slot)
		if c.says == "" {
			require.Empty(t, s.Problems, name)
			continue
		}
		require.Len(t, s.Problems, 1, name)
		require.Contains(t, s.Problems[0], c.says, name)
	}
}
