package syncer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestNoNameIsMadeUpForANewEntry: a partner's only entry was removed.
func TestNoNameIsMadeUpForANewEntry(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	id, p := h.Linked(mapping.Contact{Name: "Ana Novak", CompanyName: "Firma d.o.o.", Email: "ana@firma.si", TaxNumber: "SI12345679"})
	h.Edit(p, func(p *metakocka.Partner) { p.Contacts = nil })
	h.Pull(p.MKID)
	require.Empty(t, h.Contact(id).Email)
	require.Equal(t, "Ana Novak", h.Contact(id).Name)
	h.Set(id, mapping.FieldEmail, "nova@firma.si")
	h.Pushed(id, false)
	require.Equal(t, "Ana Novak", h.Contact(id).Name)
}

// TestNoNameIsMadeUpWhereTheCompanyIsCleared: the partner's entry has no name.
func TestNoNameIsMadeUpWhereTheCompanyIsCleared(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	id, p := h.Linked(mapping.Contact{Name: "Ana Novak", CompanyName: "Firma d.o.o.", Email: "ana@firma.si", TaxNumber: "SI12345679"})
	h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Name = "" })
	h.Pull(p.MKID)
	require.Equal(t, "Ana Novak", h.Contact(id).Name)
	h.Set(id, mapping.FieldCompanyName, "")
	h.Pushed(id, false)
	require.Equal(t, "Ana Novak", h.Contact(id).Name)
}

// A partner's contact entry has two numbers, phone and gsm. One is the contact's, the
// other the ERP's own.

func phones(p metakocka.Partner) any {
	return [2]string{p.Contacts[0].Phone, p.Contacts[0].GSM}
}

// withPhones is a partner as it was in the ERP before any contact.
func withPhones(id, email, phone, gsm string) metakocka.Partner {
	p := world.Person(id, "Oseba "+id, "", email)
	p.Contacts[0].Phone, p.Contacts[0].GSM = phone, gsm
	return p
}

func TestTheOtherNumberIsTheERPsOwn(t *testing.T) {
	t.Parallel()
	const mobile, landline = "041 100 200", "01 222 33 44"
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{
		withPhones("7001", "both@phones.si", landline, "041 555 111"),
		withPhones("7002", "emptied@phones.si", landline, mobile),
	}})
	planned := w.Add(mapping.Contact{Name: "Oseba 7001", Email: "both@phones.si", Phone: "+386 41 555 111"})
	emptied := w.Add(mapping.Contact{Name: "Oseba 7002", Email: "emptied@phones.si", Phone: landline})
	s := w.Up()
	w.Status(planned, "synced")
	w.Status(emptied, "synced")
	require.Equal(t, world.Written{}, w.Quiet(s), "a first match agrees by either number")

	w.Set(emptied, mapping.FieldPhone, "")
	w.PartnerIs(emptied, [2]string{"", mobile}, phones)

	added := w.Add(mapping.Contact{Name: "Dodana", Email: "added@phones.si", Phone: mobile})
	moved := w.Add(mapping.Contact{Name: "Premaknjen", Email: "moved@phones.si", Phone: mobile})
	live := w.Add(mapping.Contact{Name: "Oseba 7003", Email: "live@phones.si", Phone: ""})
	for _, id := range []string{added, moved, live} {
		w.Status(id, "synced")
	}
	w.Edit(w.Partner(added), func(p *metakocka.Partner) { p.Contacts[0].Phone = landline })
	w.Edit(w.Partner(moved), func(p *metakocka.Partner) { p.Contacts[0].Phone, p.Contacts[0].GSM = mobile, "" })
	w.Edit(w.Partner(live), func(p *metakocka.Partner) { p.Contacts[0].Phone = "-" })
	w.Edit(w.Partner(emptied), func(p *metakocka.Partner) { p.Contacts[0].GSM = "031 999 000" })
	before := w.Written()
	w.Polls(2)
	require.Equal(t, before, w.Quiet(s))
	for id, want := range map[string]string{planned: "+386 41 555 111", emptied: "", added: mobile, moved: mobile, live: ""} {
		require.Equal(t, want, w.Contact(id).Phone)
		require.Equal(t, "synced: ", w.Mapping(id))
	}

	// The link remembers, whatever either number becomes.
	w.Edit(w.Partner(added), func(p *metakocka.Partner) { p.Contacts[0].Phone, p.Contacts[0].GSM = "02 333 44 55", "031 222 333" })
	w.Edit(w.Partner(moved), func(p *metakocka.Partner) { p.Contacts[0].Phone = "031 222 333" })
	w.ContactIs(added, mapping.FieldPhone, "031 222 333")
	w.ContactIs(moved, mapping.FieldPhone, "031 222 333")
	w.Set(added, mapping.FieldPhone, "01 777 88 99")
	w.Set(planned, mapping.FieldPhone, "051 000 111")
	w.Set(emptied, mapping.FieldPhone, "040 000 222")
	w.PartnerIs(added, [2]string{"02 333 44 55", "01 777 88 99"}, phones)
	w.PartnerIs(planned, [2]string{landline, "051 000 111"}, phones)
	w.PartnerIs(emptied, [2]string{"040 000 222", "031 999 000"}, phones)
	w.Set(live, mapping.FieldPhone, "040 000 333")
	w.PartnerIs(live, [2]string{"-", "040 000 333"}, phones)
	w.Quiet(s)
	require.Zero(t, w.Count("SELECT count(*) FROM mksync_conflicts"))
	for _, id := range []string{planned, emptied, added, moved, live} {
		require.Equal(t, "synced: ", w.Mapping(id))
	}
}

func TestSomebodyElsesNameIsInTheJournalWhenAPersonBecomesACompany(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	s := w.Up()
	id := w.Add(mapping.Contact{Name: "Ana Novak", Email: "ana@novak-names.si"})
	w.Status(id, "synced")
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].Name = "Maja Kos" })
	w.Idle(s)
	require.Equal(t, "Ana Novak", w.Contact(id).Name)
	w.Set(id, mapping.FieldCompanyName, "Novak d.o.o.")
	w.PartnerIs(id, [2]string{"Novak d.o.o.", "Ana Novak"}, func(p metakocka.Partner) any { return [2]string{p.Customer, p.Contacts[0].Name} })
	w.Quiet(s)
	require.Equal(t, "name|Ana Novak|Maja Kos|crm|decided", w.One("SELECT concat_ws('|', field, crm_value, partner_value, winner, status) FROM mksync_conflicts"))
	require.Equal(t, "synced: ", w.Mapping(id))
}
