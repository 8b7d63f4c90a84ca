package syncer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

func TestMissingAndRenamedColumns(t *testing.T) {
	t.Parallel()
	opts := world.KeepsAll
	opts.Partners = []metakocka.Partner{world.Rich()}
	w := world.NewAudited(t, opts)
	w.Exec(`ALTER TABLE contacts DROP COLUMN notes, DROP COLUMN website, DROP COLUMN updated_at, DROP COLUMN country;
		ALTER TABLE contacts RENAME COLUMN email TO "E-mail address"; ALTER TABLE contacts RENAME COLUMN name TO full_name`)
	for f, column := range map[mapping.Field]string{mapping.FieldEmail: "E-mail address", mapping.FieldName: "full_name"} {
		field := w.Config.Fields[f]
		field.Column = column
		w.Config.Fields[f] = field
	}
	s := w.Up()
	id := w.One(`INSERT INTO contacts (full_name, tax_number, company_name) VALUES ('Žiga Kovač', 'SI12345679', 'Kovač d.o.o.') RETURNING id::text`)
	w.Status(id, "synced")
	w.Eventually(func() error {
		if got := w.One(`SELECT "E-mail address" FROM contacts WHERE id = $1`, id); got != "ziga@kovac.si" {
			return errors.New("e-mail is " + got)
		}
		return nil
	})
	w.Exec(`UPDATE contacts SET "E-mail address" = 'nov@kovac.si', full_name = 'Ana' WHERE id = $1`, id)
	w.PartnerIs(id, []string{"nov@kovac.si", "Ana"}, func(p metakocka.Partner) any { return []string{p.Contacts[0].Email, p.Contacts[0].Name} })
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Notes, p.Contacts[0].Phone = "Edited", "01 222 33 44" })
	w.Eventually(func() error {
		if got := w.One("SELECT phone FROM contacts WHERE id = $1", id); got != "01 222 33 44" {
			return errors.New("phone is " + got)
		}
		return nil
	})
	w.Idle(s)
	n := w.Written()
	w.Polls(2)
	require.Equal(t, world.Written{Updates: 1, Contacts: 2}, n)
	require.Equal(t, n, w.Written())
	p := w.Partner(id)
	require.Equal(t, []string{"Edited", "Slovenija"}, []string{p.Notes, p.Addresses[1].Country})
	require.Equal(t, "synced: ", w.Mapping(id))
}

// TestTheCRMRefuses: what a column does not take is said by its name, and the
// contact stays as it was.
func TestTheCRMRefuses(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Exec(`ALTER TABLE contacts ALTER phone TYPE varchar(12), ALTER email SET NOT NULL, ALTER company_name TYPE char(20),
		ADD CONSTRAINT no_tests CHECK (name <> 'Test'), ADD UNIQUE (tax_number)`)
	s := w.Up()
	other := w.Add(mapping.Contact{Name: "Bor", Email: "bor@partner.si", TaxNumber: "SI11234059"})
	id := w.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	p := w.Partner(id)
	w.Partner(other)
	w.Idle(s)
	before := w.Contact(id)
	for reason, edit := range map[string]func(p *metakocka.Partner){
		`the CRM refused the contact: column "phone" holds at most 12 characters`:    func(p *metakocka.Partner) { p.Contacts[0].Phone = "+386 40 123 456" },
		`the CRM refused the contact: constraint "no_tests" does not allow the name`: func(p *metakocka.Partner) { p.Customer = "Test" },
		`the CRM refused the contact: another contact has the same tax number (constraint "contacts_tax_number_key")`: func(p *metakocka.Partner) {
			p.TaxIDNumber = "SI11234059"
		},
		`the CRM refused the contact: column "company_name" holds at most 20 characters`: func(p *metakocka.Partner) {
			p.BusinessEntity, p.Customer = true, strings.Repeat("x", 21)
		},
	} {
		w.Edit(p, edit)
		w.Status(id, "error")
		require.Equal(t, "error: "+reason, w.Mapping(id))
		w.Letter(s, "puller "+p.MKID, reason)
		require.Equal(t, before, w.Contact(id))
		w.Edit(p, func(is *metakocka.Partner) {
			is.Customer, is.BusinessEntity, is.TaxIDNumber, is.Contacts[0].Phone = p.Customer, false, "", ""
		})
		w.Status(id, "synced")
		w.Letter(s, "puller "+p.MKID, "")
	}
	w.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email = "" }) // NOT NULL takes an empty text
	w.ContactIs(id, mapping.FieldEmail, "")
	w.Quiet(s)
}

func TestImportThatTheCRMRefuses(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Ana", "", "ana@partner.si"), {MKID: "7002", Customer: "Bor"}}})
	w.Exec("ALTER TABLE contacts ALTER phone SET NOT NULL, ADD CONSTRAINT reachable CHECK (email IS NOT NULL)")
	w.Config.AutoImport = true
	s := w.Up()
	require.Equal(t, "Ana", w.Contact(w.ContactOf("7001")).Name)
	w.Letter(s, "puller 7002", `partner 7002: the CRM refused the contact: constraint "reachable" does not allow the e-mail`)
	w.Edit(metakocka.Partner{MKID: "7002"}, func(p *metakocka.Partner) { p.Contacts = []metakocka.Contact{{Email: "bor@partner.si"}} })
	require.Equal(t, "Bor", w.Contact(w.ContactOf("7002")).Name)
	w.Letter(s, "puller 7002", "")
	require.Equal(t, world.Written{Contacts: 2}, w.Quiet(s))
}

