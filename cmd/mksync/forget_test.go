package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// kept is everything that mksync's tables hold, as one text.
func (w *world) kept() string {
	w.t.Helper()
	return w.one(`SELECT concat((SELECT string_agg(m::text, ' ') FROM metakocka_contact_mappings m), (SELECT string_agg(p::text, ' ') FROM mksync_partners p),
		(SELECT string_agg(c::text, ' ') FROM mksync_conflicts c), (SELECT string_agg(x::text, ' ') FROM mksync_merges x),
		(SELECT string_agg(d::text, ' ') FROM mksync_deletions d), (SELECT string_agg(s::text, ' ') FROM mksync_state s))`)
}

// TestErasedIsErasedEverywhere: with the policy anonymize nothing of a deleted contact
// stays in mksync's tables, in its journals and its merges neither.
func TestErasedIsErasedEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{EmptyValue: sim.Cleared})
	w.cfg.DeletePolicy, w.cfg.ConflictRule = syncer.PolicyAnonymize, mapping.RuleCRM
	s := w.parts()
	id, twin := w.linked(s, "tajna@primer.si"), w.add(mapping.Contact{Name: "Oseba tajna", Website: "https://tajna.si"})
	_, err := s.Reconciler.Merge(t.Context(), twin, id, "")
	require.NoError(t, err)
	require.NoError(t, s.Poller.Poll(t.Context()))
	w.edit(w.partner(id), func(p *metakocka.Partner) { p.Contacts[0].Email = "druga.tajna@primer.si" })
	w.set(id, mapping.FieldEmail, "tretja.tajna@primer.si")
	w.reconciled(s, id)
	require.Contains(t, w.kept(), "druga.tajna", "of the conflict")

	w.exec("DELETE FROM contacts WHERE id = $1", id)
	_, err = s.Reconciler.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseContact, Deleted: true})
	require.NoError(t, err)
	require.Contains(t, w.mapping(id), "deleted: ")
	for _, secret := range []string{"tajna", "41111111", "111 111"} {
		require.NotContains(t, w.kept(), secret)
	}
	require.NoError(t, s.Poller.Poll(t.Context()))
	require.NotContains(t, w.kept(), "tajna")

	// So it is of a contact whose partner is gone already.
	id = w.linked(s, "druga.tajna@primer.si")
	require.NoError(t, w.erp.DeletePartner(w.partner(id).MKID))
	w.exec("DELETE FROM contacts WHERE id = $1", id)
	w.eventually(func() error { // it is asked for twice
		_, err := s.Reconciler.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseContact, Deleted: true})
		return err
	})
	require.NotContains(t, w.kept(), "tajna")
}

// TestWhatIsOldIsForgotten: closed journals, partners that are gone and tombstones keep
// nobody's data for longer than a merge can be undone.
func TestWhatIsOldIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	s := w.parts()
	id, late := w.linked(s, "stara@primer.si"), w.linked(s, "nedavna@primer.si")
	living := w.linked(s, "ziva@primer.si")
	w.exec(`UPDATE mksync_partners SET missing_since = now() - interval '91 days';
		INSERT INTO mksync_conflicts (link_id, field, base_crm, base_partner, crm_value, partner_value, rule, status, created_at)
			SELECT id, 'email', '', '', 'stara@primer.si', 'x', 'crm', status, now() - interval '91 days'
			FROM metakocka_contact_mappings, unnest(ARRAY['decided', 'parked']) AS status;
		INSERT INTO mksync_deletions (link_id, side, status, created_at) SELECT id, 'crm', status, now() - interval '91 days'
			FROM metakocka_contact_mappings, unnest(ARRAY['applied', 'held']) AS status;
		UPDATE metakocka_contact_mappings SET updated_at = now() - interval '91 days'`)
	w.exec("UPDATE metakocka_contact_mappings SET sync_status = 'deleted' WHERE contact_id IN ($1, $2)", id, late)
	w.exec("DELETE FROM contacts WHERE id IN ($1, $2)", id, late)

	// What is of the last weeks is kept.
	w.exec("UPDATE metakocka_contact_mappings SET updated_at = now() - interval '89 days' WHERE contact_id = $1", late)
	w.exec(`UPDATE mksync_partners SET missing_since = now() - interval '89 days' WHERE email = 'nedavna@primer.si'`)
	for _, journal := range []string{"mksync_conflicts", "mksync_deletions"} {
		w.exec("UPDATE "+journal+" SET created_at = now() - interval '89 days' WHERE link_id = (SELECT id FROM metakocka_contact_mappings WHERE contact_id = $1)", late)
	}
	require.NoError(t, s.Store.ForgetOld(t.Context()))

	require.Equal(t, 2, w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE base IS NOT NULL AND contact_id <> $1", id))
	require.Equal(t, 0, w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE base IS NOT NULL AND contact_id = $1", id))
	require.Equal(t, "nedavna@primer.si ziva@primer.si", w.one("SELECT string_agg(email, ' ' ORDER BY email) FROM mksync_partners WHERE email <> ''"), "a person decides about the living one")
	require.Equal(t, "decided parked parked parked", w.one("SELECT string_agg(status, ' ' ORDER BY status) FROM mksync_conflicts"))
	require.Equal(t, "applied held held held", w.one("SELECT string_agg(status, ' ' ORDER BY status) FROM mksync_deletions"))
	w.reconciled(s, living)
}

// TestAnImportedContactIsOneThatTheFilterTakes: it is made to fit where the filter
// demands an equality, and refused where it does not fit.
func TestAnImportedContactIsOneThatTheFilterTakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.exec("ALTER TABLE contacts ADD COLUMN kind text DEFAULT 'lead', ADD COLUMN rank int")
	w.cfg.Filter = []config.Condition{{Column: "kind", Values: []string{"customer"}}}
	s := w.parts()
	imported := func(name string) (syncer.Result, error) {
		p, err := w.erp.AddPartner(metakocka.Partner{Customer: name})
		require.NoError(t, err)
		return s.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: syncer.CauseRequest})
	}
	res, err := imported("Ana")
	require.NoError(t, err)
	require.Equal(t, "customer", w.one("SELECT kind FROM contacts"))
	p := w.partner(res.ContactID)
	w.edit(p, func(p *metakocka.Partner) { p.Contacts = []metakocka.Contact{{Name: "Ana", GSM: "041 222 222"}} })
	p, _ = w.erp.Partner(p.MKID)
	_, err = s.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
	require.NoError(t, err)
	require.Equal(t, "041 222 222", w.contact(res.ContactID).Phone, "what is edited later reaches it")

	w.cfg.Filter = append(w.cfg.Filter, config.Condition{Column: "rank", NotNull: true})
	pool, store, err := service.OpenStore(t.Context(), w.cfg)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s.Store = store
	require.NoError(t, s.Assemble(t.Context()))
	_, err = imported("Bor")
	var rejected *syncer.RejectError
	require.ErrorAs(t, err, &rejected)
	require.Contains(t, rejected.Reason, "the configured filter leaves the new contact out")
	require.Equal(t, 1, w.count("SELECT count(*) FROM contacts"))
}
