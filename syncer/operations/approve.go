package operations

import (
	"context"

	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// ApproveRequest lets one first match go on: a contact's, or of a partner that becomes a
// contact. Version is that of the proposal as it was shown.
type ApproveRequest struct {
	ContactID   string `json:"contactId,omitempty"`
	MetaKockaID string `json:"metakockaId,omitempty"`
	Version     string `json:"version"`
	By          string `json:"by,omitempty"`
}

// Approve carries out what the first match proposed, where that is still what was shown.
func (a *API) Approve(ctx context.Context, r ApproveRequest) (o Outcome, err error) {
	one := approval{contactID: r.ContactID, metakockaID: r.MetaKockaID, version: r.Version}
	switch {
	case (r.ContactID == "") == (r.MetaKockaID == ""):
		return o, syncer.Refuse(syncer.CodeMalformed, "request.contact_or_partner", "contactId: either this or metakockaId")
	case r.Version == "":
		return o, syncer.Refuse(syncer.CodeMalformed, "request.version", "version: is missing")
	case r.MetaKockaID != "":
		err = checkID("metakockaId", r.MetaKockaID)
	default:
		if one.contactID, err = a.contactID("contactId", r.ContactID); err == nil {
			err = a.known(ctx, one.contactID)
		}
	}
	if err != nil {
		return o, err
	}
	res, err := one.carryOut(ctx, a.reconciler, syncer.Trigger{Cause: syncer.CauseRequest, By: r.By})
	return outcomeOf(res), brought(res, err)
}

// approval is what is approved of one first match.
type approval struct {
	does                   store.Proposed
	contactID, metakockaID string // the second of an import
	version                string
	shown                  bool // it stood so when it was shown
}

// carryOut does what was proposed, if it still is.
func (o approval) carryOut(ctx context.Context, r *syncer.Reconciler, t syncer.Trigger) (syncer.Result, error) {
	if o.contactID == "" {
		return r.ApproveImport(ctx, o.metakockaID, o.version, t)
	}
	return r.Approve(ctx, o.contactID, o.version, t)
}

// ApproveAllRequest lets all first matches go on that stood as they do when they were shown.
type ApproveAllRequest struct {
	AsOf   string         `json:"asOf"`             // of the list that was shown
	Does   store.Proposed `json:"does,omitempty"`   // only those that would do this
	DryRun bool           `json:"dryRun,omitempty"` // nothing is written
	By     string         `json:"by,omitempty"`
}

// ApproveAllResult says how an approval of all ended, as BulkSyncResult. What came or changed
// since it was shown failed.
type ApproveAllResult struct {
	Total    int                    `json:"total"`
	Approved int                    `json:"approved"`
	Failed   int                    `json:"failed"`
	Changed  int                    `json:"changed"` // since it was shown; of the failed
	Stopped  bool                   `json:"stopped,omitempty"`
	Counts   map[store.Proposed]int `json:"counts"` // of what was shown
	Results  []BulkItem             `json:"results"`
}

// ApproveAll carries out all that was shown.
func (a *API) ApproveAll(ctx context.Context, r ApproveAllRequest) (ApproveAllResult, error) {
	return a.approveAll(ctx, r, audienceOf(ctx))
}

// StartApproveAll queues it.
func (a *API) StartApproveAll(ctx context.Context, r ApproveAllRequest) (Job, error) {
	if _, err := r.check(); err != nil {
		return Job{}, err
	}
	return a.start(ctx, OpApproveAll.Name, r, r.By)
}

// check gives the moment of the list that was shown.
func (r ApproveAllRequest) check() (asOf store.Snapshot, err error) {
	if asOf, err = store.ParseSnapshot(r.AsOf); err != nil {
		return asOf, syncer.Refuse(syncer.CodeMalformed, "request.as_of", "asOf: must be that of a list of first matches")
	}
	return asOf, checkDoes(r.Does)
}

func (a *API) approveAll(ctx context.Context, r ApproveAllRequest, told audience) (res ApproveAllResult, err error) {
	asOf, err := r.check()
	if err != nil {
		return res, err
	}
	run, working, err := a.startBulk(ctx, true, told)
	if err != nil {
		return res, err
	}
	defer run.rep.close(ctx)

	all, err := a.approvals(working, r.Does, asOf)
	if err != nil {
		return res, err
	}
	res = ApproveAllResult{Total: len(all), Counts: map[store.Proposed]int{}, Results: []BulkItem{}}
	for _, o := range all {
		if o.shown {
			res.Counts[o.does]++
		} else {
			res.Changed++
		}
	}
	if r.DryRun {
		return res, nil
	}

	// Asking for a few costs less than seeing all partners anew.
	planned := len(all) > few
	if planned {
		if _, err := run.plan(working, run.rep); err != nil {
			return res, err
		}
	}
	run.rep.begin("approving", len(all))
	run.each(working, len(all), func(ctx context.Context, i int) error { return run.approve(ctx, i, all[i], r.By, planned) })

	res.Approved = run.done - run.failed
	res.Stopped = run.done < len(all)
	res.Results = run.list(len(all), func(i int) BulkItem { return BulkItem{ContactID: all[i].contactID, MetaKockaID: all[i].metakockaID} })
	res.Failed = run.failed
	return res, nil
}

// approve carries one out, with a plan where there are many.
func (run *bulkRun) approve(ctx context.Context, i int, o approval, by string, planned bool) error {
	res := syncer.Result{ContactID: o.contactID, MetaKockaID: o.metakockaID}
	if !o.shown {
		return run.finished(i, "", res, syncer.Refuse(syncer.CodeConflict, "review.since", "what the first match would do came, or is another, since the list was shown, and was not done"))
	}

	t := run.trigger(by)
	if planned && o.contactID != "" {
		plan, err := run.matcher.Plan(ctx)
		if err != nil {
			return run.finished(i, "", res, err)
		}
		t.Plan = plan
	}

	got, err := o.carryOut(ctx, run.reconciler, t)
	if got.LinkID != "" {
		res = got
	}
	verdict := match.VerdictCreate
	if o.does == store.ProposeLink {
		verdict = match.VerdictLink
	}
	return run.finished(i, verdict, res, brought(got, err))
}

// approvals are all first matches that wait, each with whether it stood so then. Of a page
// nothing stays but that: a hundred thousand may wait.
func (a *API) approvals(ctx context.Context, does store.Proposed, asOf store.Snapshot) (all []approval, err error) {
	if does != store.ProposeImport {
		all, err = syncer.Pages(ctx, func(ctx context.Context, after string, limit int) ([]approval, error) {
			links, err := a.records.Proposals(ctx, store.ProposalQuery{Does: does, After: after, Limit: limit})
			page := make([]approval, len(links))
			for i, l := range links {
				page[i] = approval{does: l.Proposal.Does, contactID: l.ContactID, version: l.Proposal.Version, shown: asOf.Sees(l.Proposal.XID)}
			}
			return page, err
		}, func(o approval) string { return o.contactID })
	}
	if err != nil || does != "" && does != store.ProposeImport {
		return all, err
	}

	imports, err := syncer.Pages(ctx, func(ctx context.Context, after string, limit int) ([]approval, error) {
		partners, err := a.records.ProposedImports(ctx, store.ProposalQuery{After: after, Limit: limit})
		page := make([]approval, len(partners))
		for i, p := range partners {
			page[i] = approval{does: store.ProposeImport, metakockaID: p.MetaKockaID, version: p.Version, shown: asOf.Sees(p.XID)}
		}
		return page, err
	}, func(o approval) string { return o.metakockaID })
	return append(all, imports...), err
}
