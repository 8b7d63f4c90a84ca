package event

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
)

func testEvent(ordinal uint32) *cdc.Event {
	text := func(s string) cdc.Value { return cdc.Value{Kind: cdc.Text, Text: []byte(s)} }
	return &cdc.Event{
		Op: cdc.OpUpdate, Key: "2f1d9c3e-5b0a-4c58-9f0e-6a1f4f1f7f10", SystemID: "7301245678901234567",
		Pos: cdc.Position{LSN: 0x1_016B3748, Ordinal: ordinal}, XID: 77, CommitTime: time.Unix(1_800_000_000, 123456000),
		After: &cdc.Row{
			Columns: []cdc.Column{{Name: "id", Key: true}, {Name: "name"}, {Name: "email"}, {Name: "age", TypeOID: oidInt4}},
			Values:  []cdc.Value{text("2f1d9c3e-5b0a-4c58-9f0e-6a1f4f1f7f10"), text(`Ana "Nena" Novak`), {}, text("41")},
		},
	}
}

func TestPositionsAreWrittenAsPostgresDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lsn := cdc.LSN(rapid.Uint64().Draw(t, "lsn") >> rapid.IntRange(0, 63).Draw(t, "shift"))
		require.Equal(t, lsn.String(), string(appendLSN(nil, lsn)))
		pos := cdc.Position{LSN: lsn, Ordinal: rapid.Uint32().Draw(t, "ordinal")}
		system, got, err := parseEventID(eventID("7301245678901234567.k3", pos))
		require.NoError(t, err)
		require.Equal(t, "7301245678901234567.k3", system)
		require.Equal(t, pos, got)
	})
}

// What events share is made once; what they do not share must not be.
func TestMessagesOfARelayAreOfTheirEvent(t *testing.T) {
	t.Parallel()
	r := NewRelay(nil, ListenerStates{}, bus.PublisherConfig{}, nil)
	header := func(m bus.Message, name string) string { return m.Header[name][0] }
	ev := testEvent(1)
	m := r.message(ev)
	require.Equal(t, "crm.contacts.update."+ev.Key, m.Subject)
	require.Equal(t, "7301245678901234567-1/16B3748-1", m.ID)
	require.Equal(t, m.ID, header(m, HeaderID))
	require.Equal(t, "crm.contacts.update", header(m, HeaderType))
	require.Equal(t, "mksync/listener/7301245678901234567", header(m, HeaderSource))
	require.Equal(t, "2027-01-15T08:00:00.123456Z", header(m, HeaderTime))
	require.True(t, json.Valid(m.Data), string(m.Data))

	r.epoch = "k3"
	ev = testEvent(2)
	ev.Op, ev.Key, ev.CommitTime = cdc.OpDelete, "other", ev.CommitTime.Add(time.Second)
	ev.Before, ev.After = ev.After, nil
	m = r.message(ev)
	require.Equal(t, "crm.contacts.delete.other", m.Subject)
	require.Equal(t, "7301245678901234567.k3-1/16B3748-2", m.ID)
	require.Equal(t, "crm.contacts.delete", header(m, HeaderType))
	require.Equal(t, "mksync/listener/7301245678901234567.k3", header(m, HeaderSource))
	require.Equal(t, "2027-01-15T08:00:01.123456Z", header(m, HeaderTime))
	require.ElementsMatch(t, []string{"ce-id", "ce-source", "ce-specversion", "ce-type", "ce-time"}, slices.Collect(maps.Keys(m.Header)))

	ev.OldKey, ev.Before = "another", nil
	require.Equal(t, ContactEvent{XID: 77, PreviousID: "another"}, ReadContact(r.message(ev).Data), "also without the row")

	ev.CommitTime = time.Time{}
	require.NotEqual(t, "2027-01-15T08:00:01.123456Z", header(r.message(ev), HeaderTime), "a snapshot's row has the time at which it is read")
}

// An event costs its id and its subject; its JSON and its headers are written
// into buffers that are there. Allocations are counted, because they do not
// depend on how busy the machine is.
func TestAMessageAllocatesItsIDAndItsSubject(t *testing.T) {
	r := NewRelay(nil, ListenerStates{}, bus.PublisherConfig{}, nil)
	ev := testEvent(1)
	r.message(ev)
	require.LessOrEqual(t, testing.AllocsPerRun(200, func() {
		ev.Pos.Ordinal++
		r.message(ev)
	}), 2.0)
}

func BenchmarkMessage(b *testing.B) {
	r := NewRelay(nil, ListenerStates{}, bus.PublisherConfig{}, nil)
	ev := testEvent(1)
	b.ReportAllocs()
	for b.Loop() {
		ev.Pos.Ordinal++
		r.message(ev)
	}
}
