package check

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
)

// lose finds so many contacts gone, of so many links.
func (t *trial) lose(gone, links int) {
	t.rep.Links = links
	for i := range gone {
		t.findings = append(t.findings, syncer.Finding{ContactID: fmt.Sprint(i), Kind: syncer.FindingContactGone})
	}
	t.findings = append(t.findings, syncer.Finding{ContactID: "other", Kind: syncer.FindingDiffers})
}

// TestWhyMissingContactsAreNotTakenForDeleted: see holdReason (invariant 6).
func TestWhyMissingContactsAreNotTakenForDeleted(t *testing.T) {
	t.Parallel()
	layout := func(now string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return now, nil }
	}
	active := store.Slot{Found: true, Active: true}
	for name, c := range map[string]struct {
		gone, links int
		prepare     func(t *trial)
		want        string // the code; "": they are taken for deleted
	}{
		"none is gone":                 {0, 9, func(t *trial) { t.req.holdAll = heldPartitions }, ""},
		"one of several":               {1, 9, nil, ""},
		"the only one":                 {1, 1, nil, ""},
		"all of two":                   {2, 2, nil, "note.held.none_found"},
		"one of two":                   {1, 2, nil, ""},
		"ten of eleven":                {10, 11, nil, ""},
		"half of twenty-two":           {11, 22, nil, ""},
		"more than half":               {11, 21, nil, "note.held.half_found"},
		"the table was made anew":      {1, 9, func(t *trial) { t.req.holdAll = coded.Say("note.held.replaced", "replaced") }, "note.held.replaced"},
		"the partitions are as before": {1, 9, func(t *trial) { t.cfg.Layout, t.kept.listener.Layout = layout("a"), "a" }, ""},
		"the partitions are others":    {1, 9, func(t *trial) { t.cfg.Layout, t.kept.listener.Layout = layout("a b"), "a" }, heldPartitions.Code},
		"they were others, not checked": {1, 9, func(t *trial) {
			t.cfg.Layout, t.kept.listener = layout("a"), cdc.State{Layout: "a", LayoutChanged: true, SnapshotDone: true}
		}, heldPartitions.Code},
		"they were others, and checked": {1, 9, func(t *trial) {
			t.cfg.Layout, t.kept.listener = layout("a"), cdc.State{Layout: "a", LayoutChanged: true, SnapshotDone: true}
			t.kept.state.Layout = "a"
		}, ""},
		"a TRUNCATE in the stream":           {1, 9, func(t *trial) { t.waiting.truncate = true }, syncer.HeldTruncate.Code},
		"a TRUNCATE in a slot of nobody":     {1, 9, func(t *trial) { t.kept.slots, t.kept.truncate = []store.Slot{{Found: true}}, true }, syncer.HeldTruncate.Code},
		"no TRUNCATE in a slot of nobody":    {1, 9, func(t *trial) { t.kept.slots = []store.Slot{{Found: true}} }, ""},
		"of one that is lost nothing comes":  {1, 9, func(t *trial) { t.kept.slots, t.kept.truncate = []store.Slot{{Found: true, WALStatus: "lost"}}, true }, ""},
		"of one that is gone nothing comes":  {1, 9, func(t *trial) { t.kept.truncate = true }, ""},
		"the listener is there":              {1, 9, func(t *trial) { t.kept.slots, t.kept.lsn, t.kept.listener.Stored = []store.Slot{active}, 7, 7 }, ""},
		"the listener is behind":             {1, 9, func(t *trial) { t.kept.slots, t.kept.lsn, t.kept.listener.Stored = []store.Slot{active}, 7, 6 }, notReadYet.Code},
		"it is through, and a TRUNCATE came": {1, 9, func(t *trial) { t.kept.slots, t.waiting.truncate = []store.Slot{active}, true }, syncer.HeldTruncate.Code},
	} {
		run := trialOf()
		run.lose(c.gone, c.links)
		if c.prepare != nil {
			c.prepare(&run)
		}
		reason, err := run.holdReason(t.Context())
		require.NoError(t, err, name)
		require.Equal(t, c.want, reason.Code, name)
	}
}

