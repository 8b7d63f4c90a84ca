package syncer_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
)

// TestWhatWasNotCarriedWasNotAgreedOn: a field that went one way, or none, has
// whatever either side holds when it goes both ways: one value fills the other side,
// two are a conflict, and an edit made meanwhile is an edit.
func TestWhatWasNotCarriedWasNotAgreedOn(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule = mapping.RuleManual
	s := w.Parts()
	const crm, erp = "041 111 111", "041 999 999"
	dial := func(phone string) func(p *metakocka.Partner) {
		return func(p *metakocka.Partner) { p.Contacts[0].GSM = phone }
	}
	for _, was := range []mapping.Direction{mapping.DirectionOff, mapping.DirectionToCRM} { // of a partner that is made
		w.Redirect(s, was)
		alone, both := w.Linked(s, string(was)+"-alone@primer.si"), w.Linked(s, string(was)+"-both@primer.si")
		w.Edit(w.Partner(both), dial(erp))
		require.Empty(t, w.Partner(alone).Contacts[0].GSM)

		w.Redirect(s, mapping.DirectionBoth)
		rep, err := s.Checker.Check(t.Context(), check.CheckRequest{})
		require.NoError(t, err)
		require.Equal(t, 2, rep.Differing)
		w.Reconciled(s, alone)
		require.Equal(t, crm, w.Partner(alone).Contacts[0].GSM)
		w.Reconciled(s, both)
		require.Equal(t, "conflict: phone: both sides changed it, a person must decide", w.Mapping(both))
		w.Exec("DELETE FROM mksync_conflicts; DELETE FROM metakocka_contact_mappings; DELETE FROM contacts")
	}
	for _, was := range []mapping.Direction{mapping.DirectionOff, mapping.DirectionToMetaKocka} { // of a contact that is made
		w.Redirect(s, was)
		imported := func(name string) string {
			p := world.Person("", name, "", name+string(was)+"@primer.si")
			p.Contacts[0].GSM = erp
			p, err := w.ERP.AddPartner(p)
			require.NoError(t, err)
			res, err := s.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: syncer.CauseRequest})
			require.NoError(t, err)
			return res.ContactID
		}
		alone, both := imported("alone"), imported("both")
		require.Empty(t, w.Contact(alone).Phone)
		w.Set(both, mapping.FieldPhone, crm)

		w.Redirect(s, mapping.DirectionBoth)
		w.Reconciled(s, alone)
		require.Equal(t, erp, w.Contact(alone).Phone)
		w.Reconciled(s, both)
		require.Equal(t, "conflict: phone: both sides changed it, a person must decide", w.Mapping(both))
	}

	// What the ERP's users edited while it counted for nothing is neither lost nor a
	// base: it does not make the CRM's older value an agreement.
	id := w.Linked(s, "later@primer.si")
	w.Redirect(s, mapping.DirectionToMetaKocka)
	w.Edit(w.Partner(id), dial(erp))
	w.Reconciled(s, id)
	require.Equal(t, "synced: ", w.Mapping(id))
	require.Equal(t, crm, w.Contact(id).Phone)
	calls := w.ERP.Calls().Total()
	p := w.Partner(id)
	_, err := s.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
	require.NoError(t, err)
	require.Equal(t, calls, w.ERP.Calls().Total(), "an edit that counts for nothing is no reason to look")
	w.Redirect(s, mapping.DirectionBoth)
	w.Reconciled(s, id)
	require.Equal(t, erp, w.Contact(id).Phone)
}

// TestAColumnThatIsMadeAnewEmptiesNothing: it is another column, of which nothing was
// agreed on, whether or not anybody looked while it was gone.
func TestAColumnThatIsMadeAnewEmptiesNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	s := w.Parts()
	looked, quiet := w.Linked(s, "looked@primer.si"), w.Linked(s, "quiet@primer.si")
	old := w.Linked(s, "old@primer.si")
	w.Exec("UPDATE metakocka_contact_mappings SET base = base - 'columns' WHERE contact_id = $1", old) // as an older version left it
	require.NoError(t, s.Store.StampBases(t.Context()))

	w.Exec("ALTER TABLE contacts DROP COLUMN phone")
	require.NoError(t, s.Store.Refresh(t.Context()))
	w.Set(looked, mapping.FieldNotes, "opomba")
	w.Reconciled(s, looked)
	w.Exec("ALTER TABLE contacts ADD COLUMN phone text")
	for _, id := range []string{looked, quiet, old} {
		w.Reconciled(s, id)
		require.Equal(t, "041 111 111", w.Partner(id).Contacts[0].GSM)
		require.Equal(t, "041 111 111", w.Contact(id).Phone)
	}
	w.Exec("ALTER TABLE contacts RENAME COLUMN phone TO telephone; ALTER TABLE contacts RENAME COLUMN telephone TO phone")
	w.Set(quiet, mapping.FieldPhone, "")
	w.Reconciled(s, quiet)
	require.Empty(t, w.Partner(quiet).Contacts[0].GSM, "emptied by a person")
}

// TestAChangeOfDirectionsIsNoticed: what goes another way since the last start, or is
// taken by the filter since, is brought in order although no event is about it.
func TestAChangeOfDirectionsIsNoticed(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Redirect(nil, mapping.DirectionOff)
	w.Exec("ALTER TABLE contacts ADD COLUMN kind text")
	w.Config.Filter = []config.Condition{{Column: "kind", Null: true}}
	s, stop := w.Start()
	lead := w.One("INSERT INTO contacts (name, kind) VALUES ('Bor', 'lead') RETURNING id::text")
	id := w.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "041 111 111"})
	w.Status(id, "synced")
	w.Idle(s)
	w.Eventually(func() error {
		if w.Count("SELECT count(*) FROM mksync_state WHERE key = 'check' AND value->>'terms' <> '' AND value->>'forgotAt' <> ''") == 0 {
			return errors.New("the terms are not remembered yet, or what is old was not forgotten")
		}
		return nil
	})
	stop()
	require.Equal(t, "none", w.Mapping(lead))
	w.Redirect(nil, mapping.DirectionBoth)
	w.Config.Filter = nil
	w.Up()
	w.Status(lead, "synced")
	w.PartnerIs(id, "041 111 111", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
}
