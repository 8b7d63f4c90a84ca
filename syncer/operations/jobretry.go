package operations

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/crmmind/mksync/syncer"
)

// RetryJob makes a job of what of another one failed.
func (a *API) RetryJob(ctx context.Context, r EntryRequest) (Job, error) {
	j, err := a.job(ctx, r.ID)
	if err != nil {
		return j, err
	}
	if j.Status.Open() {
		return j, syncer.Refuse(syncer.CodeConflict, "job.still", "job {id} is {status}: what fails of it can be tried again once it is over", j.ID, j.Status)
	}

	items, err := j.Items()
	if err != nil {
		return j, err
	}
	var contacts, partners []string
	for _, item := range items {
		switch {
		case item.Success:
		case j.Operation == OpBulkImport.Name:
			partners = append(partners, item.MetaKockaID)
		default:
			contacts = append(contacts, item.ContactID)
		}
	}

	switch {
	case j.Operation == OpBulkSync.Name && len(contacts) > 0:
		return a.StartBulkSync(ctx, BulkSyncRequest{ContactIDs: distinct(contacts), By: r.By})
	case j.Operation == OpBulkImport.Name && len(partners) > 0:
		return a.StartBulkImport(ctx, BulkImportRequest{MetaKockaIDs: distinct(partners), By: r.By})
	case j.Operation == undoName && len(contacts) > 0:
		return a.undoAgain(ctx, j.ID, contacts, r.By)
	}
	return j, syncer.Refuse(syncer.CodeConflict, "job.nothing", "nothing of job {id} failed that could be tried again", j.ID)
}

// undoAgain queues the undo of an earlier job for some of its contacts.
func (a *API) undoAgain(ctx context.Context, id string, contacts []string, by string) (Job, error) {
	var of undoing
	was, err := a.jobs.store.Job(ctx, id)
	if err != nil || was == nil {
		return Job{}, syncer.OrNotFound(err, "job.none", "there is no job {job}", id)
	}
	if err := json.Unmarshal(was.Request, &of); err != nil {
		return Job{}, fmt.Errorf("read job's request: %w", err)
	}

	of = of.only(contacts)
	of.AskedBy = by
	return a.start(ctx, undoName, of, by)
}

// distinct are ids, each once.
func distinct(ids []string) []string {
	firsts, _ := once(ids)
	list := make([]string, len(firsts))
	for n, i := range firsts {
		list[n] = ids[i]
	}
	return list
}