func TestTheFilterDecidesWhoIsSynced(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Exec("ALTER TABLE contacts ADD COLUMN kind text")
	w.Config.Filter = []config.Condition{{Column: "kind", Values: []string{"customer"}}, {Column: "email", NotNull: true}}
	s := w.Up()
	in := w.One("INSERT INTO contacts (name, email, kind) VALUES ('Ana', 'ana@partner.si', 'customer') RETURNING id::text")
	out := w.One("INSERT INTO contacts (name, email, kind) VALUES ('Bor', 'bor@partner.si', 'lead') RETURNING id::text")
	p := w.Partner(in)
	w.Idle(s)
	require.Equal(t, "none", w.Mapping(out))
	w.Exec("UPDATE contacts SET kind = 'customer' WHERE id = $1", out)
	w.Partner(out)
	w.Exec("UPDATE contacts SET kind = 'lead', phone = '041 111 222' WHERE id = $1", in)
	w.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email = "other@partner.si" })
	require.Equal(t, world.Written{Adds: 2}, w.Quiet(s))
	w.Exec("UPDATE contacts SET kind = 'customer' WHERE id = $1", in)
	w.ContactIs(in, mapping.FieldEmail, "other@partner.si")
	w.PartnerIs(in, "041 111 222", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	require.Equal(t, world.Written{Adds: 2, Updates: 1, Contacts: 1}, w.Quiet(s))
}

// TestLargeNotes: a value that Postgres keeps beside the row is not in the
// event of an edit of another field.
func TestLargeNotes(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, world.KeepsAll)
	w.Exec("ALTER TABLE contacts ALTER notes SET STORAGE EXTERNAL")
	s := w.Up()
	c := mapping.Contact{Name: "Ana", Email: "ana@partner.si", Notes: strings.Repeat("Pays late. ", 2000) + "End."}
	id := w.Add(c)
	w.PartnerIs(id, c.Notes, func(p metakocka.Partner) any { return p.Notes })
	w.Set(id, mapping.FieldPhone, "041 111 222")
	w.PartnerIs(id, "041 111 222", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].Email = "other@partner.si" })
	w.ContactIs(id, mapping.FieldEmail, "other@partner.si")
	require.Equal(t, world.Written{Adds: 1, Updates: 1, Contacts: 1}, w.Quiet(s))
	require.Equal(t, c.Notes, w.Contact(id).Notes)
	require.Equal(t, c.Notes, w.Partner(id).Notes)
	require.Equal(t, "synced: ", w.Mapping(id))
}

func TestDirections(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, world.KeepsAll)
	for f, d := range map[mapping.Field]mapping.Direction{
		mapping.FieldNotes: mapping.DirectionOff, mapping.FieldPhone: mapping.DirectionToCRM, mapping.FieldWebsite: mapping.DirectionToMetaKocka,
	} {
		field := w.Config.Fields[f]
		field.Direction = d
		w.Config.Fields[f] = field
	}
	s := w.Up()
	c := world.Company()
	c.Phone = "not checked, for it is not sent"
	id := w.Add(c)
	look := func(p metakocka.Partner) any {
		return []string{p.Notes, p.Contacts[0].GSM + p.Contacts[0].Phone, p.Website}
	}
	w.PartnerIs(id, []string{"", "", "https://kovac.si"}, look)
	w.Quiet(s)
	w.Edit(w.Partner(id), func(p *metakocka.Partner) {
		p.Notes, p.Contacts[0].Phone, p.Website = "ERP's", "01 222 33 44", "https://erp.si"
	})
	w.ContactIs(id, mapping.FieldPhone, "01 222 33 44")
	w.Quiet(s)
	require.Equal(t, []string{"Pays late", "https://kovac.si"}, []string{w.Contact(id).Notes, w.Contact(id).Website})
	require.Equal(t, "synced: ", w.Mapping(id))
	w.Exec("UPDATE contacts SET notes = 'CRM''s', phone = '01 999 88 77', website = 'https://crm.si' WHERE id = $1", id)
	w.PartnerIs(id, []string{"ERP's", "01 222 33 44", "https://crm.si"}, look)
	require.Equal(t, world.Written{Adds: 1, Updates: 1, Contacts: 1}, w.Quiet(s))
	require.Equal(t, "synced: ", w.Mapping(id))
}

// TestADeferredUniqueConstraintRefusesAnEdit: as one that is checked at once.
func TestADeferredUniqueConstraintRefusesAnEdit(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) {
		w.Exec("ALTER TABLE contacts ADD UNIQUE (tax_number) DEFERRABLE INITIALLY DEFERRED")
	})
	h.Linked(mapping.Contact{Name: "Bor", Email: "bor@firma.si", TaxNumber: "SI11234059"})
	id, p := h.Linked(mapping.Contact{Name: "Ana Novak", Email: "ana@firma.si"})
	h.Edit(p, func(p *metakocka.Partner) { p.TaxIDNumber = "SI11234059" })
	now, _ := h.ERP.Partner(p.MKID)
	_, err := h.Service.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: syncer.CausePartner, Observed: &now})
	var rejected *syncer.RejectError
	require.ErrorAs(t, err, &rejected, "mapping: %s", h.Mapping(id))
}
