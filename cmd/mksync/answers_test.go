package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// overNATS asks for an operation as another program would.
func overNATS(t *testing.T, s *service.Service, operation, request string) error {
	t.Helper()
	_, err := control.NewClient(s.Conn, bus.Names{}).Answer(t.Context(), operation, []byte(request))
	return err
}

// unit is a business unit of a firm: its own mailbox, the firm's tax number.
func unit(id, town string) metakocka.Partner {
	return world.Person(id, "Kompas "+town+" d.o.o.", "SI50223054", strings.ToLower(town)+"@kompas-test.si")
}

// TestAPersonAnswersAMatchThatWaits: a firm's units have one tax number, so their contacts
// wait; each is answered on another way, and nobody is asked again.
func TestAPersonAnswersAMatchThatWaits(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{unit("7001", "Kranj"), unit("7002", "Koper"), unit("7003", "Celje")}})
	s, c, stop := w.APIUntil(service.AllRoles...)
	w.Polls(1)
	firm := mapping.Contact{Name: "Kompas", TaxNumber: "50223054", Phone: "041 555 111"}
	var units []string
	for range 4 {
		units = append(units, w.Add(firm))
		w.Status(units[len(units)-1], "held")
	}

	// This one, by command; what would be done is shown first.
	dry := mksync(w, "link", units[0], "7001", "--dry-run", "--take", "crm")
	require.Contains(t, strings.Join(dry.lines(), "\n"), `link it with partner 7001`)
	require.Contains(t, dry.stdout, `"Kompas Kranj d.o.o." -> `)
	require.Contains(t, w.Mapping(units[0]), "held: several partners have its tax number (7001, 7002, 7003)")
	require.Contains(t, mksync(w, "link", units[0], "7001", "--take", "crm").lines()[0], "synced")
	w.Quiet(s)
	require.Equal(t, "Kompas", w.Partner(units[0]).Contacts[0].Name)
	require.Equal(t, "041 555 111", w.Partner(units[0]).Contacts[0].GSM)

	// This one, over NATS: the ERP's values win.
	require.NoError(t, overNATS(t, s, "contacts.link", `{"contactId":"`+units[1]+`","metakockaId":"7002","take":"metakocka"}`))
	w.ContactIs(units[1], mapping.FieldEmail, "koper@kompas-test.si")
	require.Equal(t, "Kompas Koper d.o.o.", w.Contact(units[1]).Name)

	// This one, by the import of the partner.
	var o operations.Outcome
	w.Exec("DELETE FROM contacts WHERE id = $1", units[3])
	w.Status(units[3], "deleted")
	c.Post("contacts/import", `{"metakockaId":"7003"}`).Data(&o)
	require.Equal(t, units[2], o.ContactID)

	// A new one, over HTTP.
	other := w.Add(firm)
	w.Status(other, "held")
	c.Post("contacts/sync", `{"contactId":"`+other+`","new":true}`).Data(&o)
	require.Equal(t, "synced", string(o.SyncStatus))
	require.Len(t, w.ERP.Partners(), 4)
	require.Equal(t, 3, w.Count("SELECT count(*) FROM mksync_answers WHERE contact_id = $1 AND by = 'crm'", other))

	// Nobody is asked again.
	all := append(units[:3:3], other)
	linked := w.One("SELECT string_agg(contact_id || ' ' || metakocka_id, ', ' ORDER BY contact_id) FROM metakocka_contact_mappings WHERE contact_id = ANY($1::uuid[])", all)
	for _, id := range all {
		w.Set(id, mapping.FieldEmail, "info@kompas-test.si")
		w.Set(id, mapping.FieldTaxNumber, "SI50223054")
	}
	w.Quiet(s)
	stop()
	s = w.Up()
	require.NoError(t, mksync(w, "check", "--repair").err)
	w.Quiet(s)
	require.Equal(t, linked, w.One("SELECT string_agg(contact_id || ' ' || metakocka_id, ', ' ORDER BY contact_id) FROM metakocka_contact_mappings WHERE contact_id = ANY($1::uuid[])", all))
	require.Len(t, w.ERP.Partners(), 4)
	require.Zero(t, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'held'"))
	require.Empty(t, w.Letters(s))
}

// TestAnUnlinkedPartnerIsNotTheNextOnesByItself: two people share an e-mail, one is linked.
// When a person unlinks it, the partner holds that one's data still, so the other one waits
// for a person: by an event, an edit, a sync, a sync of all, an import and an import of all.
func TestAnUnlinkedPartnerIsNotTheNextOnesByItself(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Config.AutoImport = true
	s, _ := w.API(service.AllRoles...)
	ana := w.Add(mapping.Contact{Name: "Ana Novak", Email: "novak@zora-test.si", Phone: "041 111 222", Address: "Pot 1, Kranj, 4000"})
	w.Status(ana, "synced")
	w.Polls(1)
	was := w.Partner(ana)
	bor := w.Add(mapping.Contact{Name: "Bor Novak", Email: "novak@zora-test.si"})
	w.Status(bor, "held")
	w.Quiet(s)
	require.NoError(t, mksync(w, "unlink", ana).err)

	const why = "which a person unlinked from another contact, whose data it may hold: is it that partner?"
	waits := func(how string) {
		t.Helper()
		w.Eventually(func() error {
			if got := w.Mapping(bor); !strings.Contains(got, "held: its e-mail is that of partner "+was.MKID+", "+why) {
				return fmt.Errorf("%s: %s", how, got)
			}
			return nil
		})
		w.Quiet(s)
		require.Equal(t, "Bor Novak", w.Contact(bor).Name, how)
		require.Empty(t, w.Contact(bor).Phone, how)
		p, _ := w.ERP.Partner(was.MKID)
		require.Equal(t, was, p, how)
	}
	waits("unlinked")
	require.Contains(t, mksync(w, "sync", bor, "--dry-run").stdout, why)
	_ = mksync(w, "sync", bor)
	waits("a sync")
	w.Set(bor, mapping.FieldName, "Bor  Novak")
	w.Set(bor, mapping.FieldName, "Bor Novak")
	waits("an edit")
	mksync(w, "import", was.MKID).refused("partner " + was.MKID + " may be contact " + bor)
	waits("an import")

	// Its contact gets another partner, so no link names it any more.
	w.Set(ana, mapping.FieldEmail, "ana@zora-test.si")
	require.NoError(t, mksync(w, "sync", ana, "--new").err)
	require.Contains(t, mksync(w, "sync", "--all", "--dry-run", "--json").stdout, why)
	_ = mksync(w, "sync", "--all")
	waits("a sync of all")
	_ = mksync(w, "import", "--all")
	waits("an import of all")
	w.Polls(1)
	waits("a poll")
	require.Equal(t, 2, w.Count("SELECT count(*) FROM contacts"))

	// Until a person says that it is the partner.
	require.NoError(t, mksync(w, "link", bor, was.MKID, "--take", "crm").err)
	w.Status(bor, "synced")
	require.Zero(t, w.Count("SELECT count(*) FROM mksync_partners WHERE parted"))
}

