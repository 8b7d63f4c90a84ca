package event

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
)

func text(s string) cdc.Value { return cdc.Value{Kind: cdc.Text, Text: []byte(s)} }

// TestTheJSONOfAnEvent as users read it: numbers and booleans are such, a null is null, what
// is too large to be sent and did not change is named and not there.
func TestTheJSONOfAnEvent(t *testing.T) {
	t.Parallel()
	columns := []cdc.Column{
		{Name: "id", Key: true, TypeOID: oidInt8},
		{Name: "name"},
		{Name: "vip", TypeOID: oidBool},
		{Name: "old", TypeOID: oidBool},
		{Name: "age", TypeOID: oidInt2},
		{Name: "tax", TypeOID: oidInt4},
		{Name: "note"},
		{Name: "photo"},
		{Name: "scan"},
	}
	after := &cdc.Row{Columns: columns, Values: []cdc.Value{
		text("17"), text("Ana"), text("t"), text("f"), text("41"), text("-3"), {Kind: cdc.Null}, {Kind: cdc.Unchanged}, {Kind: cdc.Unchanged},
	}}
	before := &cdc.Row{Columns: columns[:1], Values: []cdc.Value{text("16")}}
	at := time.Date(2026, 3, 4, 13, 0, 0, 120_000_000, time.FixedZone("CET", 3600))
	for want, ev := range map[string]*cdc.Event{
		`{"op":"update","contact_id":"17","previous_id":"16","before":{"id":16},"after":{"id":17,"name":"Ana","vip":true,"old":false,"age":41,"tax":-3,"note":null},` +
			`"unchanged":["photo","scan"],"lsn":"1/2A","xid":77,"commit_time":"2026-03-04T12:00:00.12Z"}`: {
			Op: cdc.OpUpdate, Key: "17", OldKey: "16", Before: before, After: after, Pos: cdc.Position{LSN: 0x1_0000002A}, XID: 77, CommitTime: at,
		},
		`{"op":"delete","contact_id":"16","before":{"id":16},"after":null,"lsn":"0/0","xid":78,"commit_time":"2026-03-04T12:00:00.12Z"}`: {
			Op: cdc.OpDelete, Key: "16", Before: before, XID: 78, CommitTime: at,
		},
		`{"op":"snapshot","contact_id":"16","before":null,"after":{"id":16},"lsn":"0/0","xid":0,"commit_time":null}`: {
			Op: cdc.OpSnapshot, Key: "16", After: before,
		},
	} {
		require.Equal(t, want, string(appendContactEvent(nil, ev, eventTime(ev))))
	}
}

// TestAnyTextIsReadAsItWasWritten, as key, column and value: what Postgres sends is UTF-8.
func TestAnyTextIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		var back string
		require.NoError(t, json.Unmarshal(appendText(nil, s), &back))
		require.Equal(t, s, back)

		ev := &cdc.Event{Op: cdc.OpInsert, Key: s, After: &cdc.Row{Columns: []cdc.Column{{Name: "c"}}, Values: []cdc.Value{text(s)}}}
		var read struct {
			ContactID string         `json:"contact_id"`
			After     map[string]any `json:"after"`
		}
		require.NoError(t, json.Unmarshal(appendContactEvent(nil, ev, eventTime(ev)), &read))
		require.Equal(t, s, read.ContactID)
		require.Equal(t, map[string]any{"c": s}, read.After)
	})
	for _, hard := range []string{"\x00\x1f\"\\", "\u2028č", "</script>"} {
		var back string
		require.NoError(t, json.Unmarshal(appendText(nil, []byte(hard)), &back))
		require.Equal(t, hard, back)
	}
}

// TestSubjectsOfContacts: every id has one, also one that cannot stand in it, and a TRUNCATE
// is about nobody.
func TestSubjectsOfContacts(t *testing.T) {
	t.Parallel()
	for want, ev := range map[string]cdc.Event{
		"crm.contacts.insert.a-b_1":                                  {Op: cdc.OpInsert, Key: "a-b_1"},
		"crm.contacts.snapshot.Stranka=2017=2F=C4=8D":                {Op: cdc.OpSnapshot, Key: "Stranka 17/č"},
		"crm.contacts.truncate":                                      {Op: cdc.OpTruncate},
		"crm.contacts.delete.=3D=3De3b0c44298fc1c149afbf4c8996fb924": {Op: cdc.OpDelete},
	} {
		require.Equal(t, want, contactSubject(&ev), "%s %q", ev.Op, ev.Key)
	}
}

// TestWhatIsNotReadable says nothing of a contact.
func TestWhatIsNotReadable(t *testing.T) {
	t.Parallel()
	require.Equal(t, ContactEvent{XID: 7, PreviousID: "a"}, ReadContact([]byte(`{"xid":7,"previous_id":"a","more":1}`)))
	for _, data := range []string{"", "null", "[]", "<xml/>", "\x00"} {
		require.Zero(t, ReadContact([]byte(data)), data)
	}
}

// TestStrangers are told by the id of their messages.
func TestStrangers(t *testing.T) {
	t.Parallel()
	for id, ours := range map[string]bool{
		"7301245678901234567-1/16B3748-1": true, "7301245678901234567.k3-0/0-0": true,
		"": false, "a-b": false, "a-b-c": false, "s-0/1-x": false, "s-0/1--1": false, "s-0/1-4294967296": false, "s-0/1-1-2": false, "s-zz/1-1": false,
	} {
		m := bus.Stored{ID: id}
		require.Equal(t, ours, IsOurs(m), id)
		require.NotEqual(t, IsOurs(m), IsForeign(m), id)
	}
}
