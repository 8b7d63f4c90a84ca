package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// polled waits until two polls were worked on.
func (w *world) polled(s *service.Service) {
	w.t.Helper()
	w.exec("CREATE TABLE IF NOT EXISTS audit (n bigint)")
	w.polls(2)
	w.drained(s)
}

// TestMergedContactStaysAway: no poll, import, first match or check brings it back.
func TestMergedContactStaysAway(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	w.cfg.AutoImport = true
	s := w.up()
	l, c := twins()
	l.TaxNumber = "12345679"
	loser, winner := w.add(l), w.add(c)
	superfluous := w.partner(loser)
	w.partner(winner)
	w.idle(s)
	w.merged(loser, winner)
	w.edit(superfluous, func(p *metakocka.Partner) { p.Customer = "Ana N." })
	w.idle(s)
	w.mksync("check", "--repair").lines()
	w.mksync("import", "--all").lines()
	w.mksync("sync", "--all").lines()
	w.quiet(s)
	require.Equal(t, "1", w.one("SELECT count(*)::text FROM contacts"))
	require.Len(t, w.erp.Partners(), 2)
	require.Empty(t, w.letters(s))
	require.Contains(t, w.mapping(loser), "deleted")
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
			w := newWorld(t, sim.Options{})
			w.cfg.DeletePolicy = syncer.PolicyAnonymize
			l, c := twins()
			loser, p := w.synced(l)
			winner, _ := w.synced(c)
			require.NoError(t, w.erp.SetFaults(faults))
			w.mksync("merge", loser, winner).refused("the contacts are merged (merge 1), but MetaKocka is not through yet")
			w.mksync("merge", "undo", "1").refused("is not finished yet")
			require.Contains(t, w.mksync("merge", "list").lines()[0], "running")
			require.NoError(t, w.erp.SetFaults(sim.Faults{}))
			_, stop := w.start()
			w.mergeIs("1", "merged")
			w.partnerIs(loser, "Anonymized "+p.MKID, func(p metakocka.Partner) any { return p.Customer })
			w.partnerIs(winner, l.Phone, noted)
			stop()

			require.NoError(t, w.erp.SetFaults(faults))
			w.mksync("merge", "undo", "1").refused("update_partner")
			require.NoError(t, w.erp.SetFaults(sim.Faults{}))
			w.start()
			w.mergeIs("1", "undone")
			w.status(loser, "synced")
			require.Equal(t, p.Hash(), w.partner(loser).Hash())
		})
	}
}

// TestMergesThatShareAContact: whatever order they come in, nobody's data is lost
// and no contact is merged twice.
func TestMergesThatShareAContact(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.people("Ana", "Bor", "Cene")
	s, _ := w.start(service.RoleAPI)
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
	require.Equal(t, fmt.Sprint(3-won), w.one("SELECT count(*)::text FROM contacts"))
	require.Equal(t, fmt.Sprint(won), w.one("SELECT count(*)::text FROM mksync_merges WHERE status = 'merged'"))
}

func TestChainOfMergesIsUndoneFromItsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	a, _ := w.synced(mapping.Contact{Name: "Ana", Phone: "+38640111222"})
	b, _ := w.synced(mapping.Contact{Name: "Ana B", Email: "b@example.si"})
	c, _ := w.synced(mapping.Contact{Name: "Ana C"})
	before := w.one("SELECT string_agg(c::text, ' ' ORDER BY id) FROM (SELECT id, name, email, phone FROM contacts) c")
	first, second := w.merged(a, b), w.merged(b, c)
	w.contactIs(c, mapping.FieldPhone, "+38640111222")
	w.contactIs(c, mapping.FieldEmail, "b@example.si")
	w.mksync("merge", "undo", first).refused("contact " + b + " is not there any more")
	w.mksync("merge", "undo", second).lines()
	w.mksync("merge", "undo", first).lines()
	require.Equal(t, before, w.one("SELECT string_agg(c::text, ' ' ORDER BY id) FROM (SELECT id, name, email, phone FROM contacts) c"))
	for _, id := range []string{a, b, c} {
		w.status(id, "synced")
	}
	require.Len(t, w.erp.Partners(), 3)
}

// TestMergeWhileTheContactsAreEdited: an edit is either in the merge or in the
// winner after it; the loser's row is kept as it was deleted.
func TestMergeWhileTheContactsAreEdited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{Notes: sim.Kept, Website: sim.Kept})
	l, c := twins()
	loser, _ := w.synced(l)
	winner, _ := w.synced(c)
	s, _ := w.start()
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
			if _, err := w.db.Exec(t.Context(), "UPDATE contacts SET website = 'https://example.si/' || $2::bigint WHERE id = $1", winner, n); err != nil {
				return err
			}
			last = n
			if _, err := w.db.Exec(t.Context(), "UPDATE contacts SET notes = $2::bigint WHERE id = $1", loser, n); err != nil {
				return err
			}
		}
	})
	_, err := operations.OpMerge.Ask(t.Context(), api, operations.MergeRequest{LoserContactID: loser, WinnerContactID: winner})
	for try := 0; err != nil && try < 50; try++ { // edited all the time: it says so, and nothing happened
		require.Equal(t, "2", w.one("SELECT count(*)::text FROM contacts"), err)
		_, err = operations.OpMerge.Ask(t.Context(), api, operations.MergeRequest{LoserContactID: loser, WinnerContactID: winner})
	}
	close(done)
	require.NoError(t, g.Wait())
	require.NoError(t, err)
	w.contactIs(winner, mapping.FieldWebsite, fmt.Sprintf("https://example.si/%d", last))
	require.Equal(t, "t", w.one("SELECT ((loser_row->>'notes') IS NOT DISTINCT FROM (winner_after->>'notes'))::text::char(1) FROM mksync_merges"))
	w.status(winner, "synced")
}

// TestKilledInTheMiddleOfAMerge kills the service with merges and undos under way.
func TestKilledInTheMiddleOfAMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.DeletePolicy = syncer.PolicyAnonymize
	l, c := twins()
	loser, p := w.synced(l)
	winner, q := w.synced(c)
	before := w.row(loser)
	log := &logBuffer{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.tail())
		}
	})
	require.NoError(t, w.erp.SetFaults(sim.Faults{Latency: 40 * time.Millisecond}))
	for round := range 6 {
		for _, request := range [][]string{{"merge", loser, winner}, {"merge", "undo", ""}} {
			if request[1] == "undo" {
				request[2] = w.one("SELECT max(id)::text FROM mksync_merges")
			}
			service := w.spawn(log)
			w.eventually(func() error { return w.mksync("mappings").err })
			asked := make(chan struct{})
			go func() { defer close(asked); _ = w.mksync(request...) }()
			idle(t.Context(), time.Duration(20+round*45)*time.Millisecond)
			service.kill()
			<-asked
			w.eventually(func() error { return w.mksync(request...).errOrDone() }) // by itself, what was cut off included
		}
	}
	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	require.Equal(t, before, w.row(loser))
	require.Equal(t, p.Hash(), w.partner(loser).Hash())
	require.Equal(t, q.Hash(), w.partner(winner).Hash())
	require.Len(t, w.erp.Partners(), 2)
}

// errOrDone is the command's error, unless it says that all is done.
func (s said) errOrDone() error {
	if s.err != nil && strings.Contains(s.stderr, "undone already") {
		return nil
	}
	return s.err
}

// asRole is the database's address for another role.
func asRole(t testing.TB, address, role string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "x")
	return u.String()
}
