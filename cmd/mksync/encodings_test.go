package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestAContactWhoseBytesAreNoText is put aside with the reason, holds up nobody, and
// goes on once it is corrected.
func TestAContactWhoseBytesAreNoText(t *testing.T) {
	t.Parallel()
	w := newWorldIn(t, testenv.EncodedDB(t, "SQL_ASCII"), sim.Options{})
	bad := w.one("INSERT INTO contacts (name, email) VALUES ($1, 'bor@primer.si') RETURNING id::text", "Bor \xc8rt")
	s, _ := w.start()
	good := w.insert("Špela Črnigoj", "spela@primer.si")
	w.status(good, "synced")
	w.status(bad, "error")
	require.Contains(t, w.one("SELECT last_error FROM metakocka_contact_mappings WHERE contact_id = $1", bad), "name: the contact's row holds bytes that are no text")
	w.exec("UPDATE contacts SET phone = '041 234 567'")
	w.agree(good, "041 234 567")
	require.Equal(t, "Špela Črnigoj", w.partner(good).Customer)
	require.Len(t, w.erp.Partners(), 1)

	w.exec("UPDATE contacts SET name = 'Bor Črt' WHERE id = $1", bad)
	w.status(bad, "synced")
	require.Equal(t, "Bor Črt", w.partner(bad).Customer)
	w.noProblem(s)
}

// TestAPartnerThatTheDatabaseCannotHold is named, for nothing comes from MetaKocka then.
func TestAPartnerThatTheDatabaseCannotHold(t *testing.T) {
	t.Parallel()
	w := newWorldIn(t, testenv.EncodedDB(t, "LATIN2"), sim.Options{})
	s, _ := w.start()
	id := w.insert("Špela Črnigoj", "spela@primer.si")
	w.status(id, "synced")
	p, err := w.erp.AddPartner(metakocka.Partner{Customer: "Анна Жукова", BusinessEntity: true})
	require.NoError(t, err)
	w.problem(s, "partner "+p.MKID+" has characters that the database's encoding lacks")
	w.edit(p, func(p *metakocka.Partner) { p.Customer = "Anna Žukova" })
	w.edit(w.partner(id), func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 765 432" })
	w.agree(id, "041 765 432")
	w.noProblem(s)
}
