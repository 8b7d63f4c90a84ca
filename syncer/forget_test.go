package syncer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// kept is everything that mksync's tables hold, those of later versions too, as one text.
func kept(w *world.World) string {
	w.T.Helper()
	return w.One(`SELECT string_agg(query_to_xml(format('SELECT * FROM %I', tablename), true, true, '')::text, ' ')
		FROM pg_tables WHERE tablename = 'metakocka_contact_mappings' OR tablename LIKE 'mksync\_%'`)
}

// TestErasedIsErasedEverywhere: with the policy anonymize nothing of a deleted contact and
// its partner stays in mksync's tables, in journals and merges neither, nor in what they have
// of another contact that once was the partner's.
func TestErasedIsErasedEverywhere(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{EmptyValue: sim.Cleared})
	w.Config.DeletePolicy, w.Config.ConflictRule = syncer.PolicyAnonymize, mapping.RuleCRM
	s := w.Parts()
	former := w.Linked(s, "prej@primer.si")
	w.Set(former, mapping.FieldEmail, "tajna@primer.si")
	w.Reconciled(s, former)
	w.Set(former, mapping.FieldEmail, "prej@primer.si")
	w.Set(former, mapping.FieldPhone, "040 222 333")
	w.Reconciled(s, former)
	partner := w.Partner(former).MKID
	_, err := s.Reconciler.Unlink(t.Context(), former, "ana")
	require.NoError(t, err)
	id, twin := w.Add(mapping.Contact{Name: "Oseba tajna", Phone: "041 111 111"}), w.Add(mapping.Contact{Name: "Oseba tajna", Website: "https://tajna.si"})
	_, err = s.Reconciler.Link(t.Context(), id, partner, "", "ana")
	require.NoError(t, err)
	_, err = s.Reconciler.Merge(t.Context(), twin, id, "")
	require.NoError(t, err)
	require.NoError(t, s.Poller.Poll(t.Context()))
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].Email = "druga.tajna@primer.si" })
	w.Set(id, mapping.FieldEmail, "tretja.tajna@primer.si")
	w.Reconciled(s, id)
	require.Contains(t, kept(w), "druga.tajna", "of the conflict")

	w.Exec("DELETE FROM contacts WHERE id = $1", id)
	_, err = s.Reconciler.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseContact, Deleted: true})
	require.NoError(t, err)
	require.Contains(t, w.Mapping(id), "deleted: ")
	for _, secret := range []string{"tajna", "41111111", "111 111"} {
		require.NotContains(t, kept(w), secret, secret)
	}
	require.NoError(t, s.Poller.Poll(t.Context()))
	require.NotContains(t, kept(w), "tajna")

	// So it is of a contact whose partner is gone already.
	id = w.Linked(s, "druga.tajna@primer.si")
	require.NoError(t, w.ERP.DeletePartner(w.Partner(id).MKID))
	w.Exec("DELETE FROM contacts WHERE id = $1", id)
	w.Eventually(func() error { // it is asked for twice
		_, err := s.Reconciler.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseContact, Deleted: true})
		return err
	})
	require.NotContains(t, kept(w), "tajna")
}

