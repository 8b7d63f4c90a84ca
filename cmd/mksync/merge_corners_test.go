package main

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestMergeWhereAValueMayBeThereOnce: the loser gives its e-mail up before the
// winner takes it, and the other way round in an undo.
func TestMergeWhereAValueMayBeThereOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.exec("CREATE UNIQUE INDEX ON contacts (email)")
	loser, _ := w.synced(mapping.Contact{Name: "Ana", Email: "ana@example.si"})
	winner, _ := w.synced(mapping.Contact{Name: "Ana Novak"})
	id := w.merged(loser, winner)
	w.contactIs(winner, mapping.FieldEmail, "ana@example.si")
	w.mksync("merge", "undo", id).lines()
	w.contactIs(loser, mapping.FieldEmail, "ana@example.si")
	w.contactIs(winner, mapping.FieldEmail, "")
}

// TestUndoThatIsRefusedHalfWayLeavesTheMerge: the partner was being brought back
// when somebody edited the winner. It is retired again.
func TestUndoThatIsRefusedHalfWayLeavesTheMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{ShowBuyer: true})
	w.cfg.DeletePolicy = syncer.PolicyAnonymize
	l, c := twins()
	loser, p := w.synced(l)
	winner, _ := w.synced(c)
	id := w.merged(loser, winner)
	require.NoError(t, w.erp.SetFaults(sim.Faults{CutAfter: 1, Endpoints: []string{metakocka.EndpointUpdate}}))
	w.mksync("merge", "undo", id).refused("update_partner")
	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	w.mergeIs(id, "undoing")
	require.Equal(t, p.Customer, w.partner(loser).Customer)
	w.set(winner, mapping.FieldName, "Ana N.")

	w.start()
	w.mergeIs(id, "merged")
	w.partnerIs(loser, "Anonymized "+p.MKID, func(p metakocka.Partner) any { return p.Customer })
	w.partnerIs(loser, false, buyer)
	require.Equal(t, "1", w.one("SELECT count(*)::text FROM contacts"))
	w.set(winner, mapping.FieldName, c.Name)
	w.eventually(func() error { return w.mksync("merge", "undo", id).err })
	w.status(loser, "synced")
	w.partnerIs(loser, p.Customer, func(p metakocka.Partner) any { return p.Customer })
}

// TestPartnerThatSomebodyElseHasIsNotRetired: between the merge and its end
// another contact was linked with the superfluous partner.
func TestPartnerThatSomebodyElseHasIsNotRetired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.DeletePolicy = syncer.PolicyAnonymize
	l, c := twins()
	loser, p := w.synced(l)
	winner, _ := w.synced(c)
	require.NoError(t, w.erp.FailNext(metakocka.EndpointUpdate, sim.Fault5xx))
	w.mksync("merge", loser, winner).refused("the contacts are merged (merge 1)")
	other := w.add(l)
	w.mksync("sync", other).lines()
	require.Equal(t, p.MKID, w.partner(other).MKID)
	w.eventually(func() error { return w.mksync("merge", loser, winner).err }) // until the lost write can take no effect
	require.Contains(t, w.mksync("merge", "list").lines()[0], "is left as it is: contact "+other+" is linked with it by now")
	require.Equal(t, l.Name, w.partner(other).Customer)
}

func TestContactsAreMergedOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	_, c := w.api()
	l, r := twins()
	loser, winner := w.add(l), w.add(mapping.Contact{Name: r.Name, Phone: l.Phone})
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
		got := c.do(call.method, api+call.path, call.body)
		require.Equal(t, call.status, got.status, "%s: %s", call.path, got.body)
		require.Contains(t, got.body, call.holds)
	}
}

// TestEditRightBeforeTheMergeIsNotLost: an edit of either contact commits after the
// merge has read them and before it writes them.
func TestEditRightBeforeTheMergeIsNotLost(t *testing.T) {
	t.Parallel()
	for name, edited := range map[string]int{"of the loser": 0, "of the winner": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sim.Options{Notes: sim.Kept})
			l, c := twins()
			ids := []string{w.add(l), w.add(c)}
			tx, err := w.db.Begin(t.Context())
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), "UPDATE contacts SET notes = 'just now' WHERE id = $1", ids[edited])
			require.NoError(t, err)
			done := make(chan said, 1)
			go func() { done <- w.mksync("merge", ids[0], ids[1]) }()
			w.eventually(func() error {
				if w.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'mksync' AND wait_event = 'transactionid'") == 0 {
					return errors.New("the merge does not wait for the edit yet")
				}
				return nil
			})
			require.NoError(t, tx.Commit(t.Context()))
			(<-done).lines()
			w.contactIs(ids[1], mapping.FieldNotes, "just now")
			require.Equal(t, l.Phone, w.contact(ids[1]).Phone)
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
			w := newWorld(t, sim.Options{})
			w.cfg.DeletePolicy, w.cfg.RemoteDeletePolicy = syncer.PolicyUnlink, syncer.PolicyDelete
			l, c := twins()
			loser, p := w.synced(l)
			var winner string
			if linkedWinner {
				winner, _ = w.synced(c)
			} else {
				winner = w.add(c)
			}
			id := w.merged(loser, winner)
			require.NoError(t, w.erp.DeletePartner(p.MKID))
			w.mksync("merge", "undo", id).refused("merge " + id + " cannot be undone: partner " + p.MKID + " is gone from MetaKocka")
			require.Equal(t, 1, w.count("SELECT count(*) FROM contacts"))
		})
	}
}

// What a merge took away is kept for 90 days, and longer where it is being brought back.
func TestOldMergesAreForgottenUnlessTheyAreBeingUndone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	contact := func() string { return w.insert("Ana", "") }
	ids := []string{w.merged(contact(), contact()), w.merged(contact(), contact()), w.merged(contact(), contact())}
	w.exec("UPDATE mksync_merges SET finished_at = now() - interval '91 days' WHERE id = ANY ($1::text[]::bigint[])", ids[:2])
	w.exec("UPDATE mksync_merges SET status = 'undoing' WHERE id = $1::text::bigint", ids[1])
	require.NoError(t, w.store().ForgetOld(t.Context()))
	require.Equal(t, ids[0], w.one("SELECT string_agg(id::text, ' ') FROM mksync_merges WHERE loser_row IS NULL"))
}
