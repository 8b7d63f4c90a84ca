package cdc

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAcceptedDatabaseBeginsWithASnapshot(t *testing.T) {
	t.Parallel()
	r := streamOne(t)
	r.store.change(func(s *State) { s.SystemID, s.Timeline, s.Database, s.StateTable = "1", 9, 7, 8 })
	require.ErrorIs(t, r.start().failure(), ErrSystemChanged)

	a, err := Accept(context.Background(), r.cfg, r.store)
	require.NoError(t, err)
	require.Equal(t, "1", a.OldSystemID)
	require.Equal(t, r.sink.system, a.SystemID)
	require.Equal(t, []uint32{7, 8}, []uint32{a.OldDatabase, a.OldStateTable})
	require.NotZero(t, a.Database)
	require.True(t, a.SlotDropped)
	require.False(t, r.store.get().Recovered())

	r.sink.set(func(s *memorySink) { s.events = nil })
	r.exec("INSERT INTO items VALUES (2)")
	run := r.startStreaming()
	require.Len(t, r.events(2), 2)
	require.True(t, r.store.get().Recovered())
	require.Equal(t, errAccepted.Error(), r.store.get().SnapshotReason)

	_, err = Accept(context.Background(), r.cfg, r.store)
	require.ErrorIs(t, err, ErrListening)
	run.stop()
}

// TestAStreamOfAnotherDatabaseIsNotWrittenTo: two installations with one name use one stream.
func TestAStreamOfAnotherDatabaseIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(t *testing.T) *rig{
		"first start": func(t *testing.T) *rig {
			t.Helper()
			r := newRig(t)
			r.sink.set(func(s *memorySink) { s.system, s.events = "1", []record{{Pos: Position{LSN: 1, Ordinal: 1}}} })
			return r
		},
		"later": func(t *testing.T) *rig {
			t.Helper()
			r := streamOne(t)
			r.sink.set(func(s *memorySink) { s.system = "1" })
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := begin(t)
			state := r.store.get()
			r.exec("INSERT INTO items VALUES (2)")
			err := r.start().failure()
			require.ErrorIs(t, err, ErrSystemChanged)
			require.ErrorContains(t, err, "is of the database system 1")
			require.ErrorContains(t, err, "MKSYNC_INSTANCE")
			require.Len(t, r.sink.all(), 1)
			require.Equal(t, state, r.store.get())
		})
	}
}

// TestOlderCopyThatHasGrownIsNoticed: the log goes beyond the stream's newest
// event, but does not hold it. Nothing beyond it may be confirmed.
func TestOlderCopyThatHasGrownIsNoticed(t *testing.T) {
	t.Parallel()
	for name, grow := range map[string]string{
		"by changes of ours":         "INSERT INTO items VALUES (2)",
		"while the table was quiet":  "CREATE TABLE other (id int)",
		"by messages, without a row": "SELECT pg_logical_emit_message(true, 'other', repeat('x', 1000))",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := streamOne(t)
			confirmed, state := r.confirmed(), r.store.get()
			r.exec(grow)
			r.sink.set(func(s *memorySink) {
				lost := s.events[0]
				lost.Pos.LSN = confirmed + 1
				s.events = append(s.events, lost)
			})
			err := r.start().failure()
			require.ErrorIs(t, err, ErrSystemChanged)
			require.ErrorContains(t, err, "is not in the database's log")
			require.Len(t, r.sink.all(), 2)
			require.Equal(t, confirmed, r.confirmed())
			require.Equal(t, state, r.store.get())
		})
	}
}

func TestTableMadeAnewIsRecognised(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.WatchInterval = 20e6
	run := r.startStreaming()
	r.exec("INSERT INTO items VALUES (1)")
	r.events(1)
	old := r.store.get().Table
	require.NotZero(t, old)
	r.exec("DROP TABLE items; CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items VALUES (7)")
	got := r.events(2)
	require.Equal(t, OpSnapshot, got[1].Op)
	require.Equal(t, "7", got[1].Key)
	run.await(StateStreaming)
	r.exec("INSERT INTO items VALUES (8)")
	require.Equal(t, OpInsert, r.events(3)[2].Op)
	s := r.store.get()
	require.True(t, s.TableReplaced)
	require.True(t, s.Recovered())
	require.NotEqual(t, old, s.Table)
}

func TestTableTakenOutOfThePublicationIsPutBack(t *testing.T) {
	t.Parallel()
	r := streamOne(t)
	r.exec("ALTER PUBLICATION " + quoteIdent(r.cfg.Publication) + " DROP TABLE items")
	r.repaired(ErrPublicationLost.Error())
}

func TestChangedColumnsAreNamed(t *testing.T) {
	t.Parallel()
	cols := func(names ...string) (c []Column) {
		for _, n := range names {
			c = append(c, Column{Name: n, TypeOID: 25})
		}
		return c
	}
	for _, tc := range []struct {
		old, now []Column
		want     string
	}{
		{cols("id", "name"), cols("id", "name"), ""},
		{cols("id", "name"), cols("id", "name", "phone"), "phone is new"},
		{cols("id", "name", "phone"), cols("id", "phone"), "name is gone"},
		{cols("id", "phone"), cols("id", "mobile"), "phone is now mobile"},
		{cols("id", "a", "b"), cols("id", "b", "c"), "a is gone, c is new"},
		{cols("id"), []Column{{Name: "id", TypeOID: 23}}, "id has another type"},
	} {
		require.Equal(t, tc.want, reshaped(tc.old, tc.now))
	}
}
