package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// polled waits until two polls were worked on.
func polled(w *world.World, s *service.Service) {
	w.T.Helper()
	w.Exec("CREATE TABLE IF NOT EXISTS audit (n bigint)")
	w.Polls(2)
	w.Drained(s)
}

// TestMergedContactStaysAway: no poll, import, first match or check brings it back.
func TestMergedContactStaysAway(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Config.AutoImport = true
	s := w.Up()
	l, c := world.Twins()
	l.TaxNumber = "12345679"
	loser, winner := w.Add(l), w.Add(c)
	superfluous := w.Partner(loser)
	w.Partner(winner)
	w.Idle(s)
	merged(w, loser, winner)
	w.Edit(superfluous, func(p *metakocka.Partner) { p.Customer = "Ana N." })
	w.Idle(s)
	mksync(w, "check", "--repair").lines()
	mksync(w, "import", "--all").lines()
	mksync(w, "sync", "--all").lines()
	w.Quiet(s)
	require.Equal(t, "1", w.One("SELECT count(*)::text FROM contacts"))
	require.Len(t, w.ERP.Partners(), 2)
	require.Empty(t, w.Letters(s))
	require.Contains(t, w.Mapping(loser), "deleted")
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
			t.Parallel()
			w := world.New(t, sim.Options{})
			w.Config.DeletePolicy = syncer.PolicyAnonymize
			l, c := world.Twins()
			loser, p := synced(w, l)
			winner, _ := synced(w, c)
			require.NoError(t, w.ERP.SetFaults(faults))
			mksync(w, "merge", loser, winner).refused("the contacts are merged (merge 1), but MetaKocka is not through yet")
			mksync(w, "merge", "undo", "1").refused("is not finished yet")
			require.Contains(t, mksync(w, "merge", "list").lines()[0], "running")
			require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
			_, stop := w.Start()
			mergeIs(w, "1", "merged")
			w.PartnerIs(loser, "Anonymized "+p.MKID, func(p metakocka.Partner) any { return p.Customer })
			w.PartnerIs(winner, l.Phone, noted)
			stop()

			require.NoError(t, w.ERP.SetFaults(faults))
			mksync(w, "merge", "undo", "1").refused("update_partner")
			require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
			w.Start()
			mergeIs(w, "1", "undone")
			w.Status(loser, "synced")
			require.Equal(t, p.Hash(), w.Partner(loser).Hash())
		})
	}
}

// TestMergesThatShareAContact: whatever order they come in, nobody's data is lost
// and no contact is merged twice.
func TestMergesThatShareAContact(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := syncedPeople(w, "Ana", "Bor", "Cene")
	s, _ := w.Start(service.RoleAPI)
	api := s.API(s.Monitor())
	var g errgroup.Group
	results := make([]error, 3)
	for i, pair := range [][2]int{{0, 1}, {1, 2}, {0, 2}} {
		g.Go(func() error {
			_, results[i] = operations.OpMerge.Ask(t.Context(), api, operations.MergeRequest{LoserContactID: ids[pair[0]], WinnerContactID: ids[pair[1]]})
			return nil
		})
	}
	require.NoError(t, g.Wait())
	won := 0
	for _, err := range results {
		var refused *syncer.RequestError
		switch {
		case err == nil:
			won++
		case errors.As(err, &refused):
			require.Equal(t, syncer.CodeNotFound, refused.Code, err)
		default:
			require.NoError(t, err)
		}
	}
	require.Equal(t, fmt.Sprint(3-won), w.One("SELECT count(*)::text FROM contacts"))
	require.Equal(t, fmt.Sprint(won), w.One("SELECT count(*)::text FROM mksync_merges WHERE status = 'merged'"))
}

