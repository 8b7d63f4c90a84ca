package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

func (w *world) contactOf(metakockaID string) string {
	w.t.Helper()
	var id string
	w.eventually(func() error {
		return w.db.QueryRow(w.t.Context(), "SELECT contact_id::text FROM metakocka_contact_mappings WHERE metakocka_id = $1", metakockaID).Scan(&id)
	})
	return id
}

func TestPartnersAreImportedOnce(t *testing.T) {
	t.Parallel()
	opts := keepsAll
	opts.Partners = []metakocka.Partner{
		rich(), person("7002", "Ana", "", "ana@partner.si"),
		{MKID: "7003", Customer: "Brez d.o.o.", BusinessEntity: true},
		{MKID: "7004", Customer: "Odd", Addresses: []metakocka.Address{{Country: "Atlantida"}}},
	}
	w := newAuditedWorld(t, opts)
	w.cfg.AutoImport = true
	ana := w.add(mapping.Contact{Name: "Ana", Email: "ANA@partner.si"}) // is there already
	s := w.up()
	id := w.contactOf("7001")
	require.Equal(t, mapping.Contact{
		Name: "Žiga Kovač", CompanyName: "Kovač d.o.o.", Email: "ziga@kovac.si", Phone: "01 234 56 78", Country: "SI",
		Address: "Slovenska cesta 1, Ljubljana, 1000", TaxNumber: "SI12345679", Notes: "Old notes",
	}, w.contact(id))
	require.Equal(t, mapping.Contact{Name: "Brez d.o.o.", CompanyName: "Brez d.o.o."}, w.contact(w.contactOf("7003")))
	require.Equal(t, mapping.Contact{Name: "Odd"}, w.contact(w.contactOf("7004")))
	require.Equal(t, ana, w.contactOf("7002"))
	require.Equal(t, written{Contacts: 3}, w.quiet(s))
	require.Equal(t, `partial: country: "Atlantida" is no known country`, w.mapping(w.contactOf("7004")))

	w.set(w.contactOf("7003"), mapping.FieldPhone, "041 222 333")
	w.partnerIs(w.contactOf("7003"), "041 222 333", func(p metakocka.Partner) any {
		if len(p.Contacts) == 0 {
			return ""
		}
		return p.Contacts[0].GSM
	})
	w.quiet(s)
	require.Equal(t, "041 222 333", w.contact(w.contactOf("7003")).Phone)
	require.Equal(t, 4, w.count("SELECT count(*) FROM contacts"))
}

// TestNoSecondContactWhileACreationIsInFlight: the poller sees the new partner
// before its maker knows that it is made.
func TestNoSecondContactWhileACreationIsInFlight(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	w.cfg.AutoImport = true
	s := w.up()
	w.polls(1)
	require.NoError(t, w.erp.FailNext(metakocka.EndpointAdd, sim.FaultAfter, sim.NoFault, sim.FaultHalf))
	long := strings.Repeat("Zelo dolgo ime ", 10) + "d.o.o." // is cut to 100 characters
	ids := []string{
		w.add(mapping.Contact{Name: "Ana", CompanyName: long}),
		w.add(mapping.Contact{Name: "Bor", Email: "bor@partner.si"}),
		w.add(mapping.Contact{Name: "Cene"}),
	}
	for _, id := range ids {
		w.partner(id)
	}
	require.Equal(t, written{Adds: 3}, w.quiet(s))
	require.Len(t, w.erp.Partners(), 3)
	require.Equal(t, 3, w.count("SELECT count(*) FROM contacts"))
	require.Equal(t, "partial: company_name: cut to 100 characters by MetaKocka", w.mapping(ids[0]))
	require.Equal(t, long, w.contact(ids[0]).CompanyName)
}

