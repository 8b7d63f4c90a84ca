package operations

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// asRun is a bulk request whose pieces end as the test says.
func asRun(t *testing.T, all, whole, watched bool) *bulkRun {
	t.Helper()
	var watch Watch
	if watched {
		watch = func(context.Context, Progress) error { return nil }
	}
	gate := syncer.NewGate(time.Second, time.Second)
	run := &bulkRun{
		Bulk: NewBulk(nil, nil, gate, nil, 1, slog.New(slog.DiscardHandler)), all: all, whole: whole,
		results: map[int]BulkItem{}, counts: map[match.Verdict]int{},
	}
	run.rep, _ = report(t.Context(), watch, gate, "")
	t.Cleanup(func() { run.rep.close(context.WithoutCancel(t.Context())) })
	return run
}

// TestHowManyAreWorkedOnAtOnce: some where nothing is said, and never more than connections allow.
func TestHowManyAreWorkedOnAtOnce(t *testing.T) {
	t.Parallel()
	for given, want := range map[int]int{-1: 4, 0: 4, 1: 1, BulkPlaces: BulkPlaces, BulkPlaces + 1: BulkPlaces} {
		require.Equal(t, want, NewBulk(nil, nil, nil, nil, given, nil).workers, given)
	}
}

// TestWhatABulkRequestCounts: who did not succeed is in no count but that; whose id came twice
// is answered twice; of what was not begun only who does not watch has to be told.
func TestWhatABulkRequestCounts(t *testing.T) {
	t.Parallel()
	refused := syncer.Refuse(syncer.CodeNotFound, "contact.none", "there is no contact {contact}", "b")
	ids := []string{"a", "b", "a", "c", "d"}
	ended := func(run *bulkRun) {
		firsts, doubles := once(ids)
		require.Equal(t, []int{0, 1, 3, 4}, firsts)
		require.NoError(t, run.finished(0, match.VerdictLinked, syncer.Result{ContactID: "a", LinkID: "l", MetaKockaID: "7001", Status: store.StatusSynced}, nil))
		require.ErrorIs(t, run.finished(1, match.VerdictCreate, syncer.Result{ContactID: "b"}, refused), refused)
		held := syncer.Result{ContactID: "c", Status: store.StatusHeld, LastError: coded.Words("two match")}
		require.ErrorIs(t, run.finished(3, match.VerdictLink, held, refused), refused)
		run.repeat(doubles)
	}
	asked := func(i int) BulkItem { return BulkItem{ContactID: ids[i]} }

	run := asRun(t, false, true, false)
	ended(run)
	res := run.synced(len(ids), asked)
	require.Equal(t, []any{5, 2, 3, true, map[match.Verdict]int{match.VerdictLinked: 2}}, []any{res.Total, res.Succeeded, res.Failed, res.Stopped, res.Counts})
	require.Len(t, res.Results, 5)
	require.Equal(t, BulkItem{ContactID: "a", MetaKockaID: "7001", Success: true, MappingID: "l", SyncStatus: store.StatusSynced, Verdict: match.VerdictLinked}, res.Results[0])
	require.Equal(t, res.Results[0], res.Results[2])
	require.Equal(t, []any{"there is no contact b", match.Verdict("")}, []any{res.Results[1].Error, res.Results[1].Verdict})
	require.Equal(t, []any{"two match", match.VerdictAmbiguous}, []any{res.Results[3].Error, res.Results[3].Verdict}, "who is held is told why")
	require.Equal(t, []any{"d", false, "not done: the request was stopped before"}, []any{res.Results[4].ContactID, res.Results[4].Success, res.Results[4].Error})

	run = asRun(t, false, false, true)
	ended(run)
	res = run.synced(len(ids), asked)
	require.Equal(t, []any{5, 2, 2, true, 4}, []any{res.Total, res.Succeeded, res.Failed, res.Stopped, len(res.Results)})

	require.ErrorIs(t, run.finished(4, match.VerdictCreate, syncer.Result{ContactID: "d"}, refused), refused)
	require.False(t, run.synced(len(ids), asked).Stopped, "all are done")

	// Of an import, partners that are imported by their ids alone are neither.
	run = asRun(t, true, true, false)
	require.NoError(t, run.finished(0, match.VerdictUnlinked, syncer.Result{MetaKockaID: "7001"}, nil))
	require.NoError(t, run.finished(1, match.VerdictCreate, syncer.Result{MetaKockaID: "7002"}, nil))
	imported := run.imported(2, asked)
	require.Equal(t, []any{2, 1, 0, false}, []any{imported.Total, imported.Imported, imported.Failed, imported.Stopped})
}

// TestWhatAnAnswerOverAllKeeps: everything for whoever does not watch, else what failed, and
// not without end.
func TestWhatAnAnswerOverAllKeeps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ all, whole, success, keeps, keepsMore bool }{
		{true, false, true, false, false},
		{true, false, false, true, false},
		{true, true, true, true, true},
		{true, true, false, true, true},
		{false, false, true, true, true},
		{false, false, false, true, true},
	} {
		run := asRun(t, c.all, c.whole, true)
		require.Equal(t, c.keeps, run.keeps(BulkItem{Success: c.success}), "%+v", c)
		for i := range mostListed - 1 {
			run.results[i] = BulkItem{}
		}
		require.Equal(t, c.keeps, run.keeps(BulkItem{Success: c.success}), "%+v", c)
		run.results[mostListed] = BulkItem{}
		require.Equal(t, c.keepsMore, run.keeps(BulkItem{Success: c.success}), "%+v", c)
	}
}

// TestWhatIsPutOff is an outage where somebody waits for its end, and a write whose end is not
// known yet: neither counts.
func TestWhatIsPutOff(t *testing.T) {
	t.Parallel()
	outage, unknown, internal := error(&syncer.PausedError{Err: errors.New("wrong key")}), error(&syncer.PendingError{}), errors.New("relation mksync_x does not exist")
	for _, c := range []struct {
		err     error
		watched bool
		putOff  bool
	}{
		{nil, true, false}, {outage, true, true}, {outage, false, false}, {unknown, true, true}, {unknown, false, true}, {internal, true, false},
	} {
		run := asRun(t, false, true, c.watched)
		require.Equal(t, c.putOff, run.putOff(c.err), "%+v", c)
		require.ErrorIs(t, run.finished(0, "", syncer.Result{}, c.err), c.err)
		require.Equal(t, c.putOff, len(run.results) == 0, "%+v", c)
	}

	// A job's result is read by others: an internal error is for the log.
	require.Equal(t, syncer.ErrInternal.Reason, asRun(t, false, true, true).reason(internal))
	require.Equal(t, internal.Error(), asRun(t, false, false, true).reason(internal).String())
}
