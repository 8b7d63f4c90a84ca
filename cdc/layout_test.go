package cdc

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

// TestPartitionsThatComeGoOrAreEmptiedAreNoted: no event tells of the rows that they
// take with them, neither while the listener runs nor while it is away.
func TestPartitionsThatComeGoOrAreEmptiedAreNoted(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"attached":          "CREATE TABLE more (id int PRIMARY KEY, name text); INSERT INTO more VALUES (100); ALTER TABLE items ATTACH PARTITION more FOR VALUES FROM (100) TO (200)",
		"detached":          "ALTER TABLE items DETACH PARTITION low",
		"detached and back": "ALTER TABLE items DETACH PARTITION low; UPDATE low SET name = 'x'; ALTER TABLE items ATTACH PARTITION low FOR VALUES FROM (0) TO (100)",
		"emptied":           "TRUNCATE low",
	} {
		for _, away := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, away %t", name, away), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, "CREATE TABLE items (id int PRIMARY KEY, name text) PARTITION BY RANGE (id)",
					"CREATE TABLE low PARTITION OF items FOR VALUES FROM (0) TO (100)", "INSERT INTO items VALUES (1)")
				r.cfg.WatchInterval = 20 * time.Millisecond
				run := r.startStreaming()
				before := r.store.get()
				require.Empty(t, before.Rearranged())
				if away {
					run.stop()
				}
				r.exec(change)
				if away {
					run = r.startStreaming()
				}
				testenv.Eventually(t, patience, func() error {
					if s := r.store.get(); s.Rearranged() == "" {
						return fmt.Errorf("the state is %+v", s)
					}
					return nil
				})
				now, err := Layout(t.Context(), r.cfg)
				require.NoError(t, err)
				require.Equal(t, now, r.store.get().Rearranged())
				require.Equal(t, before.SnapshotPos, r.store.get().SnapshotPos, "the slot has lost nothing")
				run.stop()
			})
		}
	}
}
