package cdc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

// The log describes a table as it was at each change. What it was then does not
// matter for long: it may be in order again before anybody reads on.

func TestChangesOfATableThatHadAnotherShapeAreRead(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"name": `ALTER TABLE items RENAME TO things; UPDATE things SET name = 'x' WHERE id = 1; INSERT INTO things VALUES (2); DELETE FROM things WHERE id = 1;
			ALTER TABLE things RENAME TO items`,
		"schema": `CREATE SCHEMA attic; ALTER TABLE items SET SCHEMA attic; UPDATE attic.items SET name = 'x' WHERE id = 1; INSERT INTO attic.items VALUES (2);
			DELETE FROM attic.items WHERE id = 1; ALTER TABLE attic.items SET SCHEMA public`,
		"key's name": `ALTER TABLE items RENAME id TO number; UPDATE items SET name = 'x' WHERE number = 1; INSERT INTO items VALUES (2); DELETE FROM items WHERE number = 1;
			ALTER TABLE items RENAME number TO id`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := streamOne(t)
			state := r.store.get()
			r.exec("BEGIN; " + sql + "; COMMIT")
			r.startStreaming()
			got := r.events(4)
			require.Equal(t, []Op{OpUpdate, OpInsert, OpDelete}, []Op{got[1].Op, got[2].Op, got[3].Op})
			require.Equal(t, []string{"1", "2", "1"}, []string{got[1].Key, got[2].Key, got[3].Key})
			require.Equal(t, state.SnapshotPos, r.store.get().SnapshotPos)
		})
	}
}

func TestUnreadChangesOfATableThatWasRenamedForGoodAreRead(t *testing.T) {
	t.Parallel()
	r := streamOne(t)
	r.exec("UPDATE items SET name = 'x'")
	r.exec("ALTER TABLE items RENAME TO things")
	r.cfg.Table = "public.things"
	r.startStreaming()
	require.Equal(t, "x", r.events(2)[1].After["name"])
}

// TestAChangeThatDoesNotNameItsRowCountsAsMissed: the slot would bring it again and
// again, and nobody could tell whose it is.
func TestAChangeThatDoesNotNameItsRowCountsAsMissed(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"delete under another identity": `ALTER TABLE items REPLICA IDENTITY USING INDEX other; DELETE FROM items WHERE id = 2; ALTER TABLE items REPLICA IDENTITY DEFAULT`,
		"update under another identity": `ALTER TABLE items REPLICA IDENTITY USING INDEX other; UPDATE items SET id = 3 WHERE id = 2; ALTER TABLE items REPLICA IDENTITY DEFAULT`,
		"key renamed in a whole row": `ALTER TABLE items REPLICA IDENTITY FULL; ALTER TABLE items RENAME id TO number; DELETE FROM items WHERE number = 2;
			ALTER TABLE items RENAME number TO id; ALTER TABLE items REPLICA IDENTITY DEFAULT`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL DEFAULT 'one'); CREATE UNIQUE INDEX other ON items (name)",
				"INSERT INTO items VALUES (2, 'two')")
			run := r.startStreaming()
			r.exec("INSERT INTO items VALUES (1)")
			r.events(2)
			r.exec("BEGIN; " + sql + "; COMMIT")
			testenv.Eventually(t, patience, func() error {
				if s := r.store.get(); !s.Recovered() || !strings.Contains(s.SnapshotReason, ErrKeyUnknown.Error()) {
					return fmt.Errorf("the state is %+v, the listener's %+v", s, run.Status())
				}
				return nil
			})
			run.await(StateStreaming)
			pos := r.store.get().SnapshotPos
			r.exec("INSERT INTO items VALUES (9, 'nine')")
			r.sink.awaitKey(t, "9")
			require.Equal(t, pos, r.store.get().SnapshotPos)
		})
	}
}

func (s *memorySink) awaitKey(t testing.TB, key string) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		if all := s.all(); len(all) == 0 || all[len(all)-1].Key != key {
			return fmt.Errorf("%d events, none of %s at the end", len(all), key)
		}
		return nil
	})
}
