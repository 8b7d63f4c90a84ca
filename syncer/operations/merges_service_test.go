package operations_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/operations"
)

// mergeIs waits until a merge has a status.
func (a *asked) mergeIs(id, want string) {
	a.T.Helper()
	a.Eventually(func() error {
		if got := a.One("SELECT status || ' ' || note FROM mksync_merges WHERE id = $1::text::bigint", id); !strings.HasPrefix(got, want) {
			return fmt.Errorf("merge %s is %s, not yet %s", id, got, want)
		}
		return nil
	})
}

// TestMergeIsFinishedByTheService: MetaKocka goes away, or the answer is lost,
// right after the contacts were merged.
func TestMergeIsFinishedByTheService(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]sim.Faults{
		"refused":     {Rate5xx: 1, Endpoints: []string{metakocka.EndpointUpdate}},
		"answer lost": {CutAfter: 1, Endpoints: []string{metakocka.EndpointUpdate}},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "refused" { // nothing took effect: less can go wrong
				long.Only(t)
			}
			t.Parallel()
			w := world.New(t, sim.Options{})
			w.Config.DeletePolicy = syncer.PolicyAnonymize
			a := asks(w)
			l, c := world.Twins()
			loser, p := a.synced(l)
			winner, _ := a.synced(c)
			require.NoError(t, w.ERP.SetFaults(faults))
			_, err := a.merge(loser, winner)
			refused(t, err, "the contacts are merged (merge 1), but MetaKocka is not through yet")
			_, err = a.undoMerge("1")
			refused(t, err, "is not finished yet")
			require.EqualValues(t, "running", a.merges()[0].Status)
			require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
			a.service.Close()
			_, stop := w.Start()
			a.mergeIs("1", "merged")
			w.PartnerIs(loser, "Anonymized "+p.MKID, customer)
			w.PartnerIs(winner, l.Phone, noted)
			stop()

			a = asks(w)
			require.NoError(t, w.ERP.SetFaults(faults))
			_, err = a.undoMerge("1")
			refused(t, err, "update_partner")
			require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
			a.service.Close()
			w.Start()
			a.mergeIs("1", "undone")
			w.Status(loser, "synced")
			require.Equal(t, p.Hash(), w.Partner(loser).Hash())
		})
	}
}

// TestUndoThatIsRefusedHalfWayLeavesTheMerge: the partner was being brought back
// when somebody edited the winner. It is retired again.
func TestUndoThatIsRefusedHalfWayLeavesTheMerge(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{ShowBuyer: true})
	w.Config.DeletePolicy = syncer.PolicyAnonymize
	w.Config.MetaKockaTimeout = waits.Stretch(500 * time.Millisecond) // so long a lost write may still take effect
	a := asks(w)
	l, c := world.Twins()
	loser, p := a.synced(l)
	winner, _ := a.synced(c)
	id := a.merged(loser, winner)
	require.NoError(t, w.ERP.SetFaults(sim.Faults{CutAfter: 1, Endpoints: []string{metakocka.EndpointUpdate}}))
	_, err := a.undoMerge(id)
	refused(t, err, "update_partner")
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	a.mergeIs(id, "undoing")
	require.Equal(t, p.Customer, w.Partner(loser).Customer)
	w.Set(winner, mapping.FieldName, "Ana N.")
	a.service.Close()

	s, _ := w.Start()
	a = asksOf(w, s)
	a.mergeIs(id, "merged")
	w.PartnerIs(loser, "Anonymized "+p.MKID, customer)
	w.PartnerIs(loser, false, world.Buyer)
	require.Equal(t, 1, w.Count("SELECT count(*) FROM contacts"))
	w.Set(winner, mapping.FieldName, c.Name)
	w.Eventually(func() error { _, err := a.undoMerge(id); return err })
	w.Status(loser, "synced")
	w.PartnerIs(loser, p.Customer, customer)
}