func TestChainOfMergesIsUndoneFromItsEnd(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	a, _ := synced(w, mapping.Contact{Name: "Ana", Phone: "+38640111222"})
	b, _ := synced(w, mapping.Contact{Name: "Ana B", Email: "b@example.si"})
	c, _ := synced(w, mapping.Contact{Name: "Ana C"})
	before := w.One("SELECT string_agg(c::text, ' ' ORDER BY id) FROM (SELECT id, name, email, phone FROM contacts) c")
	first, second := merged(w, a, b), merged(w, b, c)
	w.ContactIs(c, mapping.FieldPhone, "+38640111222")
	w.ContactIs(c, mapping.FieldEmail, "b@example.si")
	mksync(w, "merge", "undo", first).refused("contact " + b + " is not there any more")
	mksync(w, "merge", "undo", second).lines()
	mksync(w, "merge", "undo", first).lines()
	require.Equal(t, before, w.One("SELECT string_agg(c::text, ' ' ORDER BY id) FROM (SELECT id, name, email, phone FROM contacts) c"))
	for _, id := range []string{a, b, c} {
		w.Status(id, "synced")
	}
	require.Len(t, w.ERP.Partners(), 3)
}

// TestMergeWhileTheContactsAreEdited: an edit is either in the merge or in the
// winner after it; the loser's row is kept as it was deleted.
func TestMergeWhileTheContactsAreEdited(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Notes: sim.Kept, Website: sim.Kept})
	l, c := world.Twins()
	loser, _ := synced(w, l)
	winner, _ := synced(w, c)
	s, _ := w.Start()
	api := s.API(s.Monitor())
	done, last := make(chan struct{}), 0
	var g errgroup.Group
	g.Go(func() error {
		for n := 1; ; n++ {
			select {
			case <-done:
				return nil
			default:
			}
			waits.Idle(t.Context(), 10*time.Millisecond) // quicker than any merge, and others have their turn
			if _, err := w.DB.Exec(t.Context(), "UPDATE contacts SET website = 'https://example.si/' || $2::bigint WHERE id = $1", winner, n); err != nil {
				return err
			}
			last = n
			if _, err := w.DB.Exec(t.Context(), "UPDATE contacts SET notes = $2::bigint WHERE id = $1", loser, n); err != nil {
				return err
			}
		}
	})
	_, err := operations.OpMerge.Ask(t.Context(), api, operations.MergeRequest{LoserContactID: loser, WinnerContactID: winner})
	for try := 0; err != nil && try < 50; try++ { // edited all the time: it says so, and nothing happened
		require.Equal(t, "2", w.One("SELECT count(*)::text FROM contacts"), err)
		_, err = operations.OpMerge.Ask(t.Context(), api, operations.MergeRequest{LoserContactID: loser, WinnerContactID: winner})
	}
	close(done)
	require.NoError(t, g.Wait())
	require.NoError(t, err)
	w.ContactIs(winner, mapping.FieldWebsite, fmt.Sprintf("https://example.si/%d", last))
	require.Equal(t, "t", w.One("SELECT ((loser_row->>'notes') IS NOT DISTINCT FROM (winner_after->>'notes'))::text::char(1) FROM mksync_merges"))
	w.Status(winner, "synced")
}

// TestKilledInTheMiddleOfAMerge kills the service with merges and undos under way.
func TestKilledInTheMiddleOfAMerge(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy = syncer.PolicyAnonymize
	l, c := world.Twins()
	loser, p := synced(w, l)
	winner, q := synced(w, c)
	before := row(w, loser)
	log := &keeper.Log{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.Tail())
		}
	})
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Latency: 40 * time.Millisecond}))
	for _, round := range long.Every(3, []int{1, 2, 3, 4, 5, 0}) {
		for _, request := range [][]string{{"merge", loser, winner}, {"merge", "undo", ""}} {
			if request[1] == "undo" {
				request[2] = w.One("SELECT max(id)::text FROM mksync_merges")
			}
			service := spawn(w, log)
			w.Eventually(func() error { return mksync(w, "mappings").err })
			asked := make(chan struct{})
			go func() { defer close(asked); _ = mksync(w, request...) }()
			waits.Idle(t.Context(), time.Duration(20+round*45)*time.Millisecond)
			service.kill()
			<-asked
			w.Eventually(func() error { return mksync(w, request...).errOrDone() }) // by itself, what was cut off included
		}
	}
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	require.Equal(t, before, row(w, loser))
	require.Equal(t, p.Hash(), w.Partner(loser).Hash())
	require.Equal(t, q.Hash(), w.Partner(winner).Hash())
	require.Len(t, w.ERP.Partners(), 2)
}

// errOrDone is the command's error, unless it says that all is done.
func (s said) errOrDone() error {
	if s.err != nil && strings.Contains(s.stderr, "undone already") {
		return nil
	}
	return s.err
}
