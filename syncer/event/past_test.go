package event

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/metakocka"
)

// TestThePastOfAContact is what its own events hold, each with the time of its commit, where
// that is known; what cannot be read says nothing.
func TestThePastOfAContact(t *testing.T) {
	t.Parallel()
	s := newStreams(t, 0)
	r := s.relay(&remembered{})
	_, err := r.Last(t.Context())
	require.NoError(t, err)
	row := func(tax string) *cdc.Row {
		return &cdc.Row{Columns: []cdc.Column{{Name: "tax", TypeOID: oidInt8}, {Name: "vip", TypeOID: oidBool}}, Values: []cdc.Value{text(tax), text("t")}}
	}
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	first := &cdc.Event{Op: cdc.OpSnapshot, Key: "17", SystemID: "73", Pos: cdc.Position{LSN: 1}, After: row("12345678901234567")}
	other := &cdc.Event{Op: cdc.OpInsert, Key: "18", SystemID: "73", Pos: cdc.Position{LSN: 2}, CommitTime: at, After: row("1")}
	gone := &cdc.Event{Op: cdc.OpDelete, Key: "17", SystemID: "73", Pos: cdc.Position{LSN: 3}, CommitTime: at}
	s.publish(r, first, other, gone)
	s.stranger("crm.contacts.update.17", "no JSON")

	type seen struct {
		row map[string]any
		at  time.Time
	}
	var past []seen
	require.NoError(t, Past{s.Bus}.Contact(t.Context(), "17", func(row map[string]any, committed time.Time) {
		past = append(past, seen{row, committed})
	}))
	require.Equal(t, []seen{
		{map[string]any{"tax": json.Number("12345678901234567"), "vip": true}, time.Time{}},
		{nil, at},
	}, past, "when the row of a snapshot was changed is not known, and a number keeps its digits")
}

// TestThePastOfAPartner is what the polls saw of it; that it was missing tells no values.
func TestThePastOfAPartner(t *testing.T) {
	t.Parallel()
	s := newStreams(t, 0)
	after := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	publish := func(kind, id string, p *metakocka.Partner, after time.Time) {
		t.Helper()
		m, err := PartnerMessage(kind, PartnerEvent{MetaKockaID: id, Partner: p, After: after})
		require.NoError(t, err)
		_, err = s.PublishSync(t.Context(), bus.StreamPartners, m)
		require.NoError(t, err)
	}
	publish(PartnerCreated, "7001", &metakocka.Partner{MKID: "7001", Customer: "Ana"}, time.Time{})
	publish(PartnerCreated, "7002", &metakocka.Partner{MKID: "7002", Customer: "Bor"}, time.Time{})
	publish(PartnerMissing, "7001", nil, after)
	publish(PartnerChanged, "7001", &metakocka.Partner{MKID: "7001", Customer: "Ana Novak"}, after)
	_, err := s.PublishSync(t.Context(), bus.StreamPartners, bus.Message{Subject: bus.PartnerSubject(PartnerChanged, "7001"), Data: []byte("no JSON")})
	require.NoError(t, err)

	var names []string
	var times []time.Time
	require.NoError(t, Past{s.Bus}.Partner(t.Context(), "7001", func(p metakocka.Partner, after time.Time) {
		names = append(names, p.Customer)
		times = append(times, after)
	}))
	require.Equal(t, []string{"Ana", "Ana Novak"}, names)
	require.Equal(t, []time.Time{{}, after}, times)
}