// TestAListenerThatGetsAheadIsWaitedFor: as long as it comes nearer to what was read.
func TestAListenerThatGetsAheadIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		run := trialOf()
		run.lose(1, 9)
		run.kept.lsn = 50
		run.kept.slots = []store.Slot{{Found: true, Active: true}}
		run.cfg.CatchUp = 2500 * time.Millisecond // it is looked at every second
		run.store = &reading{run.kept}
		reason, err := run.holdReason(t.Context())
		require.NoError(t, err)
		require.True(t, reason.IsZero())
		require.EqualValues(t, 50, run.kept.listener.Stored)

		// One that stands still is not waited for.
		run.store = run.kept
		run.kept.lsn = 60
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		reason, err = run.holdReason(ctx)
		require.NoError(t, err)
		require.Equal(t, notReadYet.Code, reason.Code)
	})
}

// reading is a store whose listener reads on each time it is looked at.
type reading struct{ *kept }

func (r *reading) LoadState(ctx context.Context, key string, v any) (bool, error) {
	r.listener.Stored += 10
	return r.kept.LoadState(ctx, key, v)
}

// TestWhatBecomesOfMissingContacts: they are held, or left to the next check, and no other
// finding with them.
func TestWhatBecomesOfMissingContacts(t *testing.T) {
	t.Parallel()
	run := trialOf()
	run.lose(2, 9)
	require.NoError(t, run.hold(t.Context(), syncer.HeldTruncate))
	require.Equal(t, 1, run.kept.held)
	require.Equal(t, syncer.HeldTruncate.Code, run.kept.why.Code)
	require.NoError(t, run.unfinished())
	for _, f := range run.findings {
		require.Equal(t, f.Kind == syncer.FindingContactGone, f.Said.Code == "note.finding.held", f.ContactID)
	}

	run.leaveForNow()
	for _, f := range run.findings {
		require.Equal(t, f.Kind == syncer.FindingContactGone, f.Said.Code == notReadYet.Code, f.ContactID)
	}
	require.ErrorContains(t, run.unfinished(), "2 contacts are gone")
	run.unanswered = 1
	require.ErrorContains(t, run.unfinished(), "1 difference waits")
}

// TestWhatARepairNotes: an error that is about more than the one contact ends it.
func TestWhatARepairNotes(t *testing.T) {
	t.Parallel()
	away := errors.New("MetaKocka is away")
	for name, c := range map[string]struct {
		res      syncer.Result
		err      error
		repaired bool
		partner  string
		ends     bool
	}{
		"brought in order":       {syncer.Result{Status: store.StatusSynced, MetaKockaID: "p2"}, nil, true, "p2", false},
		"without a partner":      {syncer.Result{Status: store.StatusDeleted}, nil, true, "p1", false},
		"waits for a person":     {syncer.Result{Status: store.StatusHeld}, nil, false, "p1", false},
		"refused":                {syncer.Result{MetaKockaID: "p2"}, &syncer.RejectError{Reason: syncer.HeldTruncate}, false, "p1", false},
		"no answer yet":          {syncer.Result{}, fmt.Errorf("c1: %w", &syncer.PendingError{ContactID: "c1"}), false, "p1", false},
		"to be tried again":      {syncer.Result{}, syncer.ErrAgain, false, "p1", false},
		"edited meanwhile":       {syncer.Result{}, store.ErrContactChanged, false, "p1", false},
		"about more than itself": {syncer.Result{}, away, false, "p1", true},
	} {
		f := syncer.Finding{MetaKockaID: "p1"}
		err := noteRepair(&f, c.res, c.err)
		require.Equal(t, c.ends, errors.Is(err, away), name)
		require.Equal(t, []any{c.repaired, c.partner, c.ends}, []any{f.Repaired, f.MetaKockaID, f.Note == "" && c.err != nil}, name)
	}
}

// TestEveryPairIsLookedAtOnce: whatever fills the last page.
func TestEveryPairIsLookedAtOnce(t *testing.T) {
	t.Parallel()
	for n, pages := range map[int]int{0: 1, checkPage - 1: 1, checkPage: 2, checkPage + 1: 2} {
		run := trialOf()
		for i := range n {
			run.kept.pairs = append(run.kept.pairs, store.Pair{ContactID: fmt.Sprintf("%06d", i), Contact: &mapping.Contact{}, InScope: true})
		}
		require.NoError(t, run.compare(t.Context()))
		require.Len(t, run.findings, n)
		require.Equal(t, []int{n, 0, pages}, []int{run.rep.Contacts, run.rep.Links, run.kept.pages})
		require.Equal(t, n, run.number(syncer.FindingUnlinked))
	}
}