// TestAPollSeesNewNames: a poll in between asks for few letters only, and the
// new names hold none of those that brought the others.
func TestAPollSeesNewNames(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{Partners: []metakocka.Partner{person("7001", "Xyz", "", "xyz@partner.si")}})
	w.cfg.AutoImport = true
	s := w.up()
	w.contactOf("7001")
	w.polls(2)
	id := w.add(mapping.Contact{Name: "Krk", Email: "krk@partner.si"})
	w.edit(w.partner(id), func(p *metakocka.Partner) { p.Contacts[0].Email = "other@partner.si" })
	w.contactIs(id, mapping.FieldEmail, "other@partner.si")
	_, err := w.erp.AddPartner(person("7003", "Ana", "", "ana@partner.si"))
	require.NoError(t, err)
	require.Equal(t, "Ana", w.contact(w.contactOf("7003")).Name)
	w.edit(w.partner(id), func(p *metakocka.Partner) { p.Customer = "Qwq" })
	w.contactIs(id, mapping.FieldName, "Qwq")
	w.quiet(s)
}

func TestAPartnerThatIsDeletedUnlinks(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	w.cfg.AutoImport = true
	s := w.up()
	id := w.add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	p := w.partner(id)
	w.idle(s)
	require.NoError(t, w.erp.DeletePartner(p.MKID))
	w.status(id, "unlinked")
	w.set(id, mapping.FieldPhone, "041 111 222")
	n := w.quiet(s)
	require.Equal(t, written{Adds: 1}, n)
	require.Contains(t, w.mapping(id), "unlinked: the partner is gone from MetaKocka; `mksync sync`")
	require.Empty(t, w.erp.Partners())
	require.Empty(t, w.letters(s))
}

func TestRemoteDeletePolicyDelete(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	w.cfg.RemoteDeletePolicy = "delete"
	s := w.up()
	gone, edited := w.add(mapping.Contact{Name: "Ana"}), w.add(mapping.Contact{Name: "Bor"})
	pg, pe := w.partner(gone), w.partner(edited)
	w.idle(s)
	require.NoError(t, w.erp.SetFaults(sim.Faults{Down: true})) // so that both happen before either is seen
	require.NoError(t, w.erp.DeletePartner(pg.MKID))
	require.NoError(t, w.erp.DeletePartner(pe.MKID))
	w.set(edited, mapping.FieldPhone, "041 111 222")
	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	w.status(gone, "unlinked")
	w.status(edited, "unlinked")
	require.Equal(t, written{Adds: 2, Contacts: 1}, w.quiet(s))
	require.Equal(t, edited, w.one("SELECT string_agg(id::text, ',') FROM contacts"))
	require.Equal(t, "unlinked: the partner is gone from MetaKocka; the contact was deleted", w.mapping(gone))
}

