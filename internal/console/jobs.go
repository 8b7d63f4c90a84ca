package console

import (
	"context"
	"net/url"

	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// jobsData is a page of the jobs.
type jobsData struct {
	Jobs []operations.Job
	Next string
}

func jobs(ctx context.Context, v *visit) (view, error) {
	found, err := operations.OpJobs.Ask(ctx, v.API, operations.Page{After: v.r.FormValue("after"), Limit: manyRows})
	if err != nil {
		return view{}, err
	}
	d := jobsData{Jobs: found.Items}
	if found.Next != "" {
		d.Next = next("jobs", v.r.Form, found.Next)
	}
	return view{Page: "jobs", Title: "console.menu.jobs", Data: d}, nil
}

// jobData is one job, and a page of what of it failed.
type jobData struct {
	operations.Job
	Items []operations.BulkItem
	Names names
	Next  string
}

// Open reports whether it is not over.
func (d jobData) Open() bool { return d.Status.Open() }

func job(ctx context.Context, v *visit) (view, error) {
	id := v.r.FormValue("id")
	found, err := operations.OpJob.Ask(ctx, v.API, operations.JobRequest{ID: id, Failed: true, After: v.r.FormValue("after"), Limit: manyRows})
	if err != nil {
		return view{}, err
	}

	d := jobData{Job: found}
	if d.Items, err = found.Items(); err != nil {
		return view{}, err
	}

	var contacts, partners []string
	for _, item := range d.Items {
		contacts = append(contacts, item.ContactID)
		partners = append(partners, item.MetaKockaID)
	}
	if d.Names, err = v.names(ctx, contacts, partners); err != nil {
		return view{}, err
	}

	if found.Next != "" {
		d.Next = next("job", v.r.Form, found.Next)
	}
	return view{Page: "job", Title: "console.menu.job", Menu: "jobs", Data: d}, nil
}

// jobPath is where a job is shown.
func jobPath(id string) string { return root + "job?" + url.Values{"id": {id}}.Encode() }

func cancelJob(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	_, err = operations.OpCancelJob.Ask(ctx, v.API, operations.EntryRequest{ID: form.Get("id")})
	return became{ID: "console.done.job_cancelled"}, err
}

// retryJob makes a job of what of another one failed.
func retryJob(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	was, err := operations.OpJob.Ask(ctx, v.API, operations.JobRequest{ID: form.Get("id"), Brief: true})
	if err != nil {
		return b, err
	}
	again, err := operations.OpRetryJob.Ask(ctx, v.API, operations.EntryRequest{ID: was.ID})
	return became{ID: "console.done.job_retried", N: was.Failed, Counts: true, To: jobPath(again.ID)}, err
}

// startJob queues a sync of all contacts, or an import of all partners.
func startJob(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	switch form.Get("what") {
	case "sync":
		_, err = operations.OpStartBulkSync.Ask(ctx, v.API, operations.BulkSyncRequest{SyncAll: true})
	case "import":
		_, err = operations.OpStartBulkImport.Ask(ctx, v.API, operations.BulkImportRequest{ImportAll: true})
	default:
		err = syncer.Refuse(syncer.CodeMalformed, "request.what", "what: must be sync or import")
	}
	return became{ID: "console.done.job_begun"}, err
}
