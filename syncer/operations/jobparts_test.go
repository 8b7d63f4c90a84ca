package operations

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// jobsKept are jobs by their ids; those that are added are kept as well.
type jobsKept struct {
	JobStore
	all   map[string]store.Job
	added []store.Job
}

func (k *jobsKept) Job(_ context.Context, id string) (*store.Job, error) {
	j, known := k.all[id]
	if !known {
		return nil, nil
	}
	return &j, nil
}

func (k *jobsKept) AddJob(_ context.Context, operation string, request json.RawMessage, by string) (store.Job, error) {
	k.added = append(k.added, store.Job{ID: uuidOf, Operation: operation, Request: request, CreatedBy: by, Status: store.JobQueued})
	return k.added[len(k.added)-1], nil
}

// TestWhatOfAJobIsTriedAgain: what failed, each once, by whoever asks for it; of a job that is
// over, and of those that may be made anew.
func TestWhatOfAJobIsTriedAgain(t *testing.T) {
	t.Parallel()
	other := uuid.NewString()
	items := []BulkItem{
		{ContactID: uuidOf, MetaKockaID: "7001", Success: true}, {ContactID: other, MetaKockaID: "7002"}, {ContactID: other, MetaKockaID: "7002"},
	}
	fine := items[:1]
	request := undoing{ContactIDs: []string{uuidOf, other}, Entries: map[string][]int64{uuidOf: {9}, other: {8, 7}}, Named: true, AskedBy: "ana"}
	for _, c := range []struct {
		operation string
		status    store.JobStatus
		items     []BulkItem
		queues    string
		says      string
	}{
		{OpBulkSync.Name, store.JobDone, items, `{"contactIds":["` + other + `"],"by":"bor"}`, ""},
		{OpBulkSync.Name, store.JobCancelled, items, `{"contactIds":["` + other + `"],"by":"bor"}`, ""},
		{OpBulkImport.Name, store.JobFailed, items, `{"metakockaIds":["7002"],"by":"bor"}`, ""},
		{undoName, store.JobDone, items[:2], `{"contactIds":["` + other + `"],"entries":{"` + other + `":[8,7]},"named":true,"all":false,"askedBy":"bor"}`, ""},
		{OpBulkSync.Name, store.JobRunning, items, "", "is running: what fails of it can be tried again once it is over"},
		{OpBulkSync.Name, store.JobQueued, items, "", "is queued: what fails of it can be tried again once it is over"},
		{OpBulkSync.Name, store.JobDone, fine, "", "nothing of job "},
		{OpBulkImport.Name, store.JobDone, fine, "", "nothing of job "},
		{undoName, store.JobDone, fine, "", "nothing of job "},
		{OpBulkSync.Name, store.JobDone, nil, "", "nothing of job "},
		{OpApproveAll.Name, store.JobDone, items, "", "nothing of job "},
	} {
		j := store.Job{ID: uuidOf, Operation: c.operation, Status: c.status}
		var err error
		if c.items != nil {
			j.Result, err = json.Marshal(map[string]any{"results": c.items})
			require.NoError(t, err)
		}
		j.Request, err = json.Marshal(request)
		require.NoError(t, err)
		kept := &jobsKept{all: map[string]store.Job{uuidOf: j}}
		a := (&API{records: &records{key: store.KeyUUID}}).WithJobs(NewJobs(kept, 0, nil))

		again, err := a.RetryJob(t.Context(), EntryRequest{ID: uuidOf, By: "bor"})
		if c.says != "" {
			require.ErrorContains(t, err, c.says)
			require.True(t, syncer.IsCode(err, syncer.CodeConflict), c.says)
			require.Empty(t, kept.added)
			continue
		}
		require.NoError(t, err)
		require.Len(t, kept.added, 1)
		require.Equal(t, []any{c.operation, store.JobQueued, "bor"}, []any{again.Operation, again.Status, again.CreatedBy})
		require.JSONEq(t, c.queues, string(kept.added[0].Request))
	}

	a := (&API{}).WithJobs(NewJobs(&jobsKept{}, 0, nil))
	_, err := a.RetryJob(t.Context(), EntryRequest{ID: uuidOf})
	require.True(t, syncer.IsCode(err, syncer.CodeNotFound), "%v", err)
}