func TestDeletePoliciesAndComingBack(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]struct {
		customer, email, street, tax string
		buyer                        bool
		updates                      int
	}{
		"unlink":     {"Kovač d.o.o.", "ziga@kovac.si", "Slovenska cesta 1", "SI12345679", true, 0},
		"deactivate": {"Kovač d.o.o.", "ziga@kovac.si", "Slovenska cesta 1", "SI12345679", false, 1},
		"anonymize":  {"Anonymized", "", "", "", false, 2}, // empty values, then markers
	} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			w := newAuditedWorld(t, keepsAll)
			w.cfg.DeletePolicy = policy
			w.cfg.AutoImport = true
			s := w.up()
			id := w.add(company())
			p := w.partner(id)
			w.idle(s)
			w.exec("DELETE FROM contacts WHERE id = $1", id)
			w.status(id, "deleted")
			require.Equal(t, written{Adds: 1, Updates: want.updates}, w.quiet(s))
			require.Equal(t, "deleted: ", w.mapping(id))
			got, _ := w.erp.Partner(p.MKID)
			require.Contains(t, got.Customer, want.customer)
			require.Equal(t, []any{want.email, want.street, want.tax, want.buyer},
				[]any{got.Contacts[0].Email, got.Addresses[0].Street, got.TaxIDNumber, *got.Buyer})
			require.NotContains(t, fmt.Sprint(got), metakocka.RemoveValue)
			require.Zero(t, w.count("SELECT count(*) FROM contacts"), "not imported again")

			c := company()
			c.Phone, c.Email = "", "nov@kovac.si"
			w.exec(`INSERT INTO contacts (id, name, company_name, email, address, country, tax_number, notes, website) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
				id, c.Name, c.CompanyName, c.Email, c.Address, c.Country, c.TaxNumber, c.Notes, c.Website)
			w.status(id, "synced")
			w.quiet(s)
			require.Equal(t, p.MKID, w.partner(id).MKID)
			require.Len(t, w.erp.Partners(), 1)
			got = w.partner(id)
			require.Equal(t, []any{"Kovač d.o.o.", "Žiga Kovač", "nov@kovac.si", "SI12345679", true},
				[]any{got.Customer, got.Contacts[0].Name, got.Contacts[0].Email, got.TaxIDNumber, *got.Buyer})
			w.set(id, mapping.FieldPhone, "041 222 333")
			w.partnerIs(id, "041 222 333", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
		})
	}
}

func TestAContactThatIsDeletedBeforeItsPartnerIsKnown(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	w.cfg.AutoImport = true
	w.cfg.DeletePolicy = "deactivate"
	s := w.up()
	w.polls(1)
	require.NoError(t, w.erp.SetFaults(sim.Faults{EndpointLatency: map[string]time.Duration{metakocka.EndpointAdd: 100 * time.Millisecond}}))
	id := w.add(mapping.Contact{Name: "Ana"})
	w.exec("DELETE FROM contacts WHERE id = $1", id)
	w.idle(s)
	require.Zero(t, w.count("SELECT count(*) FROM contacts"))
	for _, p := range w.erp.Partners() {
		require.False(t, *p.Buyer)
	}
	require.NoError(t, w.erp.FailNext(metakocka.EndpointAdd, sim.FaultAfter))
	id = w.add(mapping.Contact{Name: "Bor"})
	w.eventually(func() error {
		if w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE contact_id = $1 AND intent IS NOT NULL", id) == 0 {
			return errors.New("not begun")
		}
		return nil
	})
	w.exec("DELETE FROM contacts WHERE id = $1", id)
	w.status(id, "deleted")
	w.quiet(s)
	require.Zero(t, w.count("SELECT count(*) FROM contacts"))
	for _, p := range w.erp.Partners() {
		require.False(t, *p.Buyer, p.Customer)
	}
}

// TestAContactEditedWhileItIsDeletedStays: the edit commits after the contact
// was read and before it is deleted.
func TestAContactEditedWhileItIsDeletedStays(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	w.cfg.RemoteDeletePolicy = "delete"
	s := w.up()
	id := w.add(mapping.Contact{Name: "Ana"})
	p := w.partner(id)
	w.idle(s)
	edit, err := w.db.Begin(t.Context())
	require.NoError(t, err)
	_, err = edit.Exec(t.Context(), "UPDATE contacts SET phone = '041 111 222' WHERE id = $1", id)
	require.NoError(t, err)
	require.NoError(t, w.erp.DeletePartner(p.MKID))
	w.eventually(func() error {
		if w.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'DELETE FROM%' AND wait_event_type = 'Lock'") == 0 {
			return errors.New("the contact is not about to be deleted")
		}
		return nil
	})
	require.NoError(t, edit.Commit(t.Context()))
	w.status(id, "unlinked")
	require.Equal(t, "041 111 222", w.contact(id).Phone)
	require.Equal(t, "unlinked: the partner is gone from MetaKocka; `mksync sync` with this contact's id makes it anew", w.mapping(id))
}

// TestAContactThatOthersReferToIsNotDeleted: where a person approves it all the same, the
// database refuses the deletion; that is said once, not tried for ever.
func TestAContactThatOthersReferToIsNotDeleted(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	w.cfg.RemoteDeletePolicy = "delete"
	s := w.up()
	id := w.add(mapping.Contact{Name: "Ana"})
	p := w.partner(id)
	w.idle(s)
	w.exec("CREATE TABLE orders (contact_id uuid REFERENCES contacts (id))")
	w.exec("INSERT INTO orders VALUES ($1)", id)
	require.NoError(t, w.erp.DeletePartner(p.MKID))
	w.status(id, "held")
	w.problem(s, "1 deletion waits for approval: mksync deletions list")
	w.mksync("deletions", "approve", id)
	w.status(id, "error")
	w.noProblem(s) // it is the contact's error, and was decided
	const reason = "the partner is gone from MetaKocka; the contact cannot be deleted: constraint \"orders_contact_id_fkey\" keeps it"
	require.Equal(t, "error: "+reason, w.mapping(id))
	w.idle(s)
	require.Equal(t, "error: "+reason, w.mapping(id))
	require.Equal(t, "Ana", w.contact(id).Name)
}
