package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

func TestMissingAndRenamedColumns(t *testing.T) {
	t.Parallel()
	opts := keepsAll
	opts.Partners = []metakocka.Partner{rich()}
	w := newAuditedWorld(t, opts)
	w.exec(`ALTER TABLE contacts DROP COLUMN notes, DROP COLUMN website, DROP COLUMN updated_at, DROP COLUMN country;
		ALTER TABLE contacts RENAME COLUMN email TO "E-mail address"; ALTER TABLE contacts RENAME COLUMN name TO full_name`)
	for f, column := range map[mapping.Field]string{mapping.FieldEmail: "E-mail address", mapping.FieldName: "full_name"} {
		field := w.cfg.Fields[f]
		field.Column = column
		w.cfg.Fields[f] = field
	}
	s := w.up()
	id := w.one(`INSERT INTO contacts (full_name, tax_number, company_name) VALUES ('Žiga Kovač', 'SI12345679', 'Kovač d.o.o.') RETURNING id::text`)
	w.status(id, "synced")
	w.eventually(func() error {
		if got := w.one(`SELECT "E-mail address" FROM contacts WHERE id = $1`, id); got != "ziga@kovac.si" {
			return errors.New("e-mail is " + got)
		}
		return nil
	})
	w.exec(`UPDATE contacts SET "E-mail address" = 'nov@kovac.si', full_name = 'Ana' WHERE id = $1`, id)
	w.partnerIs(id, []string{"nov@kovac.si", "Ana"}, func(p metakocka.Partner) any { return []string{p.Contacts[0].Email, p.Contacts[0].Name} })
	w.edit(w.partner(id), func(p *metakocka.Partner) { p.Notes, p.Contacts[0].Phone = "Edited", "01 222 33 44" })
	w.eventually(func() error {
		if got := w.one("SELECT phone FROM contacts WHERE id = $1", id); got != "01 222 33 44" {
			return errors.New("phone is " + got)
		}
		return nil
	})
	w.idle(s)
	n := w.written()
	w.polls(2)
	require.Equal(t, written{Updates: 1, Contacts: 2}, n)
	require.Equal(t, n, w.written())
	p := w.partner(id)
	require.Equal(t, []string{"Edited", "Slovenija"}, []string{p.Notes, p.Addresses[1].Country})
	require.Equal(t, "synced: ", w.mapping(id))
}

// TestTheCRMRefuses: what a column does not take is said by its name, and the
// contact stays as it was.
func TestTheCRMRefuses(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	w.exec(`ALTER TABLE contacts ALTER phone TYPE varchar(12), ALTER email SET NOT NULL, ALTER company_name TYPE char(20),
		ADD CONSTRAINT no_tests CHECK (name <> 'Test'), ADD UNIQUE (tax_number)`)
	s := w.up()
	other := w.add(mapping.Contact{Name: "Bor", Email: "bor@partner.si", TaxNumber: "SI11234059"})
	id := w.add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	p := w.partner(id)
	w.partner(other)
	w.idle(s)
	before := w.contact(id)
	for reason, edit := range map[string]func(p *metakocka.Partner){
		`the CRM refused the contact: column "phone" holds at most 12 characters`:     func(p *metakocka.Partner) { p.Contacts[0].Phone = "+386 40 123 456" },
		`the CRM refused the contact: constraint "no_tests" does not allow the value`: func(p *metakocka.Partner) { p.Customer = "Test" },
		`the CRM refused the contact: another contact has the same value (constraint "contacts_tax_number_key")`: func(p *metakocka.Partner) {
			p.TaxIDNumber = "SI11234059"
		},
		`the CRM refused the contact: column "company_name" holds at most 20 characters`: func(p *metakocka.Partner) {
			p.BusinessEntity, p.Customer = true, strings.Repeat("x", 21)
		},
	} {
		w.edit(p, edit)
		w.status(id, "error")
		require.Equal(t, "error: "+reason, w.mapping(id))
		w.letter(s, "puller "+p.MKID, reason)
		require.Equal(t, before, w.contact(id))
		w.edit(p, func(is *metakocka.Partner) {
			is.Customer, is.BusinessEntity, is.TaxIDNumber, is.Contacts[0].Phone = p.Customer, false, "", ""
		})
		w.status(id, "synced")
		w.letter(s, "puller "+p.MKID, "")
	}
	w.edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email = "" }) // NOT NULL takes an empty text
	w.contactIs(id, mapping.FieldEmail, "")
	w.quiet(s)
}

