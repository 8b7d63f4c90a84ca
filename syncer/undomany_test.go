package syncer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

const firstPhone, secondPhone, thirdPhone = "041 111 111", "041 222 222", "041 333 333"

// edited are n contacts whose phone was changed once, and the entries that tell of it.
func (u undoing) edited(n int) (ids, written []string) {
	u.T.Helper()
	for i := range n {
		id, _ := u.Linked(mapping.Contact{Name: fmt.Sprint("Oseba ", i), Phone: firstPhone})
		u.Set(id, mapping.FieldPhone, secondPhone)
		u.Pushed(id, false)
		ids = append(ids, id)
		written = append(written, u.newest(id))
	}
	return ids, written
}

// worked works the job of an undo of several contacts off.
func (u undoing) worked(queued operations.UndoResult) (j operations.Job, res operations.UndoneMany) {
	u.T.Helper()
	require.NotEmpty(u.T, queued.Job)
	return u.workedOff(queued.Job)
}

func (u undoing) workedOff(id string) (j operations.Job, res operations.UndoneMany) {
	u.T.Helper()
	api := u.api()
	require.NoError(u.T, api.WorkOff(u.T.Context(), id))
	j, err := api.Job(u.T.Context(), operations.JobRequest{ID: id})
	require.NoError(u.T, err)
	require.NoError(u.T, json.Unmarshal(j.Result, &res))
	require.Equal(u.T, []int{j.Total, j.Done, j.Failed}, []int{res.Total, res.Succeeded + res.Failed, res.Failed})
	return j, res
}

