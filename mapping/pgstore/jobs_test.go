package pgstore_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
)

// addJob queues a job with a request.
func (k *keeping) addJob(request string) store.Job {
	k.t.Helper()
	j, err := k.AddJob(k.t.Context(), "bulk-sync", json.RawMessage(request), "ana")
	require.NoError(k.t, err)
	return j
}

// job is a job as it is stored.
func (k *keeping) job(id string) store.Job {
	k.t.Helper()
	j, err := k.Job(k.t.Context(), id)
	require.NoError(k.t, err)
	require.NotNil(k.t, j)
	return *j
}

// take takes a job up; nil: it is not ready.
func (k *keeping) take(id string) *store.Job {
	k.t.Helper()
	j, err := k.TakeJob(k.t.Context(), id)
	require.NoError(k.t, err)
	return j
}

// ready are the jobs that are to be worked on.
func (k *keeping) ready() []string {
	k.t.Helper()
	ids, err := k.ReadyJobs(k.t.Context())
	require.NoError(k.t, err)
	return ids
}

// TestAJobFromItsRequestToItsResult: taken up, it runs; taken up again by another process
// it goes on from the items that are stored; its result holds them in the end.
func TestAJobFromItsRequestToItsResult(t *testing.T) {
	t.Parallel()
	k := keep(t)
	j := k.addJob(`{"contactIds": ["c1", "c2"]}`)
	require.Equal(t, store.JobQueued, j.Status)
	require.Equal(t, "ana", j.CreatedBy)
	require.JSONEq(t, `{"contactIds": ["c1", "c2"]}`, string(j.Request))
	none, err := k.Job(t.Context(), noJob)
	require.NoError(t, err)
	require.Nil(t, none)

	require.Equal(t, []string{j.ID}, k.ready())
	j = *k.take(j.ID)
	require.Equal(t, store.JobRunning, j.Status)
	began := j.StartedAt
	require.NotZero(t, began)

	away := coded.Say("refusal.x", "MetaKocka is {how}", "away")
	j.Doing, j.Paused, j.Total, j.Done, j.Failed = "syncing", away, 2, 1, 1
	j.ExpectedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, item := range []string{`{"ok": false}`, `{"ok": true}`} {
		going, err := k.SaveJob(t.Context(), j, []store.JobItem{{ID: "c1", Item: json.RawMessage(item)}})
		require.NoError(t, err)
		require.True(t, going)
	}
	got := k.job(j.ID)
	require.Equal(t, []any{"syncing", away, 2, 1, 1}, []any{got.Doing, got.Paused, got.Total, got.Done, got.Failed})
	require.True(t, j.ExpectedAt.Equal(got.ExpectedAt))

	require.Equal(t, []string{j.ID}, k.ready(), "its process may have been killed")
	again := k.take(j.ID)
	require.Equal(t, began, again.StartedAt)
	require.Zero(t, again.ExpectedAt)
	items, err := k.JobItems(t.Context(), j.ID)
	require.NoError(t, err)
	require.Len(t, items, 1)
	require.JSONEq(t, `{"ok": true}`, string(items["c1"]))

	j.Status, j.Done, j.Result = store.JobDone, 2, json.RawMessage(`{"total": 2}`)
	require.NoError(t, k.FinishJob(t.Context(), j))
	got = k.job(j.ID)
	require.Equal(t, []any{store.JobDone, "", coded.Text{}, 2, 2, 1}, []any{got.Status, got.Doing, got.Paused, got.Total, got.Done, got.Failed})
	require.JSONEq(t, `{"total": 2}`, string(got.Result))
	require.NotZero(t, got.FinishedAt)
	items, err = k.JobItems(t.Context(), j.ID)
	require.NoError(t, err)
	require.Empty(t, items)
	require.Empty(t, k.ready())
	require.Nil(t, k.take(j.ID))
}