func TestUndoOfAMergeBringsAnAnonymizedPartnerBack(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{Notes: sim.Kept, ShowBuyer: true})
	w.Config.DeletePolicy = syncer.PolicyAnonymize
	a := asksOf(w, w.Up())
	l, c := world.Twins()
	l.Address, l.Notes, l.TaxNumber = "Slovenska cesta 1, Ljubljana, 1000", "a note", "12345679"
	loser, p := a.synced(l)
	winner, _ := a.synced(c)
	a.Edit(p, func(p *metakocka.Partner) { yes := true; p.Supplier, p.RegistrationNumber = &yes, "1234567000" })
	p, _ = a.ERP.Partner(p.MKID)
	before := a.One("SELECT c::text FROM contacts c WHERE id = $1", loser)
	id := a.merged(loser, winner)
	require.Equal(t, "Anonymized "+p.MKID, a.Partner(loser).Customer)
	a.Idle(a.service)
	a.unmerged(id)
	a.Idle(a.service)
	require.Equal(t, p.Hash(), a.Partner(loser).Hash(), "the partner is not as it was")
	require.Equal(t, before, a.One("SELECT c::text FROM contacts c WHERE id = $1", loser), "the anonymized partner came to the contact")
	a.Status(loser, "synced")
}

// TestMergedContactStaysAway: no poll, import, first match or check brings it back.
func TestMergedContactStaysAway(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Config.AutoImport = true
	a := asksOf(w, w.Up())
	l, c := world.Twins()
	l.TaxNumber = "12345679"
	loser, winner := a.Add(l), a.Add(c)
	superfluous := a.Partner(loser)
	a.Partner(winner)
	a.Idle(a.service)
	a.merged(loser, winner)
	a.Edit(superfluous, func(p *metakocka.Partner) { p.Customer = "Ana N." })
	a.Idle(a.service)
	_, err := a.api.Check(a.ctx(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	imported, err := a.api.BulkImport(a.ctx(), operations.BulkImportRequest{ImportAll: true})
	require.NoError(t, err)
	require.Zero(t, imported.Failed)
	synced, err := a.api.BulkSync(a.ctx(), operations.BulkSyncRequest{SyncAll: true})
	require.NoError(t, err)
	require.Zero(t, synced.Failed)
	a.Quiet(a.service)
	require.Equal(t, 1, a.Count("SELECT count(*) FROM contacts"))
	require.Len(t, a.ERP.Partners(), 2)
	require.Empty(t, a.Letters(a.service))
	require.Contains(t, a.Mapping(loser), "deleted")
}

// TestMergeWhileTheContactsAreEdited: an edit is either in the merge or in the
// winner after it; the loser's row is kept as it was deleted.
func TestMergeWhileTheContactsAreEdited(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Notes: sim.Kept, Website: sim.Kept})
	s, _ := w.Start()
	a := asksOf(w, s)
	l, c := world.Twins()
	loser, _ := a.synced(l)
	winner, _ := a.synced(c)
	w.Set(winner, mapping.FieldWebsite, "https://example.si/0") // a merge may be quicker than any other edit
	done, last := make(chan struct{}), 0
	var g errgroup.Group
	pace := time.Duration(long.Or(30, 10)) * time.Millisecond // quicker than any merge, and others have their turn
	g.Go(func() error {
		for n := 1; ; n++ {
			select {
			case <-done:
				return nil
			case <-time.After(pace):
			}
			if _, err := w.DB.Exec(t.Context(), "UPDATE contacts SET website = 'https://example.si/' || $2::bigint WHERE id = $1", winner, n); err != nil {
				return err
			}
			last = n
			if _, err := w.DB.Exec(t.Context(), "UPDATE contacts SET notes = $2::bigint WHERE id = $1", loser, n); err != nil {
				return err
			}
		}
	})
	_, err := a.merge(loser, winner)
	for try := 0; err != nil && try < 50; try++ { // edited all the time: it says so, and nothing happened
		require.Equal(t, 2, w.Count("SELECT count(*) FROM contacts"), err)
		_, err = a.merge(loser, winner)
	}
	close(done)
	require.NoError(t, g.Wait())
	require.NoError(t, err)
	w.ContactIs(winner, mapping.FieldWebsite, fmt.Sprintf("https://example.si/%d", last))
	require.Equal(t, "t", w.One("SELECT ((loser_row->>'notes') IS NOT DISTINCT FROM (winner_after->>'notes'))::text::char(1) FROM mksync_merges"))
	w.Status(winner, "synced")
}
