package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
)

// redirect lets the phone go another way from now on.
func (w *world) redirect(s *service.Service, d mapping.Direction) {
	w.t.Helper()
	f := w.cfg.Fields[mapping.FieldPhone]
	f.Direction = d
	w.cfg.Fields[mapping.FieldPhone] = f
	if s != nil {
		s.Config = w.cfg
		require.NoError(w.t, s.Assemble(w.t.Context()))
	}
}

func (w *world) reconciled(s *service.Service, id string) {
	w.t.Helper()
	_, err := s.Reconciler.Contact(w.t.Context(), id, syncer.Trigger{Cause: syncer.CauseCheck})
	require.NoError(w.t, err)
}

// TestWhatWasNotCarriedWasNotAgreedOn: a field that went one way, or none, has
// whatever either side holds when it goes both ways: one value fills the other side,
// two are a conflict, and an edit made meanwhile is an edit.
func TestWhatWasNotCarriedWasNotAgreedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.ConflictRule = mapping.RuleManual
	s := w.parts()
	const crm, erp = "041 111 111", "041 999 999"
	dial := func(phone string) func(p *metakocka.Partner) {
		return func(p *metakocka.Partner) { p.Contacts[0].GSM = phone }
	}
	for _, was := range []mapping.Direction{mapping.DirectionOff, mapping.DirectionToCRM} { // of a partner that is made
		w.redirect(s, was)
		alone, both := w.linked(s, string(was)+"-alone@primer.si"), w.linked(s, string(was)+"-both@primer.si")
		w.edit(w.partner(both), dial(erp))
		require.Empty(t, w.partner(alone).Contacts[0].GSM)

		w.redirect(s, mapping.DirectionBoth)
		rep, err := s.Checker.Check(t.Context(), check.CheckRequest{})
		require.NoError(t, err)
		require.Equal(t, 2, rep.Differing)
		w.reconciled(s, alone)
		require.Equal(t, crm, w.partner(alone).Contacts[0].GSM)
		w.reconciled(s, both)
		require.Equal(t, "conflict: phone: both sides changed it, a person must decide", w.mapping(both))
		w.exec("DELETE FROM mksync_conflicts; DELETE FROM metakocka_contact_mappings; DELETE FROM contacts")
	}
	for _, was := range []mapping.Direction{mapping.DirectionOff, mapping.DirectionToMetaKocka} { // of a contact that is made
		w.redirect(s, was)
		imported := func(name string) string {
			p := person("", name, "", name+string(was)+"@primer.si")
			p.Contacts[0].GSM = erp
			p, err := w.erp.AddPartner(p)
			require.NoError(t, err)
			res, err := s.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: syncer.CauseRequest})
			require.NoError(t, err)
			return res.ContactID
		}
		alone, both := imported("alone"), imported("both")
		require.Empty(t, w.contact(alone).Phone)
		w.set(both, mapping.FieldPhone, crm)

		w.redirect(s, mapping.DirectionBoth)
		w.reconciled(s, alone)
		require.Equal(t, erp, w.contact(alone).Phone)
		w.reconciled(s, both)
		require.Equal(t, "conflict: phone: both sides changed it, a person must decide", w.mapping(both))
	}

	// What the ERP's users edited while it counted for nothing is neither lost nor a
	// base: it does not make the CRM's older value an agreement.
	id := w.linked(s, "later@primer.si")
	w.redirect(s, mapping.DirectionToMetaKocka)
	w.edit(w.partner(id), dial(erp))
	w.reconciled(s, id)
	require.Equal(t, "synced: ", w.mapping(id))
	require.Equal(t, crm, w.contact(id).Phone)
	calls := w.erp.Calls().Total()
	p := w.partner(id)
	_, err := s.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
	require.NoError(t, err)
	require.Equal(t, calls, w.erp.Calls().Total(), "an edit that counts for nothing is no reason to look")
	w.redirect(s, mapping.DirectionBoth)
	w.reconciled(s, id)
	require.Equal(t, erp, w.contact(id).Phone)
}

// TestAColumnThatIsMadeAnewEmptiesNothing: it is another column, of which nothing was
// agreed on, whether or not anybody looked while it was gone.
func TestAColumnThatIsMadeAnewEmptiesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	s := w.parts()
	looked, quiet := w.linked(s, "looked@primer.si"), w.linked(s, "quiet@primer.si")
	old := w.linked(s, "old@primer.si")
	w.exec("UPDATE metakocka_contact_mappings SET base = base - 'columns' WHERE contact_id = $1", old) // as an older version left it
	require.NoError(t, s.Store.StampBases(t.Context()))

	w.exec("ALTER TABLE contacts DROP COLUMN phone")
	require.NoError(t, s.Store.Refresh(t.Context()))
	w.set(looked, mapping.FieldNotes, "opomba")
	w.reconciled(s, looked)
	w.exec("ALTER TABLE contacts ADD COLUMN phone text")
	for _, id := range []string{looked, quiet, old} {
		w.reconciled(s, id)
		require.Equal(t, "041 111 111", w.partner(id).Contacts[0].GSM)
		require.Equal(t, "041 111 111", w.contact(id).Phone)
	}
	w.exec("ALTER TABLE contacts RENAME COLUMN phone TO telephone; ALTER TABLE contacts RENAME COLUMN telephone TO phone")
	w.set(quiet, mapping.FieldPhone, "")
	w.reconciled(s, quiet)
	require.Empty(t, w.partner(quiet).Contacts[0].GSM, "emptied by a person")
}

// TestAChangeOfDirectionsIsNoticed: what goes another way since the last start, or is
// taken by the filter since, is brought in order although no event is about it.
func TestAChangeOfDirectionsIsNoticed(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	w.redirect(nil, mapping.DirectionOff)
	w.exec("ALTER TABLE contacts ADD COLUMN kind text")
	w.cfg.Filter = []config.Condition{{Column: "kind", Null: true}}
	s, stop := w.start()
	lead := w.one("INSERT INTO contacts (name, kind) VALUES ('Bor', 'lead') RETURNING id::text")
	id := w.add(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "041 111 111"})
	w.status(id, "synced")
	w.idle(s)
	w.eventually(func() error {
		if w.count("SELECT count(*) FROM mksync_state WHERE key = 'check' AND value->>'terms' <> '' AND value->>'forgotAt' <> ''") == 0 {
			return errors.New("the terms are not remembered yet, or what is old was not forgotten")
		}
		return nil
	})
	stop()
	require.Equal(t, "none", w.mapping(lead))
	w.redirect(nil, mapping.DirectionBoth)
	w.cfg.Filter = nil
	w.up()
	w.status(lead, "synced")
	w.partnerIs(id, "041 111 111", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
}