func TestImportThatTheCRMRefuses(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{Partners: []metakocka.Partner{person("7001", "Ana", "", "ana@partner.si"), {MKID: "7002", Customer: "Bor"}}})
	w.exec("ALTER TABLE contacts ALTER email SET NOT NULL")
	w.cfg.AutoImport = true
	s := w.up()
	require.Equal(t, "Ana", w.contact(w.contactOf("7001")).Name)
	w.letter(s, "puller 7002", `partner 7002: the CRM refused the contact: column "email" is required and the partner has no value for it`)
	w.edit(metakocka.Partner{MKID: "7002"}, func(p *metakocka.Partner) { p.Contacts = []metakocka.Contact{{Email: "bor@partner.si"}} })
	require.Equal(t, "Bor", w.contact(w.contactOf("7002")).Name)
	w.letter(s, "puller 7002", "")
	require.Equal(t, written{Contacts: 2}, w.quiet(s))
}

func TestTheFilterDecidesWhoIsSynced(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	w.exec("ALTER TABLE contacts ADD COLUMN kind text")
	w.cfg.Filter = []config.Condition{{Column: "kind", Values: []string{"customer"}}, {Column: "email", NotNull: true}}
	s := w.up()
	in := w.one("INSERT INTO contacts (name, email, kind) VALUES ('Ana', 'ana@partner.si', 'customer') RETURNING id::text")
	out := w.one("INSERT INTO contacts (name, email, kind) VALUES ('Bor', 'bor@partner.si', 'lead') RETURNING id::text")
	p := w.partner(in)
	w.idle(s)
	require.Equal(t, "none", w.mapping(out))
	w.exec("UPDATE contacts SET kind = 'customer' WHERE id = $1", out)
	w.partner(out)
	w.exec("UPDATE contacts SET kind = 'lead', phone = '041 111 222' WHERE id = $1", in)
	w.edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email = "other@partner.si" })
	require.Equal(t, written{Adds: 2}, w.quiet(s))
	w.exec("UPDATE contacts SET kind = 'customer' WHERE id = $1", in)
	w.contactIs(in, mapping.FieldEmail, "other@partner.si")
	w.partnerIs(in, "041 111 222", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	require.Equal(t, written{Adds: 2, Updates: 1, Contacts: 1}, w.quiet(s))
}

// TestLargeNotes: a value that Postgres keeps beside the row is not in the
// event of an edit of another field.
func TestLargeNotes(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, keepsAll)
	w.exec("ALTER TABLE contacts ALTER notes SET STORAGE EXTERNAL")
	s := w.up()
	c := mapping.Contact{Name: "Ana", Email: "ana@partner.si", Notes: strings.Repeat("Pays late. ", 2000) + "End."}
	id := w.add(c)
	w.partnerIs(id, c.Notes, func(p metakocka.Partner) any { return p.Notes })
	w.set(id, mapping.FieldPhone, "041 111 222")
	w.partnerIs(id, "041 111 222", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	w.edit(w.partner(id), func(p *metakocka.Partner) { p.Contacts[0].Email = "other@partner.si" })
	w.contactIs(id, mapping.FieldEmail, "other@partner.si")
	require.Equal(t, written{Adds: 1, Updates: 1, Contacts: 1}, w.quiet(s))
	require.Equal(t, c.Notes, w.contact(id).Notes)
	require.Equal(t, c.Notes, w.partner(id).Notes)
	require.Equal(t, "synced: ", w.mapping(id))
}

func TestDirections(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, keepsAll)
	for f, d := range map[mapping.Field]mapping.Direction{
		mapping.FieldNotes: mapping.DirectionOff, mapping.FieldPhone: mapping.DirectionToCRM, mapping.FieldWebsite: mapping.DirectionToMetaKocka,
	} {
		field := w.cfg.Fields[f]
		field.Direction = d
		w.cfg.Fields[f] = field
	}
	s := w.up()
	c := company()
	c.Phone = "not checked, for it is not sent"
	id := w.add(c)
	look := func(p metakocka.Partner) any {
		return []string{p.Notes, p.Contacts[0].GSM + p.Contacts[0].Phone, p.Website}
	}
	w.partnerIs(id, []string{"", "", "https://kovac.si"}, look)
	w.quiet(s)
	w.edit(w.partner(id), func(p *metakocka.Partner) {
		p.Notes, p.Contacts[0].Phone, p.Website = "ERP's", "01 222 33 44", "https://erp.si"
	})
	w.contactIs(id, mapping.FieldPhone, "01 222 33 44")
	w.quiet(s)
	require.Equal(t, []string{"Pays late", "https://kovac.si"}, []string{w.contact(id).Notes, w.contact(id).Website})
	require.Equal(t, "synced: ", w.mapping(id))
	w.exec("UPDATE contacts SET notes = 'CRM''s', phone = '01 999 88 77', website = 'https://crm.si' WHERE id = $1", id)
	w.partnerIs(id, []string{"ERP's", "01 222 33 44", "https://crm.si"}, look)
	require.Equal(t, written{Adds: 1, Updates: 1, Contacts: 1}, w.quiet(s))
	require.Equal(t, "synced: ", w.mapping(id))
}
