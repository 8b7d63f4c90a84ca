package doctor_test

import (
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/migrations"
)

// TestInstallationsThatCollide are named, with what they share; those beside each other are
// in order.
func TestInstallationsThatCollide(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("database")
	testenv.ContactsTable(t, r.url)
	other := migrations.Installation{Schema: "mksync_acme", Instance: "acme", ContactsTable: "sales.contacts", CompanyID: "2", Slot: "mksync_acme", Publication: "mksync_acme"}
	_, err := migrations.Up(t.Context(), r.url, other)
	require.NoError(t, err)
	ours := migrations.Installation{Schema: "public", ContactsTable: "public.contacts", CompanyID: "1", Slot: "mksync", Publication: "mksync"}
	_, err = migrations.Up(t.Context(), r.url, ours)
	require.NoError(t, err)
	r.cfg.Database.Installation = ours
	r.run().is("other installations", doctor.OK, "the instance acme in schema mksync_acme")

	for words, change := range map[string]func(i *migrations.Installation){
		"two partners":                func(i *migrations.Installation) { i.ContactsTable, i.CompanyID = "contacts", "1" },
		"the same name":               func(i *migrations.Installation) { i.Instance = "" },
		"the slot mksync, too":        func(i *migrations.Installation) { i.Slot = "mksync" },
		"the publication mksync, too": func(i *migrations.Installation) { i.Publication = "mksync" },
	} {
		changed := other
		change(&changed)
		require.NoError(t, changed.Note(t.Context(), r.url))
		r.run().is("other installations", doctor.Fail, words)
	}
	r.exec("DELETE FROM mksync_acme.mksync_state")
	r.run().is("other installations", doctor.Note, "do not tell whose they are")

	// Tables that are elsewhere are named where they would be missed.
	r.cfg.Database.Installation.Schema = "mksync"
	r.run().is("mksync's tables", doctor.Fail, "MKSYNC_SCHEMA is mksync", "mksync migrate move")
}

// TestStreamsThatAnotherDatabaseUses are named, before the first start too.
func TestStreamsThatAnotherDatabaseUses(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{})
	r.cfg.MetaKocka.Skip = coded.Say("doctor.test", "this test is about streams")
	r.nats(&natsserver.Options{JetStream: true})
	testenv.ContactsTable(t, r.url)
	nc, err := nats.Connect(r.cfg.NATS.URL)
	require.NoError(t, err)
	defer nc.Close()
	b, err := bus.Open(t.Context(), nc, bus.Config{Replicas: 1}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	publish := func(id string) {
		_, err := b.PublishSync(t.Context(), bus.StreamContacts, bus.Message{Subject: "crm.contacts.delete.x", ID: id})
		require.NoError(t, err)
	}

	publish("a stranger's")
	require.NotContains(t, r.run().statuses(doctor.Fail), "other installations")
	publish("7000000000000000001.lk2j3-0/16B3748-1")
	r.run().is("other installations", doctor.Fail, "of the database system 7000000000000000001", "MKSYNC_INSTANCE")

	// One that was accepted and has published nothing finds the events of before.
	_, err = migrations.Up(t.Context(), r.url, r.cfg.Database.Installation)
	require.NoError(t, err)
	r.run().is("other installations", doctor.Fail, "MKSYNC_INSTANCE")
	r.exec(`INSERT INTO mksync_state (key, value) VALUES ('listener-life', '{"life":"m1"}')`)
	require.NotContains(t, r.run().statuses(doctor.Fail), "other installations")
	r.exec(`INSERT INTO mksync_state (key, value) VALUES ('listener', '{"LastEvent":{"LSN":5,"Ordinal":1}}')`)
	r.run().is("other installations", doctor.Fail, "MKSYNC_INSTANCE")
}
