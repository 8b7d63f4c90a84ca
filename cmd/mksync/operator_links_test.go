package main

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

const noOne = "00000000-0000-4000-8000-000000000000"

func TestContactsAreSyncedAndPartnersImportedByCommand(t *testing.T) {
	t.Parallel()
	bothWays(t, func(w *world.World) string {
		p, err := w.ERP.AddPartner(metakocka.Partner{Customer: "Dana Dolenc", TaxIDNumber: "SI87654326"})
		require.NoError(w.T, err)
		_, stop := w.Start(service.RolePoller)
		w.Eventually(func() error {
			if w.One("SELECT count(*)::text FROM mksync_partners") != "1" {
				return errors.New("the partner was not seen yet")
			}
			return nil
		})
		stop()
		return p.MKID
	}, func(w *world.World, partner string) {
		t := w.T
		require.Equal(t, []string{partner}, mksync(w, "partners", "--unsynced").ids())
		mksync(w, "import", "1", partner+" ").refused("MetaKocka has no partner 1", "metakockaId: is not an id")

		var done []struct{ Data operations.Outcome }
		mksync(w, "import", partner, "--json").read(&done)
		contact := done[0].Data.ContactID
		require.Equal(t, "Dana Dolenc", w.One("SELECT name FROM contacts WHERE id = $1", contact))
		require.Contains(t, mksync(w, "import", partner).lines()[0], partner+"  synced  contact "+contact) // linked already
		require.Empty(t, mksync(w, "partners", "--unsynced").ids())
		require.Contains(t, mksync(w, "partners").lines()[0], "synced, contact "+contact)

		require.Equal(t, []string{done[0].Data.MappingID}, mksync(w, "mappings", "--partner", partner, "--status", "synced").ids())
		require.Equal(t, []string{done[0].Data.MappingID}, mksync(w, "mappings", "--contact", contact).ids())
		found := mksync(w, "mappings", "--search", "DOLÉNC dana").lines()
		require.Len(t, found, 1)
		require.Contains(t, found[0], done[0].Data.MappingID+"  synced  contact "+contact+"  Dana Dolenc  partner "+partner+"  Dana Dolenc")
		mksync(w, "mappings", "--search", "x", "--contact", contact).refused("--search looks at ids as well")
		require.Empty(t, mksync(w, "mappings", "--status", "error").ids())
		mksync(w, "mappings", "--status", "fine").refused(`status: "fine" is not one of`)
		mksync(w, "mappings", "--contact", "7").refused(`contactId: "7" is not a uuid`)

		s := mksync(w, "sync", "7", noOne, contact)
		s.refused(`7: contactId: "7" is not a uuid`, "there is no contact "+noOne)
		require.Contains(t, s.stdout, contact+"  synced", "one that fails does not hold up the others")

		require.NoError(t, w.ERP.DeletePartner(partner))
		require.Contains(t, mksync(w, "sync", contact).lines()[0], "synced") // made anew
		require.NotEqual(t, partner, w.Partner(contact).MKID)
		// A poll that saw the new partner may have stored it since, for nobody.
		require.Contains(t, []string{operator(), ""}, w.One("SELECT updated_by FROM metakocka_contact_mappings WHERE contact_id = $1", contact))
	})
}

func TestUnreachableMetaKockaIsSaid(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	id := w.Add(mapping.Contact{Name: "Ana"})
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	var done []result
	s := mksync(w, "sync", id, "--json")
	require.ErrorIs(t, s.err, errReported)
	s.err = nil
	s.read(&done)
	require.Equal(t, syncer.CodeUnreachable, done[0].Error.Code)
}

func TestOrphansArePrunedByCommand(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	id, _ := synced(w, mapping.Contact{Name: "Ana"})
	synced(w, mapping.Contact{Name: "Bor"})
	w.Exec("DELETE FROM contacts WHERE id = $1", id)
	w.Exec(`INSERT INTO metakocka_contact_mappings (contact_id, sync_status, updated_at) VALUES ($1, 'deleted', now() - interval '1 day')`, noOne)

	report := mksync(w, "mappings", "prune")
	require.Len(t, report.lines(), 2)
	require.Contains(t, report.stdout, "both_gone     --yes: remove  deleted  contact "+noOne)
	require.Contains(t, report.stdout, "contact_gone  --yes: hold    synced   contact "+id)
	require.Equal(t, 3, w.Count("SELECT count(*) FROM metakocka_contact_mappings"))

	require.Contains(t, mksync(w, "mappings", "prune", "--yes").stderr, "1 tombstone removed, 1 deletion held")
	require.Equal(t, 2, w.Count("SELECT count(*) FROM metakocka_contact_mappings"))
	require.Empty(t, mksync(w, "mappings", "prune").lines())
	require.Contains(t, mksync(w, "deletions", "approve", id).lines()[0], "applied  deleted")
}

func TestRequestsOverNATSAreStrict(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	s, _ := w.Start(service.RoleAPI)
	id := w.Add(mapping.Contact{Name: "Ana"})
	w.Eventually(func() error { return mksync(w, "mappings").err })
	for _, c := range []struct{ subject, request, code, body string }{
		{"mksync.contacts.sync", `{"contactId":"` + id + `","colour":"red"}`, "400", "colour"},
		{"mksync.contacts.sync", `{"contactId":7}`, "400", `contactId: must be a text, not a number`},
		{"mksync.contacts.sync", `{"contactId":`, "400", `"code":"malformed"`},
		{"mksync.contacts.sync", `{} {}`, "400", "something follows the object"},
		{"mksync.contacts.sync", ``, "400", "contactId: is missing"},
		{"mksync.contacts.sync", `{"contactId":"` + noOne + `"}`, "404", `"success":false`},
		{"mksync.contacts.mappings", `{"contactId":"` + id + `","metakockaId":"1"}`, "400", "exactly one"},
		{"mksync.contacts.mappings", `{"metakockaId":"1"}`, "404", "not_found"},
		{"mksync.mappings.list", `{"limit":5000}`, "400", "limit"},
		{"mksync.conflicts.list", `{"after":"x"}`, "400", "after"},
		{"mksync.contacts.sync", `{"contactId":"` + id + `"}`, "", `"success":true,"data":{"mappingId":"`},
		{"mksync.contacts.mappings", `{"contactId":"` + id + `"}`, "", `"syncStatus":"synced"`},
		{"mksync.status", ``, "", `"listener"`},
	} {
		m, err := s.Conn.Request(c.subject, []byte(c.request), time.Minute)
		require.NoError(t, err)
		require.Equal(t, c.code, m.Header.Get(micro.ErrorCodeHeader), "%s %s: %s", c.subject, c.request, m.Data)
		require.Contains(t, string(m.Data), c.body)
	}
}

func TestListsArePaged(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	const many = 1234
	w.Exec("INSERT INTO metakocka_contact_mappings (contact_id) SELECT gen_random_uuid() FROM generate_series(1, $1)", many)
	var all []operations.Mapping
	mksync(w, "mappings", "--json").read(&all)
	require.Len(t, all, many)
}

func TestServiceWithoutTheRoleIsSaid(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Start(service.RolePoller)
	mksync(w, "conflicts", "list").refused("answers no requests", "role api")
}
