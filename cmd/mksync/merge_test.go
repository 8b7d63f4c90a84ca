package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// linkedTwins are two contacts of one person, each with its partner. The loser has
// columns that mksync does not know.
func linkedTwins(w *world.World) (loser, winner string) {
	w.T.Helper()
	w.Exec(`ALTER TABLE contacts ADD score numeric(8,3), ADD tags text[], ADD born date, ADD seen interval, ADD raw bytea,
		ADD doubled numeric GENERATED ALWAYS AS (score * 2) STORED, ADD number bigint GENERATED ALWAYS AS IDENTITY`)
	l, c := world.Twins()
	loser, _ = synced(w, l)
	winner, _ = synced(w, c)
	w.Exec(`UPDATE contacts SET score = 1.250, tags = '{"a b",NULL}', born = '1990-02-28', seen = '1 day 02:03:04.5', raw = '\x00ff' WHERE id = $1`, loser)
	return loser, winner
}

// row is a contact's whole row, as text.
func row(w *world.World, id string) string {
	w.T.Helper()
	return w.One("SELECT c::text FROM contacts c WHERE id = $1", id)
}

// merged merges two contacts by command and returns the merge's id.
func merged(w *world.World, loser, winner string) string {
	w.T.Helper()
	return mksync(w, "merge", loser, winner).ids()[0]
}

func noted(p metakocka.Partner) any { return p.Contacts[0].GSM }

func TestLinkedContactsAreMergedAndTakenApartByCommand(t *testing.T) {
	t.Parallel()
	bothWays(t, func(w *world.World) string {
		w.Config.DeletePolicy, w.Config.MaxDeletes = syncer.PolicyDeactivate, 0
		loser, winner := linkedTwins(w)
		return loser + " " + winner
	}, func(w *world.World, ids string) {
		t := w.T
		loser, winner, _ := strings.Cut(ids, " ")
		superfluous, kept := w.Partner(loser), w.Partner(winner)
		loserRow, winnerBefore := row(w, loser), w.Contact(winner)

		preview := mksync(w, "merge", "--dry-run", loser, winner)
		require.Contains(t, preview.stdout, `"+38640111222", taken over`)
		require.Contains(t, preview.stdout, `"Novak Ana", given up: "Ana Novak"`)
		require.Contains(t, preview.stdout, "contact "+loser+" is deleted")
		require.Contains(t, preview.stdout, "partner "+kept.MKID+" stays the partner of contact "+winner)
		require.Contains(t, preview.stdout, "partner "+superfluous.MKID+" is neither buyer nor supplier any more")
		require.Contains(t, preview.stdout, "not taken over, because mksync does not sync them: born, raw, score, seen, tags")
		require.Equal(t, loserRow, row(w, loser), "a dry run wrote")
		require.Empty(t, mksync(w, "merge", "list").ids())
		mksync(w, "merge", loser).refused("name two contacts")

		done := mksync(w, "merge", loser, winner)
		require.Contains(t, done.lines()[0], "merged  contact "+loser+" into "+winner+"  partner "+superfluous.MKID+" deactivate")
		id := done.ids()[0]
		require.Equal(t, "0", w.One("SELECT count(*)::text FROM contacts WHERE id = $1", loser))
		w.ContactIs(winner, mapping.FieldPhone, "+38640111222")
		w.ContactIs(winner, mapping.FieldEmail, winnerBefore.Email)
		w.PartnerIs(winner, "+38640111222", noted)
		w.PartnerIs(loser, false, world.Buyer)
		require.Contains(t, w.Mapping(loser), "deleted: merged into contact "+winner)
		w.Status(winner, "synced")
		require.Empty(t, mksync(w, "deletions", "list", "--all").ids(), "a merge counts as no deletion")

		require.Equal(t, []string{id}, mksync(w, "merge", loser, winner).ids(), "the same merge again")
		require.Equal(t, []string{id}, mksync(w, "merge", "list", "--of", superfluous.MKID).ids())
		mksync(w, "merge", winner, loser).refused("there is no contact " + loser + ": it was merged into contact " + winner)

		var undone operations.Merge
		mksync(w, "merge", "undo", id, "--json").read(&undone)
		require.Equal(t, store.MergeUndone, undone.Status)
		require.Equal(t, operator(), undone.UndoneBy)
		require.Equal(t, loserRow, row(w, loser), "the row did not come back whole")
		require.Equal(t, winnerBefore.Phone, w.Contact(winner).Phone)
		w.PartnerIs(loser, true, world.Buyer)
		w.PartnerIs(winner, "", noted)
		w.Status(loser, "synced")
		w.Status(winner, "synced")
		require.Equal(t, superfluous.Hash(), w.Partner(loser).Hash())
		require.Equal(t, kept.Hash(), w.Partner(winner).Hash())
		mksync(w, "merge", "undo", id).refused("undone already")
		require.NotEqual(t, id, merged(w, loser, winner), "they can be merged once more")
	})
}

func TestLinesOfMerges(t *testing.T) {
	t.Parallel()
	m := operations.Merge{ID: "1", Status: store.MergeRunning, LoserContactID: "a", WinnerContactID: "b", MovedMetaKockaID: "7001", Note: "partner 7002 is left as it is"}
	require.Equal(t, "1 running contact a into b partner 7001 moved partner 7002 is left as it is", strings.Join(mergeLine(m)[:5], " "))
}

// TestKilledInTheMiddleOfAMerge kills the service with merges and undos under way.
func TestKilledInTheMiddleOfAMerge(t *testing.T) {
	long.Only(t)
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
