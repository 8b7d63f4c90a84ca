package main

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestMergeWhereAValueMayBeThereOnce: the loser gives its e-mail up before the
// winner takes it, and the other way round in an undo.
func TestMergeWhereAValueMayBeThereOnce(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Exec("CREATE UNIQUE INDEX ON contacts (email)")
	loser, _ := synced(w, mapping.Contact{Name: "Ana", Email: "ana@example.si"})
	winner, _ := synced(w, mapping.Contact{Name: "Ana Novak"})
	id := merged(w, loser, winner)
	w.ContactIs(winner, mapping.FieldEmail, "ana@example.si")
	mksync(w, "merge", "undo", id).lines()
	w.ContactIs(loser, mapping.FieldEmail, "ana@example.si")
	w.ContactIs(winner, mapping.FieldEmail, "")
}

// TestUndoThatIsRefusedHalfWayLeavesTheMerge: the partner was being brought back
// when somebody edited the winner. It is retired again.
func TestUndoThatIsRefusedHalfWayLeavesTheMerge(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{ShowBuyer: true})
	w.Config.DeletePolicy = syncer.PolicyAnonymize
	l, c := world.Twins()
	loser, p := synced(w, l)
	winner, _ := synced(w, c)
	id := merged(w, loser, winner)
	require.NoError(t, w.ERP.SetFaults(sim.Faults{CutAfter: 1, Endpoints: []string{metakocka.EndpointUpdate}}))
	mksync(w, "merge", "undo", id).refused("update_partner")
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	mergeIs(w, id, "undoing")
	require.Equal(t, p.Customer, w.Partner(loser).Customer)
	w.Set(winner, mapping.FieldName, "Ana N.")

	w.Start()
	mergeIs(w, id, "merged")
	w.PartnerIs(loser, "Anonymized "+p.MKID, func(p metakocka.Partner) any { return p.Customer })
	w.PartnerIs(loser, false, world.Buyer)
	require.Equal(t, "1", w.One("SELECT count(*)::text FROM contacts"))
	w.Set(winner, mapping.FieldName, c.Name)
	w.Eventually(func() error { return mksync(w, "merge", "undo", id).err })
	w.Status(loser, "synced")
	w.PartnerIs(loser, p.Customer, func(p metakocka.Partner) any { return p.Customer })
}

// TestPartnerThatSomebodyElseHasIsNotRetired: between the merge and its end
// another contact was linked with the superfluous partner.
func TestPartnerThatSomebodyElseHasIsNotRetired(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy = syncer.PolicyAnonymize
	l, c := world.Twins()
	loser, p := synced(w, l)
	winner, _ := synced(w, c)
	require.NoError(t, w.ERP.FailNext(metakocka.EndpointUpdate, sim.Fault5xx))
	mksync(w, "merge", loser, winner).refused("the contacts are merged (merge 1)")
	other := w.Add(l)
	mksync(w, "sync", other).lines()
	require.Equal(t, p.MKID, w.Partner(other).MKID)
	w.Eventually(func() error { return mksync(w, "merge", loser, winner).err }) // until the lost write can take no effect
	require.Contains(t, mksync(w, "merge", "list").lines()[0], "is left as it is: contact "+other+" is linked with it by now")
	require.Equal(t, l.Name, w.Partner(other).Customer)
}

