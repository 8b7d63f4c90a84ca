package service_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestAContactWhoseBytesAreNoText is put aside with the reason, holds up nobody, and
// goes on once it is corrected.
func TestAContactWhoseBytesAreNoText(t *testing.T) {
	t.Parallel()
	w := world.NewIn(t, testenv.EncodedDB(t, "SQL_ASCII"), sim.Options{})
	bad := w.One("INSERT INTO contacts (name, email) VALUES ($1, 'bor@primer.si') RETURNING id::text", "Bor \xc8rt")
	s, _ := w.Start()
	good := w.Insert("Špela Črnigoj", "spela@primer.si")
	w.Status(good, "synced")
	w.Status(bad, "error")
	require.Contains(t, w.One("SELECT last_error FROM metakocka_contact_mappings WHERE contact_id = $1", bad), "name: the contact's row holds bytes that are no text")
	w.Exec("UPDATE contacts SET phone = '041 234 567'")
	w.Agree(good, "041 234 567")
	require.Equal(t, "Špela Črnigoj", w.Partner(good).Customer)
	require.Len(t, w.ERP.Partners(), 1)

	w.Exec("UPDATE contacts SET name = 'Bor Črt' WHERE id = $1", bad)
	w.Status(bad, "synced")
	require.Equal(t, "Bor Črt", w.Partner(bad).Customer)
	w.NoProblem(s)
}

// newLatinWorld is a world whose database has no Cyrillic.
func newLatinWorld(t *testing.T) *world.World {
	t.Helper()
	url := testenv.EncodedDB(t, "LATIN2")
	testenv.Exec(t, url, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET client_encoding = UTF8', current_database()); END $$")
	return world.NewIn(t, url, sim.Options{})
}

// TestAPartnerThatTheDatabaseCannotHold is named and holds up nobody, is not taken for
// gone, and is taken once it can be held.
func TestAPartnerThatTheDatabaseCannotHold(t *testing.T) {
	t.Parallel()
	w := newLatinWorld(t)
	w.Config.AutoImport = true
	s, _ := w.Start()
	id := w.Insert("Špela Črnigoj", "spela@primer.si")
	w.Status(id, "synced")
	foreign, err := w.ERP.AddPartner(metakocka.Partner{Customer: "Анна Жукова", BusinessEntity: true})
	require.NoError(t, err)
	w.Problem(s, "partner "+foreign.MKID+" holds a value that the CRM's database cannot hold")

	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 765 432" })
	w.Agree(id, "041 765 432")
	other, err := w.ERP.AddPartner(metakocka.Partner{Customer: "Žan Čop d.o.o.", BusinessEntity: true})
	require.NoError(t, err)
	w.ContactOf(other.MKID)
	st := s.Monitor().Status(t.Context())
	require.Empty(t, st.Poller.Error, "the poll is complete")
	require.Equal(t, 3, st.Poller.Partners)

	w.Edit(foreign, func(p *metakocka.Partner) { p.Customer = "Anna Žukova d.o.o." })
	w.ContactOf(foreign.MKID)
	w.NoProblem(s)
}

// TestALinkedPartnerThatTheDatabaseCannotHold: what does not fit is the contact's error
// where it would be the contact's, and nothing where it is the ERP's own.
func TestALinkedPartnerThatTheDatabaseCannotHold(t *testing.T) {
	t.Parallel()
	w := newLatinWorld(t)
	s, _ := w.Start()
	id := w.Insert("Špela Črnigoj", "spela@primer.si")
	w.Status(id, "synced")
	w.Edit(w.Partner(id), func(p *metakocka.Partner) {
		p.Contacts = append(p.Contacts, metakocka.Contact{Name: "Анна Жукова"})
		p.Contacts[0].GSM = "041 765 432"
	})
	w.Agree(id, "041 765 432")
	w.Status(id, "synced")
	w.Exec("UPDATE contacts SET phone = '041 111 222' WHERE id = $1", id)
	w.Agree(id, "041 111 222")

	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Customer, p.Contacts[0].Name = "Шпела", "Шпела" })
	w.Status(id, "error")
	require.Contains(t, w.One("SELECT last_error FROM metakocka_contact_mappings WHERE contact_id = $1", id), "characters that the database's encoding lacks")

	// Both sides changed it: what cannot be written down is not replaced.
	w.Exec("UPDATE contacts SET name = 'Špela Novak' WHERE id = $1", id)
	w.Letter(s, "pusher "+id, "the CRM refused the contact: MetaKocka holds a value with characters that the database's encoding lacks, or one too long to keep: change it there")
	require.Equal(t, "Шпела", w.Partner(id).Customer)
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Customer, p.Contacts[0].Name = "Špela Kos", "Špela Kos" })
	w.Status(id, "synced")
	require.Equal(t, w.Partner(id).Customer, w.One("SELECT name FROM contacts WHERE id = $1", id))
	w.Problem(s, "partner "+w.Partner(id).MKID+" holds a value") // its second contact entry
}
