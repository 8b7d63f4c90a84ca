package main

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestWhatWasWrittenIsNoConflictAfterTheCRMRefused: one field is refused by the CRM, and others were written meanwhile.
func TestWhatWasWrittenIsNoConflictAfterTheCRMRefused(t *testing.T) {
	t.Parallel()
	for _, rule := range []mapping.Rule{mapping.RuleManual, mapping.RuleMetaKocka, mapping.RuleNewest} {
		t.Run(string(rule), func(t *testing.T) {
			h := byHand(t, sim.Options{}, func(w *world) {
				w.cfg.ConflictRule = rule
				w.exec("ALTER TABLE contacts ALTER phone TYPE varchar(12)")
			})
			id, p := h.linked(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si"})
			h.edit(p, func(p *metakocka.Partner) { p.Contacts[0].Phone = "+386 40 123 456" })
			_, _ = h.push(id, false) // the CRM refuses the phone
			h.exec("UPDATE contacts SET email = 'eva1@primer.si', updated_at = now() WHERE id = $1", id)
			_, err := h.push(id, false)
			require.ErrorContains(t, err, "at most 12")
			now, _ := h.erp.Partner(p.MKID)
			require.Equal(t, "eva1@primer.si", now.Contacts[0].Email)
			h.exec("UPDATE contacts SET email = 'eva2@primer.si', updated_at = now() WHERE id = $1", id)
			_, err = h.push(id, false)
			require.ErrorContains(t, err, "at most 12")
			h.edit(p, func(p *metakocka.Partner) { p.Contacts[0].Phone = "040 123 456" })
			h.pushed(id, false)
			require.Equal(t, "0", h.one("SELECT count(*)::text FROM mksync_conflicts"))
			require.Equal(t, "eva2@primer.si", h.contact(id).Email)
		})
	}
}

// TestADecisionOutlastsARefusalByTheCRM: it is carried out once the CRM takes the value.
func TestADecisionOutlastsARefusalByTheCRM(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, func(w *world) {
		w.cfg.ConflictRule = mapping.RuleManual
		w.exec("ALTER TABLE contacts ALTER phone TYPE varchar(12)")
	})
	id, p := h.linked(mapping.Contact{Name: "Ana", Email: "ana@firma.si"})
	h.edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "+386 41 111 111" })
	h.set(id, mapping.FieldPhone, "041 222 222")
	h.pushed(id, false)
	number := h.one("SELECT id::text FROM mksync_conflicts WHERE status = 'parked'")
	_, err := h.s.API(h.s.Monitor()).ResolveConflict(t.Context(), operations.ResolveRequest{ID: number, Take: mapping.SideMetaKocka})
	require.ErrorContains(t, err, "is stored")
	h.exec("ALTER TABLE contacts ALTER phone TYPE varchar(40)")
	require.NoError(t, h.s.Store.Refresh(t.Context()))
	h.pushed(id, false)
	require.Equal(t, "+386 41 111 111", h.contact(id).Phone, h.mapping(id))
}

// TestAnUndoneConflictWithoutAnswerIsFinished: MetaKocka was written, and the contact not yet.
func TestAnUndoneConflictWithoutAnswerIsFinished(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, func(w *world) { w.cfg.ConflictRule = mapping.RuleCRM })
	id, p := h.linked(mapping.Contact{Name: "Ana", Email: "ana@firma.si"})
	h.edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 111 111" })
	h.set(id, mapping.FieldPhone, "041 222 222")
	h.pushed(id, false)
	h.pull(p.MKID)
	number := h.one("SELECT id::text FROM mksync_conflicts")
	require.NoError(t, h.erp.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	_, err := h.s.API(h.s.Monitor()).UndoConflict(t.Context(), operations.EntryRequest{ID: number})
	require.Error(t, err)
	time.Sleep(1500 * time.Millisecond)
	h.pushed(id, false)
	h.pull(p.MKID)
	h.pushed(id, false)
	now, _ := h.erp.Partner(p.MKID)
	require.Equal(t, mapping.Canonical(mapping.FieldPhone, h.contact(id).Phone), mapping.Canonical(mapping.FieldPhone, now.Contacts[0].GSM+now.Contacts[0].Phone))
}

// TestAConflictOfAnInvalidValueIsNotDecided: it is not sent, so nothing of the ERP's was replaced.
func TestAConflictOfAnInvalidValueIsNotDecided(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, func(w *world) { w.cfg.ConflictRule = mapping.RuleCRM })
	id, p := h.linked(mapping.Contact{Name: "Ana", Email: "ana@firma.si"})
	h.edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email = "erp@firma.si" })
	h.set(id, mapping.FieldEmail, "no address")
	for range 3 {
		_, err := h.push(id, false)
		require.NoError(t, err)
	}
	now, _ := h.erp.Partner(p.MKID)
	require.Equal(t, "erp@firma.si", now.Contacts[0].Email)
	require.Equal(t, "0", h.one("SELECT count(*)::text FROM mksync_conflicts WHERE status = 'decided'"), h.mapping(id))
}

// TestNoNameIsMadeUpForANewEntry: a partner's only entry was removed.
func TestNoNameIsMadeUpForANewEntry(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, nil)
	id, p := h.linked(mapping.Contact{Name: "Ana Novak", CompanyName: "Firma d.o.o.", Email: "ana@firma.si", TaxNumber: "SI12345679"})
	h.edit(p, func(p *metakocka.Partner) { p.Contacts = nil })
	h.pull(p.MKID)
	require.Empty(t, h.contact(id).Email)
	require.Equal(t, "Ana Novak", h.contact(id).Name)
	h.set(id, mapping.FieldEmail, "nova@firma.si")
	h.pushed(id, false)
	require.Equal(t, "Ana Novak", h.contact(id).Name)
}