// TestWhatIsOldIsForgotten: closed journals, partners that are gone and tombstones keep
// nobody's data for longer than a merge can be undone.
func TestWhatIsOldIsForgotten(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	s := w.Parts()
	id, late := w.Linked(s, "stara@primer.si"), w.Linked(s, "nedavna@primer.si")
	living := w.Linked(s, "ziva@primer.si")
	w.Exec(`UPDATE mksync_partners SET missing_since = now() - interval '91 days';
		INSERT INTO mksync_conflicts (link_id, field, base_crm, base_partner, crm_value, partner_value, rule, status, created_at)
			SELECT id, 'email', '', '', 'stara@primer.si', 'x', 'crm', status, now() - interval '91 days'
			FROM metakocka_contact_mappings, unnest(ARRAY['decided', 'parked']) AS status;
		INSERT INTO mksync_deletions (link_id, side, status, created_at) SELECT id, 'crm', status, now() - interval '91 days'
			FROM metakocka_contact_mappings, unnest(ARRAY['applied', 'held']) AS status;
		UPDATE metakocka_contact_mappings SET updated_at = now() - interval '91 days'`)
	w.Exec("UPDATE metakocka_contact_mappings SET sync_status = 'deleted' WHERE contact_id IN ($1, $2)", id, late)
	w.Exec("DELETE FROM contacts WHERE id IN ($1, $2)", id, late)

	// What is of the last weeks is kept.
	w.Exec("UPDATE metakocka_contact_mappings SET updated_at = now() - interval '89 days' WHERE contact_id = $1", late)
	w.Exec(`UPDATE mksync_partners SET missing_since = now() - interval '89 days' WHERE email = 'nedavna@primer.si'`)
	for _, journal := range []string{"mksync_conflicts", "mksync_deletions"} {
		w.Exec("UPDATE "+journal+" SET created_at = now() - interval '89 days' WHERE link_id = (SELECT id FROM metakocka_contact_mappings WHERE contact_id = $1)", late)
	}
	require.NoError(t, s.Store.ForgetOld(t.Context(), 0))

	require.Equal(t, 2, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE base IS NOT NULL AND contact_id <> $1", id))
	require.Equal(t, 0, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE base IS NOT NULL AND contact_id = $1", id))
	require.Equal(t, "nedavna@primer.si ziva@primer.si", w.One("SELECT string_agg(email, ' ' ORDER BY email) FROM mksync_partners WHERE email <> ''"), "a person decides about the living one")
	require.Equal(t, "decided parked parked parked", w.One("SELECT string_agg(status, ' ' ORDER BY status) FROM mksync_conflicts"))
	require.Equal(t, "applied held held held", w.One("SELECT string_agg(status, ' ' ORDER BY status) FROM mksync_deletions"))
	w.Reconciled(s, living)
}

// TestAnImportedContactIsOneThatTheFilterTakes: it is made to fit where the filter
// demands an equality, and refused where it does not fit.
func TestAnImportedContactIsOneThatTheFilterTakes(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Exec("ALTER TABLE contacts ADD COLUMN kind text DEFAULT 'lead', ADD COLUMN rank int")
	w.Config.Filter = []config.Condition{{Column: "kind", Values: []string{"customer"}}}
	s := w.Parts()
	imported := func(name string) (syncer.Result, error) {
		p, err := w.ERP.AddPartner(metakocka.Partner{Customer: name})
		require.NoError(t, err)
		return s.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: syncer.CauseRequest})
	}
	res, err := imported("Ana")
	require.NoError(t, err)
	require.Equal(t, "customer", w.One("SELECT kind FROM contacts"))
	p := w.Partner(res.ContactID)
	w.Edit(p, func(p *metakocka.Partner) { p.Contacts = []metakocka.Contact{{Name: "Ana", GSM: "041 222 222"}} })
	p, _ = w.ERP.Partner(p.MKID)
	_, err = s.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
	require.NoError(t, err)
	require.Equal(t, "041 222 222", w.Contact(res.ContactID).Phone, "what is edited later reaches it")

	w.Config.Filter = append(w.Config.Filter, config.Condition{Column: "rank", NotNull: true})
	pool, store, err := service.OpenStore(t.Context(), w.Config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s.Store = store
	require.NoError(t, s.Assemble(t.Context()))
	_, err = imported("Bor")
	var rejected *syncer.RejectError
	require.ErrorAs(t, err, &rejected)
	require.Contains(t, rejected.Reason.String(), "the configured filter leaves the new contact out")
	require.Equal(t, 1, w.Count("SELECT count(*) FROM contacts"))
}

// TestWhoIsDeletedAfterTheLinkEndedIsForgotten: a person parted the two, or mksync deleted
// the contact itself. What was known of the contact goes with it all the same.
func TestWhoIsDeletedAfterTheLinkEndedIsForgotten(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world.World, s *service.Service, id string){
		"by hand": func(w *world.World, s *service.Service, id string) {
			_, err := s.Reconciler.Unlink(w.T.Context(), id, "ana")
			require.NoError(w.T, err)
			w.Exec("DELETE FROM contacts WHERE id = $1", id)
		},
		"with its partner": func(w *world.World, s *service.Service, id string) {
			require.NoError(w.T, w.ERP.DeletePartner(w.Partner(id).MKID))
			w.Eventually(func() error { // it is asked for twice
				_, err := s.Reconciler.Contact(w.T.Context(), id, syncer.Trigger{Cause: syncer.CauseCheck})
				return err
			})
			require.Zero(w.T, w.Count("SELECT count(*) FROM contacts"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, sim.Options{})
			w.Config.RemoteDeletePolicy = syncer.PolicyDelete
			w.Config.DeletePolicy = syncer.PolicyAnonymize
			s := w.Parts()
			id := w.Linked(s, "tajna@primer.si")
			w.Exec(`INSERT INTO mksync_conflicts (link_id, field, base_crm, base_partner, crm_value, partner_value, rule, status)
				SELECT id, 'email', '', '', 'tajna@primer.si', '', 'crm', 'decided' FROM metakocka_contact_mappings`)
			end(w, s, id)
			_, err := s.Reconciler.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseContact, Deleted: true})
			require.NoError(t, err)
			require.Contains(t, w.Mapping(id), "unlinked: ")
			require.NotContains(t, w.One(`SELECT concat((SELECT string_agg(m::text, ' ') FROM metakocka_contact_mappings m),
				(SELECT string_agg(h::text, ' ') FROM mksync_history h), (SELECT string_agg(c::text, ' ') FROM mksync_conflicts c))`), "tajna")
		})
	}
}

// TestAReplayErasesNobodyElsesPartner: what a deletion did is done once more to a partner
// that a restored MetaKocka has as it was, and not where another contact has it by now.
func TestAReplayErasesNobodyElsesPartner(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{EmptyValue: sim.Cleared})
	s := w.Parts()
	id := w.Linked(s, "tajna@primer.si")
	partner := w.Partner(id).MKID
	w.Exec("DELETE FROM contacts WHERE id = $1", id)
	deleted := syncer.Trigger{Cause: syncer.CauseContact, Deleted: true}
	_, err := s.Reconciler.Contact(t.Context(), id, deleted)
	require.NoError(t, err)
	other := w.Add(mapping.Contact{Name: "Druga"})
	_, err = s.Reconciler.Link(t.Context(), other, partner, "", "ana")
	require.NoError(t, err)

	s.Config.DeletePolicy = syncer.PolicyAnonymize
	require.NoError(t, s.Assemble(t.Context()))
	deleted.Cause, deleted.Authority = syncer.CauseReplay, syncer.AuthorityCRM
	_, err = s.Reconciler.Contact(t.Context(), id, deleted)
	require.NoError(t, err)
	require.Equal(t, "tajna@primer.si", w.Partner(other).Contacts[0].Email)
	require.Equal(t, "Druga", w.Partner(other).Customer)
}
