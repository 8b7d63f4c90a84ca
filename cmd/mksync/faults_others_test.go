package main

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// What follows is done by people who mean no harm: to the slot, to the streams, to the
// contacts table.

// onSlot does something to the slot as soon as nobody uses it.
func (st *storm) onSlot(what, sql string) {
	st.count(what)
	ctx, cancel := context.WithTimeout(st.T.Context(), 10*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		_, _ = st.DB.Exec(ctx, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active", st.Config.Slot)
		if _, err := st.DB.Exec(ctx, sql, st.Config.Slot); err == nil {
			return
		}
		waits.Idle(ctx, 2*time.Millisecond)
	}
}

func (st *storm) dropSlot() {
	st.onSlot("slot dropped", "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1")
}

// advanceSlot is first aid on a full disk.
func (st *storm) advanceSlot() {
	st.onSlot("slot advanced", "SELECT pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) FROM pg_replication_slots WHERE slot_name = $1")
}

// renewSlot drops the slot and makes it anew, by the same name, before anybody looks.
func (st *storm) renewSlot() {
	st.onSlot("slot made anew", `WITH gone AS MATERIALIZED (SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1)
		SELECT pg_create_logical_replication_slot($1, 'pgoutput') FROM gone`)
}

// onStreams is somebody with the rights of an administrator of NATS.
func (st *storm) onStreams(what string, do func(*nats.Conn, jetstream.JetStream)) {
	st.count(what)
	nc, err := nats.Connect(strings.Join(st.nats.addresses(st.T), ","))
	require.NoError(st.T, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(st.T, err)
	do(nc, js)
}

func (st *storm) someStream() string {
	return []string{bus.StreamContacts, bus.StreamPartners}[st.rand.IntN(2)]
}

func (st *storm) deleteStream() {
	st.onStreams("stream deleted", func(_ *nats.Conn, js jetstream.JetStream) {
		_ = js.DeleteStream(st.T.Context(), st.someStream()) // it may have been lost before
	})
}

// purgeStream takes from a stream what is in it, whether it was worked off or not.
func (st *storm) purgeStream() {
	st.onStreams("stream purged", func(_ *nats.Conn, js jetstream.JetStream) {
		if stream, err := js.Stream(st.T.Context(), st.someStream()); err == nil {
			_ = stream.Purge(st.T.Context())
		}
	})
}

// stranger publishes what mksync did not: about nobody, about the table, and about people
// who are there, whom it says are gone.
func (st *storm) stranger() {
	st.onStreams("stranger", func(nc *nats.Conn, _ jetstream.JetStream) {
		var id, partner string
		_ = st.DB.QueryRow(st.T.Context(), `SELECT contact_id::text, metakocka_id FROM metakocka_contact_mappings
			WHERE metakocka_id IS NOT NULL ORDER BY random() LIMIT 1`).Scan(&id, &partner) // nobody yet: nobody
		subjects := []string{bus.ContactSubject("update", uuid.NewString()), "crm.contacts.update.x", "crm.contacts.truncate", "metakocka.partners.changed.x"}
		if id != "" {
			subjects = append(subjects, bus.ContactSubject("delete", id), "metakocka.partners.deleted."+partner, "metakocka.partners.changed."+partner)
		}
		st.rand.Shuffle(len(subjects), func(i, j int) { subjects[i], subjects[j] = subjects[j], subjects[i] })
		for _, subject := range subjects[:1+st.rand.IntN(3)] {
			_ = nc.PublishMsg(&nats.Msg{Subject: subject, Data: []byte(`{"op":"delete"}`)})
		}
		_ = nc.FlushTimeout(time.Second) // the server may be on its way down
	})
}

// hideContacts has row level security apply to mksync for a while, as a click in a hosted
// Postgres does: without a policy for it, it sees no row.
func (st *storm) hideContacts() {
	st.count("contacts hidden")
	st.patiently(st.table.Hide)
	st.pause(200*time.Millisecond, 1500*time.Millisecond)
	st.patiently(st.table.Show)
}

// patiently runs SQL when Postgres, which was crashed a moment ago, is there.
func (st *storm) patiently(sql string) {
	st.T.Helper()
	var err error
	for range 100 {
		if _, err = st.DB.Exec(st.T.Context(), sql); err == nil {
			return
		}
		waits.Idle(st.T.Context(), 50*time.Millisecond)
	}
	require.NoError(st.T, err)
}
