package service_test

import (
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
	"github.com/crmmind/mksync/syncer/operations"
	"github.com/crmmind/mksync/syncer/replay"
)

// TestTwoInstallationsDoNotSeeEachOther: one Postgres, one NATS, two companies, and
// contacts and partners of the same ids in both.
func TestTwoInstallationsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	acme, beta := world.TwoInstances(t)
	worlds := map[string]*world.World{"Acme": acme, "Beta": beta}

	// The same ids on both sides, and different names.
	var ids []string
	for name, w := range worlds {
		for _, part := range []string{"1", "2", "3"} {
			id := "00000000-0000-4000-8000-00000000000" + part
			w.Exec("INSERT INTO contacts (id, name, email) VALUES ($1, $2, $3)", id, name+" "+part, "k"+part+"@partner.si")
			if name == "Acme" {
				ids = append(ids, id)
			}
		}
	}
	first, stop := acme.Start()
	second := beta.Up()
	own := func() {
		t.Helper()
		for name, w := range worlds {
			for i, id := range ids {
				require.Equal(t, w.Contact(id).Name, w.Partner(id).Contacts[0].Name)
				require.Contains(t, w.Contact(id).Name, name, "contact %d", i)
			}
			require.Len(t, w.ERP.Partners(), len(ids), name)
		}
	}
	own()

	// Edits on both sides of each.
	acme.Set(ids[0], mapping.FieldPhone, "+386 41 111 111")
	beta.Set(ids[0], mapping.FieldPhone, "+386 41 222 222")
	acme.Agree(ids[0], "+386 41 111 111")
	beta.Agree(ids[0], "+386 41 222 222")
	acme.Edit(acme.Partner(ids[1]), func(p *metakocka.Partner) { p.Contacts[0].Email = "new@acme.si" })
	acme.ContactIs(ids[1], mapping.FieldEmail, "new@acme.si")
	beta.ContactIs(ids[1], mapping.FieldEmail, "k2@partner.si")

	// What cannot be applied in one is no dead letter of the other.
	bad := acme.Add(mapping.Contact{Name: " ", Email: "bad@acme.si"})
	acme.Status(bad, "error")
	acme.Eventually(func() error {
		if letters := acme.Letters(first); len(letters) != 1 {
			return errors.New("no dead letter yet")
		}
		return nil
	})
	require.Empty(t, beta.Letters(second))
	acme.Exec("DELETE FROM contacts WHERE id = $1", bad)

	// Requests reach the one that is asked.
	answer, err := operations.OpStatus.Ask(t.Context(), control.NewClient(second.Conn, beta.Config.Names()), operations.Nothing{})
	require.NoError(t, err)
	require.Equal(t, beta.Config.Slot, answer.Listener.Slot)
	require.Equal(t, "CRM_CONTACTS_BETA", answer.Streams[0].Name)
	bulk, err := operations.OpBulkSync.Ask(t.Context(), control.NewClient(second.Conn, beta.Config.Names()), operations.BulkSyncRequest{ContactIDs: ids})
	require.NoError(t, err)
	require.Equal(t, 3, bulk.Succeeded)

	// One is down and works off what it missed; the other goes on meanwhile.
	stop()
	acme.Set(ids[2], mapping.FieldPhone, "+386 41 333 333")
	beta.Set(ids[2], mapping.FieldPhone, "+386 41 444 444")
	beta.Agree(ids[2], "+386 41 444 444")
	first, _ = acme.Start()
	acme.Agree(ids[2], "+386 41 333 333")

	// A replay with the CRM's authority is of one alone.
	before := beta.ERP.Calls().Received[metakocka.EndpointUpdate]
	acme.Edit(acme.Partner(ids[0]), func(p *metakocka.Partner) { p.Contacts[0].GSM = "" })
	_, err = replay.NewReplayer(first.Reconciler, first.Bus, first.Store, func(string, ...any) {}, nil).
		Run(t.Context(), replay.ReplayRequest{FromSeq: 1, Authority: syncer.AuthorityCRM})
	require.NoError(t, err)
	acme.Agree(ids[0], "+386 41 111 111")
	require.Equal(t, before, beta.ERP.Calls().Received[metakocka.EndpointUpdate])
	own()
	for _, w := range worlds {
		require.Equal(t, 3, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))
	}
	require.False(t, slices.ContainsFunc(second.Monitor().Status(t.Context()).Problems, func(string) bool { return true }))
}

// TestStreamsOfAnotherDatabaseAreRefused: an installation without a name starts on the NATS
// of another. Nothing is taken from the streams; where a person says that they are free, or
// gives it a name, it goes on.
func TestStreamsOfAnotherDatabaseAreRefused(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Sharing()
	s := w.Parts()
	_, err := s.Bus.PublishSync(t.Context(), bus.StreamContacts, bus.Message{Subject: "crm.contacts.delete.x", ID: "7000000000000000001-0/16B3748-1", Data: []byte(`{"op":"delete"}`)})
	require.NoError(t, err)
	id := w.Insert("Ana Novak", "ana@primer.si")

	start := service.Start{Options: service.Options{Version: world.Version, Pace: world.QuickPace, Roles: service.AllRoles}}
	err = service.Run(t.Context(), w.Config, start, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, cdc.ErrSystemChanged)
	require.ErrorContains(t, err, "is of the database system 7000000000000000001")
	require.ErrorContains(t, err, "MKSYNC_INSTANCE")
	pending, _, err := s.Bus.ConsumerState(t.Context(), bus.StreamContacts, event.ConsumerPusher)
	require.NoError(t, err)
	require.EqualValues(t, 1, pending)
	require.Zero(t, w.ERP.Calls().Total())

	_, err = service.AcceptDatabase(t.Context(), w.Config)
	require.NoError(t, err)
	_, stop := w.Start()
	w.Status(id, "synced")
	stop()

	// From now on the newest event has to be of this one.
	_, err = s.Bus.PublishSync(t.Context(), bus.StreamContacts, bus.Message{Subject: "crm.contacts.delete.x", ID: "7000000000000000001-0/16B3748-2", Data: []byte(`{"op":"delete"}`)})
	require.NoError(t, err)
	require.ErrorIs(t, service.Run(t.Context(), w.Config, start, slog.New(slog.DiscardHandler)), cdc.ErrSystemChanged)
}