// TestWritesOfSeveralContactsAreTakenBackByAJob: nothing before it is worked on, over what
// there was when it was asked for; what failed is tried again, and the whole is taken back.
func TestWritesOfSeveralContactsAreTakenBackByAJob(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	since := u.One("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
	ids, written := u.edited(4)
	window := operations.UndoRequest{Since: since, Until: "2100-01-01T00:00:00Z", Side: mapping.SideMetaKocka}

	// A look comes in pages.
	look := window
	look.DryRun = true
	look.Limit = 3
	first := u.undo(look)
	require.Equal(t, []int{4, 3}, []int{first.Contacts, first.Undone})
	look.After = first.Next
	second := u.undo(look)
	require.Equal(t, []int{4, 1}, []int{second.Contacts, second.Undone})
	require.Empty(t, second.Next)
	require.Equal(t, ids[0], second.Items[0].ContactID, "the newest come first")

	queued := u.undo(operations.UndoRequest{IDs: written})
	require.Equal(t, []any{4, 0, 0}, []any{queued.Contacts, queued.Undone, len(queued.Items)})
	u.hold(ids[0], secondPhone)
	later, err := u.api().Undo(t.Context(), window)
	require.NoError(t, err)
	job, err := u.api().Job(t.Context(), operations.JobRequest{ID: later.Job})
	require.NoError(t, err)
	require.Equal(t, []string{queued.Job}, job.WaitsFor, "it is over the same contacts")
	_, err = u.api().Undo(t.Context(), operations.UndoRequest{Job: queued.Job})
	require.ErrorContains(t, err, "is taken back once it is over or cancelled")
	_, err = u.api().CancelJob(t.Context(), operations.EntryRequest{ID: later.Job})
	require.NoError(t, err)

	// Somebody edits one of them in MetaKocka meanwhile.
	u.Edit(u.Partner(ids[3]), func(p *metakocka.Partner) { p.Contacts[0].GSM = thirdPhone })
	job, res := u.worked(queued)
	require.Equal(t, store.JobDone, job.Status)
	require.Equal(t, []int{4, 3, 1, 3}, []int{res.Total, res.Succeeded, res.Failed, res.Undone})
	for i, item := range res.Results {
		require.Equal(t, item.ContactID != ids[3], item.Success, i)
		if !item.Success {
			require.Equal(t, syncer.UndoChanged, item.Left[0].Code)
			require.Contains(t, item.Error, "was changed in MetaKocka since")
		}
	}
	for _, id := range ids[:3] {
		u.hold(id, firstPhone)
	}
	kept := u.One("SELECT string_agg(request::text || result::text, ' ') FROM mksync_jobs")
	require.NotContains(t, kept, "041", "a job keeps no values")

	// What failed is tried again.
	u.Edit(u.Partner(ids[3]), func(p *metakocka.Partner) { p.Contacts[0].GSM = secondPhone })
	u.Pull(u.Partner(ids[3]).MKID)
	u.hold(ids[3], secondPhone)
	again, err := u.api().RetryJob(t.Context(), operations.EntryRequest{ID: queued.Job, By: "bor"})
	require.NoError(t, err)
	_, res = u.workedOff(again.ID)
	require.Equal(t, []int{1, 1, 0}, []int{res.Total, res.Succeeded, res.Failed})
	u.hold(ids[3], firstPhone)
	require.Equal(t, "bor", u.History(u.Service.Store, ids[3])[0].By)
	_, err = u.api().RetryJob(t.Context(), operations.EntryRequest{ID: again.ID})
	require.ErrorContains(t, err, "nothing of job "+again.ID+" failed")

	// All that the job did is taken back as a whole.
	_, res = u.worked(u.undo(operations.UndoRequest{Job: queued.Job}))
	require.Equal(t, []int{4, 3}, []int{res.Total, res.Succeeded}, "the edit that it carried along is another by now")
	for _, id := range ids[:3] {
		u.hold(id, secondPhone)
	}
	u.hold(ids[3], firstPhone)
}

// TestAnUndoOfSeveralThatIsCutOff, and whose items are lost with its process, writes to each
// contact once, and tells of each what it did; also where an answer is lost, and where
// somebody edits a contact that was taken back already.
func TestAnUndoOfSeveralThatIsCutOff(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	ids, written := u.edited(6)
	queued := u.undo(operations.UndoRequest{IDs: written})
	wrote := u.ERP.Calls().Received[metakocka.EndpointUpdate]
	require.NoError(t, u.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))

	ctx, cut := context.WithCancel(t.Context())
	var g errgroup.Group
	g.Go(func() error { return u.api().WorkOff(ctx, queued.Job) })
	took := "SELECT count(*) FROM contacts WHERE phone = $1"
	u.Eventually(func() error {
		if u.Count(took, firstPhone) < 2 {
			return errors.New("not begun")
		}
		return nil
	})
	cut()
	if err := g.Wait(); err != nil { // it may have come to its end before
		require.ErrorIs(t, err, context.Canceled)
	}
	u.Exec("DELETE FROM mksync_job_items")
	done := u.One("SELECT min(id::text) FROM contacts WHERE phone = $1", firstPhone)
	u.Set(done, mapping.FieldPhone, thirdPhone)
	u.Pushed(done, false)

	_, res := u.workedOff(queued.Job)
	require.Equal(t, []int{6, 6, 0, 6}, []int{res.Total, res.Succeeded, res.Failed, res.Undone})
	require.Equal(t, 6+1, u.ERP.Calls().Received[metakocka.EndpointUpdate]-wrote, "each once, and the edit that came after")
	for _, id := range ids {
		want := firstPhone
		if id == done {
			want = thirdPhone
		}
		u.hold(id, want)
	}
}

// TestAnUndoOfManyLetsOthersIn: it is worked on in the bulk lane, so whoever asks for one
// contact meanwhile does not wait for it.
func TestAnUndoOfManyLetsOthersIn(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	ids, written := u.edited(12)
	api, began := u.api(), make(chan struct{}, 1000)
	u.ERP.OnCall(func(c sim.Call) {
		if c.Endpoint == metakocka.EndpointUpdate {
			began <- struct{}{}
		}
	})
	require.NoError(t, u.ERP.SetFaults(sim.Faults{Latency: 200 * time.Millisecond}))
	queued := u.undo(operations.UndoRequest{IDs: written})
	var g errgroup.Group
	g.Go(func() error { return api.WorkOff(t.Context(), queued.Job) })
	<-began
	for range 4 { // as many as may ask at once
		g.Go(func() error {
			_, err := operations.OpSync.Ask(t.Context(), api, operations.SyncRequest{ContactID: ids[11]})
			return err
		})
	}
	_, err := operations.OpSync.Ask(t.Context(), api, operations.SyncRequest{ContactID: ids[0]})
	require.NoError(t, err)
	require.NotZero(t, u.Count("SELECT count(*) FROM contacts WHERE phone = $1", secondPhone), "all were taken back first")
	require.NoError(t, g.Wait())
	require.Zero(t, u.Count("SELECT count(*) FROM contacts WHERE phone = $1", secondPhone))
	require.True(t, strings.HasPrefix(u.One("SELECT status FROM mksync_jobs"), "done"))
}
