package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/service"
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
	return person(id, "Kompas "+town+" d.o.o.", "SI50223054", strings.ToLower(town)+"@kompas-test.si")
}

// TestAPersonAnswersAMatchThatWaits: a firm's units have one tax number, so their contacts
// wait; each is answered on another way, and nobody is asked again.
func TestAPersonAnswersAMatchThatWaits(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{Partners: []metakocka.Partner{unit("7001", "Kranj"), unit("7002", "Koper"), unit("7003", "Celje")}})
	s, c, stop := w.apiUntil(service.AllRoles...)
	w.polls(1)
	firm := mapping.Contact{Name: "Kompas", TaxNumber: "50223054", Phone: "041 555 111"}
	var units []string
	for range 4 {
		units = append(units, w.add(firm))
		w.status(units[len(units)-1], "held")
	}

	// This one, by command; what would be done is shown first.
	dry := w.mksync("link", units[0], "7001", "--dry-run", "--take", "crm")
	require.Contains(t, strings.Join(dry.lines(), "\n"), `link it with partner 7001`)
	require.Contains(t, dry.stdout, `"Kompas Kranj d.o.o." -> `)
	require.Contains(t, w.mapping(units[0]), "held: several partners have its tax number (7001, 7002, 7003)")
	require.Contains(t, w.mksync("link", units[0], "7001", "--take", "crm").lines()[0], "synced")
	w.quiet(s)
	require.Equal(t, "Kompas", w.partner(units[0]).Contacts[0].Name)
	require.Equal(t, "041 555 111", w.partner(units[0]).Contacts[0].GSM)

	// This one, over NATS: the ERP's values win.
	require.NoError(t, overNATS(t, s, "contacts.link", `{"contactId":"`+units[1]+`","metakockaId":"7002","take":"metakocka"}`))
	w.contactIs(units[1], mapping.FieldEmail, "koper@kompas-test.si")
	require.Equal(t, "Kompas Koper d.o.o.", w.contact(units[1]).Name)

	// This one, by the import of the partner.
	var o operations.Outcome
	w.exec("DELETE FROM contacts WHERE id = $1", units[3])
	w.status(units[3], "deleted")
	c.post("contacts/import", `{"metakockaId":"7003"}`).data(&o)
	require.Equal(t, units[2], o.ContactID)

	// A new one, over HTTP.
	other := w.add(firm)
	w.status(other, "held")
	c.post("contacts/sync", `{"contactId":"`+other+`","new":true}`).data(&o)
	require.Equal(t, "synced", string(o.SyncStatus))
	require.Len(t, w.erp.Partners(), 4)
	require.Equal(t, 3, w.count("SELECT count(*) FROM mksync_answers WHERE contact_id = $1 AND by = 'crm'", other))

	// Nobody is asked again.
	all := append(units[:3:3], other)
	linked := w.one("SELECT string_agg(contact_id || ' ' || metakocka_id, ', ' ORDER BY contact_id) FROM metakocka_contact_mappings WHERE contact_id = ANY($1::uuid[])", all)
	for _, id := range all {
		w.set(id, mapping.FieldEmail, "info@kompas-test.si")
		w.set(id, mapping.FieldTaxNumber, "SI50223054")
	}
	w.quiet(s)
	stop()
	s = w.up()
	require.NoError(t, w.mksync("check", "--repair").err)
	w.quiet(s)
	require.Equal(t, linked, w.one("SELECT string_agg(contact_id || ' ' || metakocka_id, ', ' ORDER BY contact_id) FROM metakocka_contact_mappings WHERE contact_id = ANY($1::uuid[])", all))
	require.Len(t, w.erp.Partners(), 4)
	require.Zero(t, w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'held'"))
	require.Empty(t, w.letters(s))
}

// TestAnAnswerOutlastsARefusal: a colleague with the firm's mailbox gets a partner of its
// own, also where MetaKocka refuses it at first, or its answer is lost.
func TestAnAnswerOutlastsARefusal(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{Partners: []metakocka.Partner{person("7001", "Lambda d.o.o.", "50223054", "info@lambda-test.si")}})
	s := w.up()
	w.polls(1)
	lan := w.add(mapping.Contact{Name: "Lan Lovec", Email: "info@lambda-test.si"})
	w.status(lan, "held")
	require.NoError(t, w.erp.FailNext(metakocka.EndpointAdd, sim.FaultAfter))
	w.mksync("sync", lan, "--new")
	w.status(lan, "synced")
	w.quiet(s)
	require.NotEqual(t, "7001", w.partner(lan).MKID)
	require.Len(t, w.erp.Partners(), 2)

	// A person imports the firm as a contact of its own, although one matches it.
	bor := w.add(mapping.Contact{Name: "Bor Kos", Email: "info@lambda-test.si"})
	w.status(bor, "held")
	w.mksync("import", "7001").refused("link the two by mksync link, or make a contact of its own by mksync import --new")
	require.NoError(t, w.mksync("import", "7001", "--new").err)
	firm := w.contactOf("7001")
	require.NotContains(t, []string{lan, bor}, firm)
	require.Contains(t, w.one("SELECT string_agg(metakocka_id, ' ') FROM mksync_answers WHERE contact_id = $1", bor), "7001")
	w.mksync("import", "7001", "--new").refused("partner 7001 is linked with contact "+firm, "mksync unlink "+firm+" first")
	w.quiet(s)
}