// TestACancelledJobStops: its runner is told with the next save, and it is taken up once
// more to store what was done; one that nobody had begun is not.
func TestACancelledJobStops(t *testing.T) {
	t.Parallel()
	k := keep(t)
	begun, waiting := k.addJob(`{"contactIds": ["c1"]}`), k.addJob(`{"contactIds": ["c2"]}`)
	j := *k.take(begun.ID)
	for _, id := range []string{begun.ID, waiting.ID} {
		require.NoError(t, k.CancelJob(t.Context(), id, "eva"))
		require.NoError(t, k.CancelJob(t.Context(), id, "late"))
		require.Equal(t, store.JobCancelled, k.job(id).Status)
		require.Equal(t, "eva", k.job(id).FinishedBy)
	}
	going, err := k.SaveJob(t.Context(), j, []store.JobItem{{ID: "c1", Item: json.RawMessage(`{}`)}})
	require.NoError(t, err)
	require.False(t, going)
	require.Equal(t, []string{begun.ID}, k.ready())
	require.Equal(t, store.JobCancelled, k.take(begun.ID).Status)
	require.Nil(t, k.take(waiting.ID))

	finished := k.job(begun.ID).FinishedAt
	j.Status, j.Result = store.JobDone, json.RawMessage(`{"total": 1}`)
	require.NoError(t, k.FinishJob(t.Context(), j))
	got := k.job(begun.ID)
	require.Equal(t, store.JobCancelled, got.Status)
	require.Equal(t, finished, got.FinishedAt)
	require.NotEmpty(t, got.Result)
	require.Empty(t, k.ready())
}

// TestAJobThatFailedIsNotTakenUpAgain, a cancelled one neither once its error is stored.
func TestAJobThatFailedIsNotTakenUpAgain(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for _, cancel := range []bool{false, true} {
		j := *k.take(k.addJob(`{}`).ID)
		if cancel {
			require.NoError(t, k.CancelJob(t.Context(), j.ID, ""))
		}
		j.Status, j.Error = store.JobFailed, coded.Words("MetaKocka refuses the key")
		require.NoError(t, k.FinishJob(t.Context(), j))
		require.Equal(t, coded.Words("MetaKocka refuses the key"), k.job(j.ID).Error)
		require.Empty(t, k.ready())
	}
}

// noJob is the id of none.
const noJob = "00000000-0000-4000-8000-000000000003"