// TestNoNameIsMadeUpWhereTheCompanyIsCleared: the partner's entry has no name.
func TestNoNameIsMadeUpWhereTheCompanyIsCleared(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, nil)
	id, p := h.linked(mapping.Contact{Name: "Ana Novak", CompanyName: "Firma d.o.o.", Email: "ana@firma.si", TaxNumber: "SI12345679"})
	h.edit(p, func(p *metakocka.Partner) { p.Contacts[0].Name = "" })
	h.pull(p.MKID)
	require.Equal(t, "Ana Novak", h.contact(id).Name)
	h.set(id, mapping.FieldCompanyName, "")
	h.pushed(id, false)
	require.Equal(t, "Ana Novak", h.contact(id).Name)
}

// TestADeletionThatWouldTakeMoreWithItIsHeld: other tables refer to the contact of a partner
// that is gone, in each way a foreign key can.
func TestADeletionThatWouldTakeMoreWithItIsHeld(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, func(w *world) {
		w.cfg.RemoteDeletePolicy = "delete"
		w.exec("CREATE TABLE deals (id int PRIMARY KEY, contact_id uuid REFERENCES contacts (id) ON DELETE CASCADE)")
		w.exec("CREATE TABLE notes (id int PRIMARY KEY, contact_id uuid REFERENCES contacts (id) ON DELETE SET NULL)")
		w.exec("CREATE TABLE bills (id int PRIMARY KEY, contact_id uuid REFERENCES contacts (id) DEFERRABLE INITIALLY DEFERRED)")
	})
	gone := func(p metakocka.Partner) (syncer.Result, error) {
		trigger := syncer.Trigger{Cause: syncer.CausePartner, Missing: true}
		var res syncer.Result
		var err error
		h.eventually(func() error {
			res, err = h.s.Reconciler.Partner(t.Context(), p.MKID, trigger)
			var pending *syncer.PendingError
			if errors.As(err, &pending) {
				return err
			}
			return nil
		})
		return res, err
	}
	for _, table := range []string{"deals", "notes", "bills"} {
		id, p := h.linked(mapping.Contact{Name: "Ana " + table, Email: table + "@firma.si"})
		h.exec("INSERT INTO "+table+" VALUES (1, $1)", id)
		require.NoError(t, h.erp.DeletePartner(p.MKID))
		_, err := gone(p)
		require.NoError(t, err)
		require.Contains(t, h.mapping(id), "held: the partner is gone from MetaKocka; deleting the contact waits for approval; rows of "+table+".contact_id refer to the contact")
		require.Contains(t, h.one("SELECT reason FROM mksync_deletions d JOIN metakocka_contact_mappings m ON m.id = d.link_id WHERE contact_id = $1", id), table+".contact_id")
		require.Equal(t, 1, h.count("SELECT count(*) FROM "+table+" WHERE contact_id = $1", id))

		// A person has read it. What the database keeps all the same is refused.
		h.exec("UPDATE mksync_deletions SET status = 'approved' WHERE status = 'held'")
		_, err = gone(p)
		kept := table == "bills"
		require.Equal(t, kept, err != nil, "%v", err)
		require.Equal(t, kept, h.count("SELECT count(*) FROM contacts WHERE id = $1", id) == 1)
	}
}

// TestADeferredUniqueConstraintRefusesAnEdit: as one that is checked at once.
func TestADeferredUniqueConstraintRefusesAnEdit(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, func(w *world) {
		w.exec("ALTER TABLE contacts ADD UNIQUE (tax_number) DEFERRABLE INITIALLY DEFERRED")
	})
	h.linked(mapping.Contact{Name: "Bor", Email: "bor@firma.si", TaxNumber: "SI11234059"})
	id, p := h.linked(mapping.Contact{Name: "Ana Novak", Email: "ana@firma.si"})
	h.edit(p, func(p *metakocka.Partner) { p.TaxIDNumber = "SI11234059" })
	now, _ := h.erp.Partner(p.MKID)
	_, err := h.s.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: syncer.CausePartner, Observed: &now})
	var rejected *syncer.RejectError
	require.ErrorAs(t, err, &rejected, "mapping: %s", h.mapping(id))
}

// TestADeletionIsKeptWhileThePartnerIsHeldAsMissing: it is not forgotten when the partner shows up again.
func TestADeletionIsKeptWhileThePartnerIsHeldAsMissing(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, func(w *world) { w.cfg.DeletePolicy = "anonymize" })
	id, p := h.linked(mapping.Contact{Name: "Ana", Email: "ana@firma.si"})
	require.NoError(t, h.store().HoldMissing(t.Context(), []string{p.MKID}, "12 of 13 linked partners are missing"))
	h.exec("DELETE FROM contacts WHERE id = $1", id)
	h.pushed(id, true)
	require.NoError(t, h.s.Poller.Poll(t.Context()))
	h.pull(p.MKID)
	now, _ := h.erp.Partner(p.MKID)
	open := h.one("SELECT count(*)::text FROM mksync_deletions WHERE status IN ('held', 'approved')")
	require.True(t, now.Customer != "Ana" || open != "0", "the contact's deletion is forgotten")
}