// TestPagesOfAJobsResults: those of one that failed alone, if asked for; the last page names
// no other.
func TestPagesOfAJobsResults(t *testing.T) {
	t.Parallel()
	result := json.RawMessage(`{"total":4,"results":[{"contactId":"a","success":true},{"contactId":"b"},{"contactId":"c","success":true},{"contactId":"d"}]}`)
	for _, c := range []struct {
		r        JobRequest
		is, next string
	}{
		{JobRequest{}, "abcd", ""},
		{JobRequest{Limit: 4}, "abcd", ""},
		{JobRequest{Limit: 3}, "abc", "3"},
		{JobRequest{Limit: 3, After: "3"}, "d", ""},
		{JobRequest{Limit: 3, After: "4"}, "", ""},
		{JobRequest{After: "9"}, "", ""},
		{JobRequest{Failed: true}, "bd", ""},
		{JobRequest{Failed: true, Limit: 1}, "b", "1"},
		{JobRequest{Failed: true, Limit: 1, After: "1"}, "d", ""},
	} {
		cut, next := result, ""
		page, err := c.r.page()
		require.NoError(t, err)
		if page != nil {
			cut, next, err = page.cut(result)
			require.NoError(t, err)
		}
		items, err := Job{Result: cut}.Items()
		require.NoError(t, err)
		is := ""
		for _, i := range items {
			is += i.ContactID
		}
		require.Equal(t, []string{c.is, c.next}, []string{is, next}, "%+v", c.r)
		require.Contains(t, string(cut), `"total":4`)
	}
	for says, r := range map[string]JobRequest{
		"limit: must be from 1 to 1000":        {Limit: largestPage + 1},
		"after: is not what a list's next was": {After: "-1"},
	} {
		_, err := r.page()
		require.ErrorContains(t, err, says)
	}
	items, err := Job{}.Items()
	require.NoError(t, err)
	require.Empty(t, items)
}

// TestWhatIsLeftOfAJob: ids that are not finished, each once; what is finished is told of in
// the order asked, as often as it was asked for.
func TestWhatIsLeftOfAJob(t *testing.T) {
	t.Parallel()
	run := &jobRun{known: map[string]BulkItem{"b": {ContactID: "b", Success: true}, "d": {ContactID: "d"}, "e": {ContactID: "e", Success: true}}}
	asked := []string{"a", "d", "b", "a", "b", "c", "e"}
	require.Equal(t, []string{"a", "c"}, run.left(asked))
	require.Equal(t, []BulkItem{{ContactID: "d"}, {ContactID: "b", Success: true}, {ContactID: "b", Success: true}, {ContactID: "e", Success: true}}, run.inOrder(asked))
	require.Equal(t, []int{5, 3, 1}, []int{run.job.Total, run.job.Done, run.job.Failed})

	// What a job was doing when it ended is not what it does.
	j := store.Job{Doing: "syncing", Paused: coded.Words("away"), ExpectedAt: noon, Status: store.JobRunning}
	shown := jobOf(j)
	require.Equal(t, []any{"syncing", "away", true}, []any{shown.Doing, shown.Paused, shown.ExpectedAt != nil})
	j.FinishedAt = noon.Add(time.Hour)
	shown = jobOf(j)
	require.Equal(t, []any{"", "", true}, []any{shown.Doing, shown.Paused, shown.ExpectedAt == nil})
}

// TestAProcessWithoutPartsRefuses what it lacks them for, in words.
func TestAProcessWithoutPartsRefuses(t *testing.T) {
	t.Parallel()
	a := &API{records: &records{key: store.KeyUUID}}
	for name, do := range map[string]func() error{
		"start":  func() error { _, err := a.StartBulkImport(t.Context(), BulkImportRequest{ImportAll: true}); return err },
		"job":    func() error { _, err := a.Job(t.Context(), JobRequest{ID: uuidOf}); return err },
		"jobs":   func() error { _, err := a.Jobs(t.Context(), Page{}); return err },
		"cancel": func() error { _, err := a.CancelJob(t.Context(), EntryRequest{ID: uuidOf}); return err },
		"retry":  func() error { _, err := a.RetryJob(t.Context(), EntryRequest{ID: uuidOf}); return err },
		"work":   func() error { return a.WorkOff(t.Context(), uuidOf) },
		"import": func() error { _, err := a.BulkImport(t.Context(), BulkImportRequest{ImportAll: true}); return err },
		"log":    func() error { _, err := a.Log(t.Context(), LogRequest{}); return err },
	} {
		require.True(t, syncer.IsCode(do(), syncer.CodeUnavailable), name)
	}
}
