package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// crmRow waits until columns of a contact, joined by |, are these.
func crmRow(w *world.World, id, columns, want string) {
	w.T.Helper()
	w.Eventually(func() error {
		got := w.One("SELECT concat_ws('|', "+columns+") FROM contacts WHERE id = $1", id)
		if got != want {
			return fmt.Errorf("contact has %s, not %s; mapping: %s", got, want, w.Mapping(id))
		}
		return nil
	})
}

const nameColumns, addressColumns = "firstname, lastname, full_name", "address, city, postal_code"

// TestACRMAsItIs goes through everything with the table of a CRM that was there before
// mksync, and that stays as it is: nothing of it is renamed, and mksync's role owns nothing.
func TestACRMAsItIs(t *testing.T) {
	t.Parallel()
	w := world.NewCRM(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Jan van der Berg", "", "Jan@Primer.si")}}, "")
	checked := mksync(w, "doctor")
	require.NoError(t, checked.err, checked.stdout)

	s := w.Up()
	id := w.AddTo("Ana Marija", "Novak", "ana@primer.si")
	w.Exec("UPDATE contacts SET address = 'Slovenska cesta 1', city = 'Ljubljana', postal_code = '1000' WHERE id = $1", id)
	w.PartnerIs(id, "Ana Marija Novak, Slovenska cesta 1, Ljubljana, 1000", place)
	theirs := w.One(`INSERT INTO contacts (organization_id, lastname, email, status) SELECT id, 'Zajc', 'z@primer.si', 'active' FROM organizations WHERE name = 'theirs' RETURNING id`)

	// The ERP's order of a name is no edit; another family name is one of that column alone.
	w.Idle(s)
	before := w.One("SELECT xmin::text FROM contacts WHERE id = $1", id)
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Customer, p.Contacts[0].Name = "NOVAK ANA MARIJA", "NOVAK ANA MARIJA" })
	w.Polls(2)
	w.Idle(s)
	require.Equal(t, before, w.One("SELECT xmin::text FROM contacts WHERE id = $1", id))
	require.Equal(t, "synced: ", w.Mapping(id))
	w.Edit(w.Partner(id), func(p *metakocka.Partner) {
		p.Customer, p.Contacts[0].Name, p.Contacts[0].Email = "Kos Ana Marija", "Kos Ana Marija", "ANA.KOS@primer.si"
		p.Addresses[0].Street, p.Addresses[0].City, p.Addresses[0].PostNumber = "Slovenska cesta 1", "Maribor", "2000"
	})
	crmRow(w, id, nameColumns, "Ana Marija|Kos|Ana Marija Kos")
	crmRow(w, id, addressColumns+", email", "Slovenska cesta 1|Maribor|2000|ana.kos@primer.si")
	w.Exec("UPDATE contacts SET lastname = 'Kos Zupan', city = 'Celje', postal_code = '3000' WHERE id = $1", id)
	w.PartnerIs(id, "Ana Marija Kos Zupan, Slovenska cesta 1, Celje, 3000", place)
	w.Status(id, "synced")

	// An import gets what the table demands.
	require.NoError(t, mksync(w, "import", "7001").err)
	jan := w.ContactOf("7001")
	crmRow(w, jan, nameColumns+", email, status, organization_id::text", "Jan van der|Berg|Jan van der Berg|jan@primer.si|active|5f0c0000-0000-4000-8000-000000000001")

	// What another contact has is refused in words, and tried again when it is changed.
	w.Edit(w.Partner(jan), func(p *metakocka.Partner) { p.Contacts[0].Email = "Ana.Kos@primer.si" })
	w.Status(jan, "error")
	require.Equal(t, `error: the CRM refused the contact: another contact has the same e-mail (constraint "contacts_email_key")`, w.Mapping(jan))
	w.Edit(w.Partner(jan), func(p *metakocka.Partner) { p.Contacts[0].Email = "jan@berg.si" })
	crmRow(w, jan, "email", "jan@berg.si")
	w.Status(jan, "synced")

	// A deleted contact's link is a tombstone; nobody else's contact was touched.
	w.Exec("DELETE FROM contacts WHERE id = $1", jan)
	w.Status(jan, "deleted")
	require.Equal(t, "none", w.Mapping(theirs))
	require.Len(t, w.ERP.Partners(), 2)

	// Each edit of a partner is one write, whatever the triggers make of it.
	w.Idle(s)
	written := w.Written()
	require.Equal(t, 3, written.Contacts)
	w.Polls(2)
	w.Idle(s)
	require.Equal(t, written, w.Written())
}

// place is the name and the address of a partner.
func place(p metakocka.Partner) any {
	a := p.Addresses[0]
	return strings.Join([]string{p.Customer, a.Street, a.City, a.PostNumber}, ", ")
}

// TestACRMAsItIsInTrouble: conflict, replay, merge and a process that is killed.
func TestACRMAsItIsInTrouble(t *testing.T) {
	long.Only(t)
	t.Parallel()
	w := world.NewCRM(t, sim.Options{}, "conflict_rule: manual\n")
	w.Config.ConflictRule, w.Config.PollInterval = mapping.RuleManual, time.Second
	log := &keeper.Log{}
	c := spawn(w, log)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.Tail())
		}
	})
	id, twin := w.AddTo("Ana", "Novak", "ana@primer.si"), w.AddTo("Ana", "Novak", "novak@primer.si")
	p := w.Partner(id)
	w.Partner(twin)
	w.Status(id, "synced")
	w.Status(twin, "synced")
	c.kill()

	w.Edit(p, func(p *metakocka.Partner) { p.Customer, p.Contacts[0].Name = "Ana Kos", "Ana Kos" })
	w.Exec("UPDATE contacts SET lastname = 'Zupan', phone = '041 234 567' WHERE id = $1", id)
	c = spawn(w, log)
	w.Status(id, "conflict")
	require.Contains(t, w.Mapping(id), "name: both sides changed it")
	require.Equal(t, []string{"name"}, strings.Fields(w.One("SELECT string_agg(field, ' ') FROM mksync_conflicts")))
	conflict := mksync(w, "conflicts", "list").ids()[0]
	require.NoError(t, mksync(w, "conflicts", "resolve", conflict, "--take", "metakocka").err)
	crmRow(w, id, nameColumns+", phone", "Ana|Kos|Ana Kos|041 234 567")
	w.Status(id, "synced")

	require.NoError(t, mksync(w, "merge", twin, id).err)
	w.Status(twin, "deleted")
	require.Equal(t, "1", w.One("SELECT count(*)::text FROM contacts"))
	c.kill()

	// MetaKocka is put back to an older copy, and brought up to the CRM again.
	w.Edit(p, func(p *metakocka.Partner) {
		p.Customer, p.Contacts[0].Name, p.Contacts[0].GSM = "Ana Novak", "Ana Novak", ""
	})
	said := mksync(w, "replay", "--from-seq", "1", "--contact", id, "--authority", "crm")
	require.NoError(t, said.err, said.stderr)
	w.PartnerIs(id, "Ana Kos 041 234 567", func(p metakocka.Partner) any { return p.Customer + " " + p.Contacts[0].GSM })
	crmRow(w, id, nameColumns, "Ana|Kos|Ana Kos")
	w.Status(id, "synced")
}
