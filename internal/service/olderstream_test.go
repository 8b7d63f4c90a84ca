package service_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestAStreamOfAnOlderVersionGoesOn: its newest event has headers that are not written any
// more. It is worked off, and what is published next follows it.
func TestAStreamOfAnOlderVersionGoesOn(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	first, stop := w.Start()
	id := w.Insert("Hana Smreka", "hana@primer.si")
	w.Status(id, "synced")
	newest, found, err := first.Bus.Last(t.Context(), bus.StreamContacts)
	require.NoError(t, err)
	require.True(t, found)
	require.NotContains(t, newest.Header, "ce-subject")
	stop()

	older := bus.Message{
		Subject: bus.ContactSubject("update", id), Header: newest.Header, Data: newest.Data,
		ID: strings.TrimSuffix(newest.ID, "-1") + "-2", // the second of its transaction
	}
	older.Header["ce-id"] = []string{older.ID}
	older.Header["ce-subject"] = []string{id}
	older.Header["content-type"] = []string{"application/json"}
	for name := range older.Header {
		if strings.HasPrefix(name, "Nats-") {
			delete(older.Header, name)
		}
	}
	parts := w.Parts()
	_, err = parts.Bus.PublishSync(t.Context(), bus.StreamContacts, older)
	require.NoError(t, err)
	parts.Close()

	s := w.Up()
	w.Status(w.Insert("Gita Lipa", "gita@primer.si"), "synced")
	w.WorkedOff(s)
	w.NoProblem(s)
	require.Equal(t, 0, w.Count("SELECT count(*) FROM mksync_state WHERE key = 'listener' AND value::text LIKE '%may have been missed%'"))
}