// TestALostCallDoesNotUndoAnAnswer: what became of a creation is looked for among
// partners that a person has not said are others, also where one holds just what was sent.
func TestALostCallDoesNotUndoAnAnswer(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	w.cfg.PollInterval = time.Hour
	w.up()
	w.eventually(func() error {
		if w.count("SELECT count(*) FROM mksync_state WHERE key = 'poller' AND value->>'sweptAt' IS NOT NULL") == 0 {
			return errors.New("no poll yet")
		}
		return nil
	})
	for _, id := range []string{"7001", "7002"} { // no poll sees them
		_, err := w.erp.AddPartner(person(id, "Dva Enaka", "", "dva@enaka-test.si"))
		require.NoError(t, err)
	}
	id := w.add(mapping.Contact{Name: "Dva Enaka", Email: "dva@enaka-test.si"})
	w.status(id, "held")
	require.NoError(t, w.erp.FailNext(metakocka.EndpointAdd, sim.FaultBefore))
	require.Error(t, w.mksync("sync", id, "--new").err)
	w.eventually(func() error { return w.mksync("sync", id).err })
	require.NotContains(t, []string{"7001", "7002"}, w.partner(id).MKID)
	require.Len(t, w.erp.Partners(), 3)
}

// TestWhatAPersonUnlinkedStaysApart over polls, edits, a sync and an import, until a
// person links the two again.
func TestWhatAPersonUnlinkedStaysApart(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{Partners: []metakocka.Partner{person("7001", "Ana Novak", "50223054", "ana@zora-test.si")}})
	w.cfg.AutoImport, w.cfg.ConflictRule = true, mapping.RuleManual
	s, c := w.api(service.AllRoles...)
	ana := w.contactOf("7001")
	w.idle(s)
	w.exec("UPDATE contacts SET phone = '041 111 222' WHERE id = $1", ana)
	w.partnerIs(ana, "041 111 222", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	twin := w.add(mapping.Contact{Name: "Ana N.", TaxNumber: "50223054"})
	w.status(twin, "held")

	// Refusals, in words.
	w.mksync("link", twin, "7001").refused("partner 7001 is linked with contact "+ana, "mksync unlink "+ana+" first")
	c.post("contacts/link", `{"contactId":"`+ana+`","metakockaId":"7009"}`).refused(409, "conflict", "contact "+ana+" is linked with partner 7001: mksync unlink "+ana+" first")
	c.post("contacts/link", `{"contactId":"`+twin+`","metakockaId":"7009"}`).refused(404, "not_found", "MetaKocka has no partner 7009")
	c.post("contacts/link", `{"contactId":"`+twin+`","metakockaId":"7001","take":"both"}`).refused(400, "malformed", "take")
	c.post("contacts/sync", `{"contactId":"`+ana+`","new":true}`).refused(409, "conflict", "mksync unlink "+ana+" first")
	c.post("contacts/unlink", `{"contactId":"`+twin+`"}`).refused(409, "conflict", "contact "+twin+" is not linked with a partner")
	require.ErrorContains(t, overNATS(t, s, "contacts.unlink", `{"contactId":"00000000-0000-4000-8000-000000000001"}`), "there is no contact")
	w.mksync("sync", "--all", "--new").refused("--new answers for one alone")

	// Unlinked: who waited for the partner gets it. What waits between the two is closed.
	c.post("contacts/unlink", `{"contactId":"`+ana+`"}`).data(&operations.Outcome{})
	require.Contains(t, w.mapping(ana), "unlinked: unlinked by crm: `mksync link` links the two again")
	w.status(twin, "conflict")
	require.Equal(t, "7001", w.partner(twin).MKID)
	require.NoError(t, w.mksync("unlink", twin).err)
	require.Zero(t, w.count("SELECT count(*) FROM mksync_conflicts WHERE status = 'parked'"))

	// Nothing joins either of them with it again.
	w.set(ana, mapping.FieldName, "Ana Novak Kos")
	w.set(twin, mapping.FieldName, "Ana Kos")
	w.edit(metakocka.Partner{MKID: "7001"}, func(p *metakocka.Partner) { p.Customer = "Ana Novak Zajc" })
	w.quiet(s)
	require.NoError(t, w.mksync("check", "--repair").err)
	w.quiet(s)
	require.Contains(t, w.mapping(ana), "unlinked: unlinked by")
	require.Contains(t, w.mapping(twin), "unlinked: unlinked by")
	require.Equal(t, "Ana Novak Zajc", w.erp.Partners()[0].Customer)
	require.Equal(t, 2, w.count("SELECT count(*) FROM contacts"))

	// A sync makes another partner, an import another contact.
	require.NoError(t, w.mksync("sync", twin).err)
	require.NotEqual(t, "7001", w.partner(twin).MKID)
	require.NoError(t, w.mksync("import", "7001").err)
	third := w.one("SELECT contact_id::text FROM metakocka_contact_mappings WHERE metakocka_id = '7001' AND sync_status <> 'unlinked'")
	require.NotContains(t, []string{ana, twin}, third)
	w.exec("DELETE FROM contacts WHERE id = $1", third)
	w.status(third, "deleted")

	// Until a person says otherwise.
	require.NoError(t, w.mksync("link", ana, "7001", "--take", "crm", "--json").err)
	require.Zero(t, w.count("SELECT count(*) FROM mksync_answers WHERE contact_id = $1", ana))
	w.quiet(s)
	require.Equal(t, "7001", w.partner(ana).MKID)
	require.Equal(t, "Ana Novak Kos", w.partner(ana).Customer)
}