// TestJobsOverTheSameContactsWaitForEachOther: they name a contact or a partner of one
// another, or one of them all there are; a finished one is waited for no more.
func TestJobsOverTheSameContactsWaitForEachOther(t *testing.T) {
	t.Parallel()
	named, err := json.Marshal(map[string][]string{"contactIds": {numbered(1), "x"}})
	require.NoError(t, err)
	first := string(named)
	for name, c := range map[string]struct {
		first, second string
		waits         bool
	}{
		"a contact of both":             {first, `{"contactIds": ["y", "x"]}`, true},
		"none":                          {first, `{"contactIds": ["y"]}`, false},
		"a partner of both":             {`{"metakockaIds": ["7", "8"]}`, `{"metakockaIds": ["8"]}`, true},
		"a contact and its partner":     {first, `{"metakockaIds": ["7001"]}`, true},
		"a partner and its contact":     {`{"metakockaIds": ["7001"]}`, first, true},
		"a contact and another partner": {first, `{"metakockaIds": ["7002"]}`, false},
		"all contacts, and some":        {`{"syncAll": true}`, `{"contactIds": ["y"]}`, true},
		"some, and all partners":        {first, `{"importAll": true}`, true},
		"all of neither":                {`{"syncAll": false}`, `{"importAll": false, "metakockaIds": ["9"]}`, false},
		"a partner with a contact's id": {`{"contactIds": ["7"]}`, `{"metakockaIds": ["7"]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := keep(t)
			k.link(1, store.StatusSynced)
			before, behind := k.addJob(c.first), k.addJob(c.second)
			if !c.waits {
				require.Empty(t, behind.WaitsFor)
				require.Equal(t, []string{before.ID, behind.ID}, k.ready())
				return
			}
			require.Equal(t, []string{before.ID}, behind.WaitsFor)
			require.Equal(t, []string{before.ID}, k.ready())
			require.Nil(t, k.take(behind.ID))
			before.Status = store.JobDone
			require.NotNil(t, k.take(before.ID))
			require.NoError(t, k.FinishJob(t.Context(), before))
			require.Empty(t, k.job(behind.ID).WaitsFor)
			require.NotNil(t, k.take(behind.ID))
		})
	}
}

// TestOfManyJobsAtOnceEachSeesTheOthers: they are queued in turn, so that two over the same
// contact never run side by side.
func TestOfManyJobsAtOnceEachSeesTheOthers(t *testing.T) {
	t.Parallel()
	k := keep(t)
	var all sync.WaitGroup
	var waits atomic.Int64
	for range 8 {
		all.Go(func() {
			j, err := k.AddJob(t.Context(), "bulk-sync", json.RawMessage(`{"syncAll": true}`), "")
			require.NoError(t, err)
			waits.Add(int64(len(j.WaitsFor)))
		})
	}
	all.Wait()
	require.EqualValues(t, 7*8/2, waits.Load())
	require.Len(t, k.ready(), 1)
}

// TestSoManyJobsAreTakenAndNoMore, until one is done; those that were finished long ago
// are forgotten with their items.
func TestSoManyJobsAreTakenAndNoMore(t *testing.T) {
	t.Parallel()
	k := keep(t)
	old := k.addJob(`{"contactIds": ["old"]}`)
	require.NotNil(t, k.take(old.ID))
	_, err := k.SaveJob(t.Context(), old, []store.JobItem{{ID: "old", Item: json.RawMessage(`{}`)}})
	require.NoError(t, err)
	require.NoError(t, k.CancelJob(t.Context(), old.ID, ""))
	k.exec(`INSERT INTO mksync_jobs (operation, request) SELECT 'bulk-sync', jsonb_build_object('contactIds', ARRAY['c' || n]) FROM generate_series(1, $1::int) n`, store.MostOpenJobs)
	_, err = k.AddJob(t.Context(), "bulk-sync", json.RawMessage(`{}`), "")
	require.ErrorIs(t, err, store.ErrTooManyJobs)
	k.is(int64(1), "SELECT count(*) FROM mksync_job_items")

	k.exec("UPDATE mksync_jobs SET finished_at = now() - interval '31 days' WHERE id::text = $1", old.ID)
	require.NoError(t, k.CancelJob(t.Context(), k.ready()[1], ""))
	k.addJob(`{}`)
	gone, err := k.Job(t.Context(), old.ID)
	require.NoError(t, err)
	require.Nil(t, gone)
	k.is(int64(0), "SELECT count(*) FROM mksync_job_items")
}

// TestJobsArePaged, newest first, without their results.
func TestJobsArePaged(t *testing.T) {
	t.Parallel()
	k := keep(t)
	var want []string
	for n := range 7 {
		j := k.addJob(fmt.Sprintf(`{"contactIds": ["c%d"]}`, n))
		j.Status, j.Result = store.JobDone, json.RawMessage(`{"total": 1}`)
		require.NotNil(t, k.take(j.ID))
		require.NoError(t, k.FinishJob(t.Context(), j))
		want = append([]string{j.ID}, want...)
	}
	all := paged(t, 3, func(last *store.Job) ([]store.Job, error) {
		if last == nil {
			return k.Jobs(t.Context(), "", 3)
		}
		return k.Jobs(t.Context(), last.ID, 3)
	})
	require.Equal(t, want, each(all, func(j store.Job) string { return j.ID }))
	for _, j := range all {
		require.Nil(t, j.Result)
	}
	require.NotEmpty(t, k.job(want[0]).Result)
}