func TestContactsAreMergedOverHTTP(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	_, c := w.API()
	l, r := world.Twins()
	loser, winner := w.Add(l), w.Add(mapping.Contact{Name: r.Name, Phone: l.Phone})
	const api = "/api/metakocka"
	body := `{"loserContactId":"` + loser + `","winnerContactId":"` + winner + `"`
	for _, call := range []struct {
		method, path, body string
		status             int
		holds              string
	}{
		{http.MethodGet, "/contacts/duplicates?limit=5", "", http.StatusOK, `"total":1`},
		{http.MethodPost, "/contacts/merge", body + `,"dryRun":true}`, http.StatusOK, `"field":"email","winner":"","loser":"ana@novak.si","holds":"ana@novak.si","taken":true`},
		{http.MethodPost, "/contacts/merge", `{"loserContactId":"` + loser + `"}`, http.StatusBadRequest, "winnerContactId: is missing"},
		{http.MethodPost, "/contacts/merge", body + "}", http.StatusOK, `"status":"merged"`},
		{http.MethodPost, "/contacts/merge", `{"loserContactId":"` + winner + `","winnerContactId":"` + loser + `"}`, http.StatusNotFound, "it was merged into"},
		{http.MethodGet, "/merges?of=" + winner, "", http.StatusOK, `"createdBy":"crm"`},
		{http.MethodPost, "/merges/undo", `{"id":"99"}`, http.StatusNotFound, "there is no merge 99"},
		{http.MethodPost, "/merges/undo", `{"id":"1"}`, http.StatusOK, `"status":"undone"`},
		{http.MethodPost, "/merges/undo", `{"id":"1"}`, http.StatusConflict, "undone already"},
	} {
		got := c.Do(call.method, api+call.path, call.body)
		require.Equal(t, call.status, got.Status, "%s: %s", call.path, got.Body)
		require.Contains(t, got.Body, call.holds)
	}
}

// TestEditRightBeforeTheMergeIsNotLost: an edit of either contact commits after the
// merge has read them and before it writes them.
func TestEditRightBeforeTheMergeIsNotLost(t *testing.T) {
	t.Parallel()
	for name, edited := range map[string]int{"of the loser": 0, "of the winner": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, sim.Options{Notes: sim.Kept})
			l, c := world.Twins()
			ids := []string{w.Add(l), w.Add(c)}
			tx, err := w.DB.Begin(t.Context())
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), "UPDATE contacts SET notes = 'just now' WHERE id = $1", ids[edited])
			require.NoError(t, err)
			done := make(chan said, 1)
			go func() { done <- mksync(w, "merge", ids[0], ids[1]) }()
			w.Eventually(func() error {
				if w.Count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'mksync' AND wait_event = 'transactionid'") == 0 {
					return errors.New("the merge does not wait for the edit yet")
				}
				return nil
			})
			require.NoError(t, tx.Commit(t.Context()))
			(<-done).lines()
			w.ContactIs(ids[1], mapping.FieldNotes, "just now")
			require.Equal(t, l.Phone, w.Contact(ids[1]).Phone)
		})
	}
}

// The contact that an undoing brings back would be deleted at once, for its missing
// partner.
func TestAMergeWhoseLosersPartnerIsGoneIsNotUndone(t *testing.T) {
	t.Parallel()
	for what, linkedWinner := range map[string]bool{"superfluous": true, "moved": false} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, sim.Options{})
			w.Config.DeletePolicy, w.Config.RemoteDeletePolicy = syncer.PolicyUnlink, syncer.PolicyDelete
			l, c := world.Twins()
			loser, p := synced(w, l)
			var winner string
			if linkedWinner {
				winner, _ = synced(w, c)
			} else {
				winner = w.Add(c)
			}
			id := merged(w, loser, winner)
			require.NoError(t, w.ERP.DeletePartner(p.MKID))
			mksync(w, "merge", "undo", id).refused("merge " + id + " cannot be undone: partner " + p.MKID + " is gone from MetaKocka")
			require.Equal(t, 1, w.Count("SELECT count(*) FROM contacts"))
		})
	}
}

// What a merge took away is kept for 90 days, and longer where it is being brought back.
func TestOldMergesAreForgottenUnlessTheyAreBeingUndone(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	contact := func() string { return w.Insert("Ana", "") }
	ids := []string{merged(w, contact(), contact()), merged(w, contact(), contact()), merged(w, contact(), contact())}
	w.Exec("UPDATE mksync_merges SET finished_at = now() - interval '91 days' WHERE id = ANY ($1::text[]::bigint[])", ids[:2])
	w.Exec("UPDATE mksync_merges SET status = 'undoing' WHERE id = $1::text::bigint", ids[1])
	require.NoError(t, w.Store().ForgetOld(t.Context(), 0))
	require.Equal(t, ids[0], w.One("SELECT string_agg(id::text, ' ') FROM mksync_merges WHERE loser_row IS NULL"))
}