// TestWhatAPersonUnlinkedStaysApart over polls, edits, a sync and an import, until a
// person links the two again.
func TestWhatAPersonUnlinkedStaysApart(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Ana Novak", "50223054", "ana@zora-test.si")}})
	w.Config.AutoImport, w.Config.ConflictRule = true, mapping.RuleManual
	s, c := w.API(service.AllRoles...)
	ana := w.ContactOf("7001")
	w.Idle(s)
	w.Exec("UPDATE contacts SET phone = '041 111 222' WHERE id = $1", ana)
	w.PartnerIs(ana, "041 111 222", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	twin := w.Add(mapping.Contact{Name: "Ana N.", TaxNumber: "50223054"})
	w.Status(twin, "held")

	// Refusals, in words.
	mksync(w, "link", twin, "7001").refused("partner 7001 is linked with contact "+ana, "mksync unlink "+ana+" first")
	c.Post("contacts/link", `{"contactId":"`+ana+`","metakockaId":"7009"}`).Refused(409, "conflict", "contact "+ana+" is linked with partner 7001: mksync unlink "+ana+" first")
	c.Post("contacts/link", `{"contactId":"`+twin+`","metakockaId":"7009"}`).Refused(404, "not_found", "MetaKocka has no partner 7009")
	c.Post("contacts/link", `{"contactId":"`+twin+`","metakockaId":"7001","take":"both"}`).Refused(400, "malformed", "take")
	c.Post("contacts/sync", `{"contactId":"`+ana+`","new":true}`).Refused(409, "conflict", "mksync unlink "+ana+" first")
	c.Post("contacts/unlink", `{"contactId":"`+twin+`"}`).Refused(409, "conflict", "contact "+twin+" is not linked with a partner")
	require.ErrorContains(t, overNATS(t, s, "contacts.unlink", `{"contactId":"00000000-0000-4000-8000-000000000001"}`), "there is no contact")
	mksync(w, "sync", "--all", "--new").refused("--new answers for one alone")

	// Unlinked: who waited for the partner gets it. What waits between the two is closed.
	c.Post("contacts/unlink", `{"contactId":"`+ana+`"}`).Data(&operations.Outcome{})
	require.Contains(t, w.Mapping(ana), "unlinked: unlinked by crm: `mksync link` links the two again")
	w.Status(twin, "conflict")
	require.Equal(t, "7001", w.Partner(twin).MKID)
	require.NoError(t, mksync(w, "unlink", twin).err)
	require.Zero(t, w.Count("SELECT count(*) FROM mksync_conflicts WHERE status = 'parked'"))

	// Nothing joins either of them with it again.
	w.Set(ana, mapping.FieldName, "Ana Novak Kos")
	w.Set(twin, mapping.FieldName, "Ana Kos")
	w.Edit(metakocka.Partner{MKID: "7001"}, func(p *metakocka.Partner) { p.Customer = "Ana Novak Zajc" })
	w.Quiet(s)
	require.NoError(t, mksync(w, "check", "--repair").err)
	w.Quiet(s)
	require.Contains(t, w.Mapping(ana), "unlinked: unlinked by")
	require.Contains(t, w.Mapping(twin), "unlinked: unlinked by")
	require.Equal(t, "Ana Novak Zajc", w.ERP.Partners()[0].Customer)
	require.Equal(t, 2, w.Count("SELECT count(*) FROM contacts"))

	// A sync makes another partner, an import another contact.
	require.NoError(t, mksync(w, "sync", twin).err)
	require.NotEqual(t, "7001", w.Partner(twin).MKID)
	require.NoError(t, mksync(w, "import", "7001").err)
	third := w.One("SELECT contact_id::text FROM metakocka_contact_mappings WHERE metakocka_id = '7001' AND sync_status <> 'unlinked'")
	require.NotContains(t, []string{ana, twin}, third)
	w.Exec("DELETE FROM contacts WHERE id = $1", third)
	w.Status(third, "deleted")

	// Until a person says otherwise.
	require.NoError(t, mksync(w, "link", ana, "7001", "--take", "crm", "--json").err)
	require.Zero(t, w.Count("SELECT count(*) FROM mksync_answers WHERE contact_id = $1", ana))
	w.Quiet(s)
	require.Equal(t, "7001", w.Partner(ana).MKID)
	require.Equal(t, "Ana Novak Kos", w.Partner(ana).Customer)
}
