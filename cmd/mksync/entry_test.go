package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// A partner's contact entry has two numbers, phone and gsm. One is the contact's, the
// other the ERP's own.

func phones(p metakocka.Partner) any {
	return [2]string{p.Contacts[0].Phone, p.Contacts[0].GSM}
}

// withPhones is a partner as it was in the ERP before any contact.
func withPhones(id, email, phone, gsm string) metakocka.Partner {
	p := person(id, "Oseba "+id, "", email)
	p.Contacts[0].Phone, p.Contacts[0].GSM = phone, gsm
	return p
}

func TestTheOtherNumberIsTheERPsOwn(t *testing.T) {
	t.Parallel()
	const mobile, landline = "041 100 200", "01 222 33 44"
	w := newAuditedWorld(t, sim.Options{Partners: []metakocka.Partner{
		withPhones("7001", "both@phones.si", landline, "041 555 111"),
		withPhones("7002", "emptied@phones.si", landline, mobile),
	}})
	planned := w.add(mapping.Contact{Name: "Oseba 7001", Email: "both@phones.si", Phone: "+386 41 555 111"})
	emptied := w.add(mapping.Contact{Name: "Oseba 7002", Email: "emptied@phones.si", Phone: landline})
	s := w.up()
	w.status(planned, "synced")
	w.status(emptied, "synced")
	require.Equal(t, written{}, w.quiet(s), "a first match agrees by either number")

	w.set(emptied, mapping.FieldPhone, "")
	w.partnerIs(emptied, [2]string{"", mobile}, phones)

	added := w.add(mapping.Contact{Name: "Dodana", Email: "added@phones.si", Phone: mobile})
	moved := w.add(mapping.Contact{Name: "Premaknjen", Email: "moved@phones.si", Phone: mobile})
	live := w.add(mapping.Contact{Name: "Oseba 7003", Email: "live@phones.si", Phone: ""})
	for _, id := range []string{added, moved, live} {
		w.status(id, "synced")
	}
	w.edit(w.partner(added), func(p *metakocka.Partner) { p.Contacts[0].Phone = landline })
	w.edit(w.partner(moved), func(p *metakocka.Partner) { p.Contacts[0].Phone, p.Contacts[0].GSM = mobile, "" })
	w.edit(w.partner(live), func(p *metakocka.Partner) { p.Contacts[0].Phone = "-" })
	w.edit(w.partner(emptied), func(p *metakocka.Partner) { p.Contacts[0].GSM = "031 999 000" })
	before := w.written()
	w.polls(2)
	require.Equal(t, before, w.quiet(s))
	for id, want := range map[string]string{planned: "+386 41 555 111", emptied: "", added: mobile, moved: mobile, live: ""} {
		require.Equal(t, want, w.contact(id).Phone)
		require.Equal(t, "synced: ", w.mapping(id))
	}

	// The link remembers, whatever either number becomes.
	w.edit(w.partner(added), func(p *metakocka.Partner) { p.Contacts[0].Phone, p.Contacts[0].GSM = "02 333 44 55", "031 222 333" })
	w.edit(w.partner(moved), func(p *metakocka.Partner) { p.Contacts[0].Phone = "031 222 333" })
	w.contactIs(added, mapping.FieldPhone, "031 222 333")
	w.contactIs(moved, mapping.FieldPhone, "031 222 333")
	w.set(added, mapping.FieldPhone, "01 777 88 99")
	w.set(planned, mapping.FieldPhone, "051 000 111")
	w.set(emptied, mapping.FieldPhone, "040 000 222")
	w.partnerIs(added, [2]string{"02 333 44 55", "01 777 88 99"}, phones)
	w.partnerIs(planned, [2]string{landline, "051 000 111"}, phones)
	w.partnerIs(emptied, [2]string{"040 000 222", "031 999 000"}, phones)
	w.set(live, mapping.FieldPhone, "040 000 333")
	w.partnerIs(live, [2]string{"-", "040 000 333"}, phones)
	w.quiet(s)
	require.Zero(t, w.count("SELECT count(*) FROM mksync_conflicts"))
	for _, id := range []string{planned, emptied, added, moved, live} {
		require.Equal(t, "synced: ", w.mapping(id))
	}
}

func TestSomebodyElsesNameIsInTheJournalWhenAPersonBecomesACompany(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	s := w.up()
	id := w.add(mapping.Contact{Name: "Ana Novak", Email: "ana@novak-names.si"})
	w.status(id, "synced")
	w.edit(w.partner(id), func(p *metakocka.Partner) { p.Contacts[0].Name = "Maja Kos" })
	w.idle(s)
	require.Equal(t, "Ana Novak", w.contact(id).Name)
	w.set(id, mapping.FieldCompanyName, "Novak d.o.o.")
	w.partnerIs(id, [2]string{"Novak d.o.o.", "Ana Novak"}, func(p metakocka.Partner) any { return [2]string{p.Customer, p.Contacts[0].Name} })
	w.quiet(s)
	require.Equal(t, "name|Ana Novak|Maja Kos|crm|decided", w.one("SELECT concat_ws('|', field, crm_value, partner_value, winner, status) FROM mksync_conflicts"))
	require.Equal(t, "synced: ", w.mapping(id))
}
