package cdc

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

func TestEveryOperationArrivesWithItsRows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec("INSERT INTO items VALUES (1, E'a\\tb\\\\c\\nd', NULL)")
	run := r.startStreaming()
	big := strings.Repeat("x", 5000)
	r.exec("INSERT INTO items VALUES (2, 'two', $1)", big)
	r.exec("UPDATE items SET name = 'II' WHERE id = 2")
	r.exec("UPDATE items SET id = 3, notes = 'small' WHERE id = 2")
	r.exec("DELETE FROM items WHERE id = 3")
	r.exec("TRUNCATE items")
	got := r.events(6)
	r.requireOrdered()

	require.Equal(t, record{Op: OpSnapshot, Key: "1", After: map[string]string{"id": "1", "name": "a\tb\\c\nd", "notes": "<null>"}, Pos: got[0].Pos}, got[0])
	require.Equal(t, r.store.get().SnapshotPos-1, got[0].Pos.LSN) // before a commit at the very point
	for i, want := range []record{
		{Op: OpInsert, Key: "2", After: map[string]string{"id": "2", "name": "two", "notes": big}},
		{Op: OpUpdate, Key: "2", After: map[string]string{"id": "2", "name": "II", "notes": "<unchanged>"}},
		{Op: OpUpdate, Key: "3", OldKey: "2", Before: map[string]string{"id": "2"}, After: map[string]string{"id": "3", "name": "II", "notes": "small"}},
		{Op: OpDelete, Key: "3", Before: map[string]string{"id": "3"}},
		{Op: OpTruncate},
	} {
		ev := got[i+1]
		require.WithinDuration(t, time.Now(), ev.At, time.Minute)
		require.NotZero(t, ev.XID)
		require.EqualValues(t, 1, ev.Pos.Ordinal)
		want.Pos, want.XID, want.At = ev.Pos, ev.XID, ev.At
		require.Equal(t, want, ev)
	}
	run.stop()
}

func TestFullReplicaIdentityGivesTheWholeRowBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t, itemsTable, "ALTER TABLE items REPLICA IDENTITY FULL", "INSERT INTO items VALUES (1, 'one', 'n')")
	r.startStreaming()
	r.exec("UPDATE items SET name = 'uno'")
	r.exec("DELETE FROM items")
	got := r.events(3)
	require.Empty(t, got[1].OldKey)
	require.Equal(t, map[string]string{"id": "1", "name": "one", "notes": "n"}, got[1].Before)
	require.Equal(t, map[string]string{"id": "1", "name": "uno", "notes": "n"}, got[2].Before)
	require.Equal(t, "1", got[2].Key)
}

func TestEventsComeInCommitOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startStreaming()
	first, second := r.open(), r.open()
	ctx := context.Background()
	a, err := first.Begin(ctx)
	require.NoError(t, err)
	b, err := second.Begin(ctx)
	require.NoError(t, err)
	for i, tx := range []pgx.Tx{a, b, a, b} {
		_, err := tx.Exec(ctx, "INSERT INTO items VALUES ($1, $2)", i, "x")
		require.NoError(t, err)
	}
	require.NoError(t, b.Commit(ctx))
	require.NoError(t, a.Commit(ctx))
	got := r.events(4)
	keys := make([]string, 0, len(got))
	for _, ev := range got {
		keys = append(keys, ev.Key+"/"+strconv.Itoa(int(ev.Pos.Ordinal)))
	}
	require.Equal(t, []string{"1/1", "3/2", "0/1", "2/2"}, keys)
	r.requireOrdered()
}

func TestOtherTablesOfThePublicationAreLeftOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, itemsTable, "CREATE TABLE other (id int PRIMARY KEY)", "CREATE SCHEMA s2", "CREATE TABLE s2.items (id int PRIMARY KEY)")
	r.exec("CREATE PUBLICATION " + quoteIdent(r.cfg.Publication) + " FOR ALL TABLES")
	r.startStreaming()
	r.exec("INSERT INTO s2.items VALUES (7)")
	r.exec("WITH x AS (INSERT INTO other VALUES (1)) INSERT INTO items VALUES (1)")
	r.exec("TRUNCATE other, s2.items")
	r.exec("DELETE FROM items")
	got := r.events(2)
	require.Equal(t, OpInsert, got[0].Op)
	require.EqualValues(t, 1, got[0].Pos.Ordinal)
	require.Equal(t, OpDelete, got[1].Op)
}