// TestWhoIsCounted: contacts that are synced, and living links.
func TestWhoIsCounted(t *testing.T) {
	t.Parallel()
	run := trialOf()
	for _, p := range []store.Pair{
		{Contact: &mapping.Contact{}, InScope: true},
		{Contact: &mapping.Contact{}, Link: &store.Link{Status: store.StatusSynced}},
		{Link: &store.Link{Status: store.StatusHeld}, InScope: true},
		{Link: &store.Link{Status: store.StatusDeleted}},
	} {
		run.count(p)
	}
	require.Equal(t, []int{1, 2}, []int{run.rep.Contacts, run.rep.Links})
}

// linkedPairs are so many contacts with partners, which have agreed on nothing yet.
func linkedPairs(n int) (pairs []store.Pair) {
	for i := range n {
		id := fmt.Sprintf("%06d", i)
		pairs = append(pairs, store.Pair{
			ContactID: id, Contact: &mapping.Contact{}, InScope: true, Link: &store.Link{ID: id, MetaKockaID: id, Status: store.StatusSynced},
		})
	}
	return pairs
}

// TestTooManyMissingPartnersAreNoFinding: more than ten and more than a fifth end the check,
// once one of them is not found by its id either.
func TestTooManyMissingPartnersAreNoFinding(t *testing.T) {
	t.Parallel()
	for absent, unlikely := range map[int]bool{10: false, 11: true} {
		run := trialOf()
		run.kept.pairs = linkedPairs(absent)
		err := run.compare(t.Context())
		if unlikely {
			require.ErrorContains(t, err, "11 of 11 linked partners are missing")
			require.Equal(t, 1, run.erp.asked)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, absent, run.number(syncer.FindingPartnerGone))
		require.Equal(t, absent, run.erp.asked)
	}
}

// TestWhoTheSweepBroughtIsNotAskedFor: and whoever is found by its id is not missing, be they
// ever so many.
func TestWhoTheSweepBroughtIsNotAskedFor(t *testing.T) {
	t.Parallel()
	run := trialOf()
	run.kept.pairs = linkedPairs(20)
	for i, p := range run.kept.pairs {
		there := map[bool]map[string]metakocka.Partner{true: run.seen.partners, false: run.erp.partners}[i < 5]
		there[p.ContactID] = metakocka.Partner{MKID: p.ContactID}
	}
	require.NoError(t, run.compare(t.Context()))
	require.Equal(t, 15, run.erp.asked)
	require.Equal(t, 20, run.number(syncer.FindingDiffers))
	require.Len(t, run.seen.partners, 20, "nobody is asked for twice")
}

// TestWhoseMatchIsLookedAtAgain: of whoever waits for a person with a match, not with a
// deletion.
func TestWhoseMatchIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	pair := func(change func(p *store.Pair)) store.Pair {
		p := store.Pair{Contact: &mapping.Contact{}, InScope: true, Link: &store.Link{Status: store.StatusHeld}}
		change(&p)
		return p
	}
	require.True(t, heldMatch(pair(func(*store.Pair) {})))
	for _, change := range []func(p *store.Pair){
		func(p *store.Pair) { p.Contact = nil },
		func(p *store.Pair) { p.InScope = false },
		func(p *store.Pair) { p.Link = nil },
		func(p *store.Pair) { p.Link.Status = store.StatusError },
		func(p *store.Pair) { p.Link.MetaKockaID = "p1" },
		func(p *store.Pair) { p.Deletion = mapping.SideCRM },
	} {
		require.False(t, heldMatch(pair(change)))
	}
}

// TestAReportNamesAThousand, and counts all.
func TestAReportNamesAThousand(t *testing.T) {
	t.Parallel()
	for n, named := range map[int]int{0: 0, mostFindings: mostFindings, mostFindings + 1: mostFindings} {
		run := trialOf()
		for i := range n {
			run.note(syncer.Finding{Kind: syncer.FindingDiffers, Repaired: i%2 == 0})
		}
		run.note(syncer.Finding{}) // nothing is wrong
		rep := run.report()
		require.NotNil(t, rep.Findings)
		require.Len(t, rep.Findings, named)
		require.Equal(t, []int{n, n / 2}, []int{rep.Found[syncer.FindingDiffers], rep.Differing})
		require.Zero(t, rep.Waiting+rep.Failed, "nothing was to be repaired")
	}
}