func TestSnapshotUnderConcurrentWritesHasNoGapAndNoDouble(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec("INSERT INTO items SELECT g, 'old' FROM generate_series(1, 1000) g")
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	const writers = 2
	next := [writers]int{}
	for w := range writers {
		db := r.open()
		wg.Go(func() {
			for ctx.Err() == nil {
				id := 10_000_000*(w+1) + next[w] // however long the start takes
				next[w]++
				if _, err := db.Exec(context.Background(), "INSERT INTO items VALUES ($1, 'new')", id); err != nil {
					t.Errorf("insert: %v", err)
					return
				}
			}
		})
	}
	r.startStreaming()
	seen := r.sink.count()
	testenv.Eventually(t, patience, func() error {
		if n := r.sink.count(); n < seen+100 {
			return fmt.Errorf("%d events", n)
		}
		return nil
	})
	stop()
	wg.Wait()
	total := 1000
	for _, n := range next {
		total += n
	}
	got := r.events(total)
	keys := map[string]Op{}
	for _, ev := range got {
		require.NotContains(t, keys, ev.Key)
		keys[ev.Key] = ev.Op
	}
	require.Len(t, keys, total)
	r.requireOrdered()
}

func TestSchemaChangesInTheMiddle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startStreaming()
	for _, sql := range []string{
		"INSERT INTO items VALUES (1, 'a')",
		"ALTER TABLE items ADD COLUMN extra int DEFAULT 7",
		"INSERT INTO items VALUES (2, 'b')",
		"ALTER TABLE items DROP COLUMN notes",
		"INSERT INTO items VALUES (3, 'c')",
		"ALTER TABLE items RENAME COLUMN name TO label",
		"BEGIN; INSERT INTO items VALUES (4, 'd'); ALTER TABLE items ADD COLUMN last bool; UPDATE items SET last = true WHERE id = 4; COMMIT",
		"DELETE FROM items WHERE id = 1",
	} {
		r.exec(sql)
	}
	got := r.events(6)
	require.Equal(t, map[string]string{"id": "1", "name": "a", "notes": "<null>"}, got[0].After)
	require.Equal(t, map[string]string{"id": "2", "name": "b", "notes": "<null>", "extra": "7"}, got[1].After)
	require.Equal(t, map[string]string{"id": "3", "name": "c", "extra": "7"}, got[2].After)
	require.Equal(t, "d", got[3].After["label"])
	require.Equal(t, map[string]string{"id": "4", "label": "d", "extra": "7", "last": "t"}, got[4].After)
	require.Equal(t, map[string]string{"id": "1"}, got[5].Before)
}

func TestRenamedTableIsReportedAndTakenUpAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.WatchInterval = 20 * time.Millisecond
	run := r.startStreaming()
	r.exec("INSERT INTO items VALUES (1, 'a')")
	r.events(1)
	r.exec("ALTER TABLE items RENAME TO things")
	r.exec("INSERT INTO things VALUES (2, 'b')")
	testenv.Eventually(t, patience, func() error {
		if p := run.Status().Problem.String(); !strings.Contains(p, "table public.items does not exist") {
			return fmt.Errorf("problem is %q", p)
		}
		return nil
	})
	r.exec("ALTER TABLE things RENAME TO items")
	r.exec("INSERT INTO items VALUES (3, 'c')")
	for i, ev := range r.events(3) {
		require.Equal(t, strconv.Itoa(i+1), ev.Key)
	}
}

func TestPartitionedTableComesUnderItsOwnName(t *testing.T) {
	t.Parallel()
	r := newRig(t, "CREATE TABLE items (id int PRIMARY KEY, name text) PARTITION BY RANGE (id)",
		"CREATE TABLE items_low PARTITION OF items FOR VALUES FROM (0) TO (100)", "INSERT INTO items VALUES (1, 'one')")
	r.startStreaming()
	r.exec("UPDATE items SET name = 'uno'")
	got := r.events(2)
	require.Equal(t, OpSnapshot, got[0].Op)
	require.Equal(t, "uno", got[1].After["name"])
}

func TestSnapshotAndStreamGiveTheSameTexts(t *testing.T) {
	t.Parallel()
	r := newRig(t, `CREATE TABLE items (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), at timestamptz, d date, f float8, b bytea, i interval,
		j jsonb, a text[], n numeric, g text GENERATED ALWAYS AS ('g') STORED)`)
	var name string
	r.query(&name, "SELECT current_database()")
	r.exec("ALTER DATABASE " + quoteIdent(name) + " SET timezone = 'Europe/Ljubljana'")
	r.exec("ALTER DATABASE " + quoteIdent(name) + " SET datestyle = 'SQL, DMY'")
	row := `(at, d, f, b, i, j, a, n) VALUES ('2026-03-01 12:00:00.25+01', '2026-03-01', 0.1, '\x00ff5c', '1 mon 2 days', '{"a": "\\ \t"}', '{"a b","c\"d",NULL}', 12.50)`
	r.exec("INSERT INTO items " + row)
	r.startStreaming()
	r.exec("INSERT INTO items " + row)
	got := r.events(2)
	for _, ev := range got {
		delete(ev.After, "id")
	}
	require.Equal(t, got[0].After, got[1].After)
	require.Equal(t, "2026-03-01 11:00:00.25+00", got[0].After["at"])
	require.NotContains(t, got[0].After, "g")
}
