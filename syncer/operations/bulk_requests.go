package operations

import (
	"context"
	"fmt"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
)

// few is up to how many contacts MetaKocka is asked for each by its keys; more
// are matched with an enumeration of all partners.
const few = 20

// mostIDs bounds the list of a bulk request: what fits into 1 MiB.
const mostIDs = 30000

// WithBulk lets the API take bulk requests.
func (a *API) WithBulk(b *Bulk) *API {
	a.bulk = b
	return a
}

// BulkSyncRequest asks to sync several contacts, or all.
type BulkSyncRequest struct {
	ContactIDs []string `json:"contactIds,omitempty"`
	SyncAll    bool     `json:"syncAll,omitempty"`
	// DryRun: nothing is written on either side; a watcher is told what the first
	// match makes of every contact that has no partner.
	DryRun bool   `json:"dryRun,omitempty"`
	By     string `json:"by,omitempty"`
}

// BulkSyncResult says how a bulk sync ended, in the order asked; an id that is
// given twice is synced once and answered twice. A watcher of all contacts was
// told already: there Results names those that failed, the first thousand. Of a request
// that was stopped the rest counts as failed where nobody watches.
type BulkSyncResult struct {
	Total     int                   `json:"total"`
	Succeeded int                   `json:"succeeded"`
	Failed    int                   `json:"failed"`
	Stopped   bool                  `json:"stopped,omitempty"` // before all were done
	Counts    map[match.Verdict]int `json:"counts"`            // of those that succeeded; of a dry run all
	Results   []BulkItem            `json:"results"`
}

// BulkImportRequest asks to import several partners, or all that no contact is
// linked with. One whose contact was deleted is imported only by its id.
type BulkImportRequest struct {
	MetaKockaIDs []string `json:"metakockaIds,omitempty"`
	ImportAll    bool     `json:"importAll,omitempty"`
	DryRun       bool     `json:"dryRun,omitempty"`
	By           string   `json:"by,omitempty"`
}

// BulkImportResult says how a bulk import ended, as BulkSyncResult.
type BulkImportResult struct {
	Total    int                   `json:"total"`
	Imported int                   `json:"imported"`
	Failed   int                   `json:"failed"`
	Stopped  bool                  `json:"stopped,omitempty"`
	Counts   map[match.Verdict]int `json:"counts"`
	Results  []BulkItem            `json:"results"`
}

func checkBulk(field string, ids []string, all, dryRun bool) error {
	switch {
	case all == (len(ids) > 0):
		return syncer.Refuse(syncer.CodeMalformed, "request.some_or_all", "{which}: either name some or ask for all", field)
	case len(ids) > mostIDs:
		return syncer.Refuse(syncer.CodeTooLarge, "at_most_of", "{which}: at most {count} at once", field, mostIDs)
	case dryRun && !all:
		return syncer.Refuse(syncer.CodeMalformed, "request.dry_run_all", "dryRun: is for all of them only")
	}
	return nil
}

// ids checks the request and gives the contacts' ids as Postgres writes them.
func (r BulkSyncRequest) ids(a *API) ([]string, error) {
	if err := checkBulk("contactIds", r.ContactIDs, r.SyncAll, r.DryRun); err != nil {
		return nil, err
	}
	ids := make([]string, len(r.ContactIDs))
	for i, id := range r.ContactIDs {
		var err error
		if ids[i], err = a.contactID(fmt.Sprintf("contactIds[%d]", i), id); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func (r BulkImportRequest) check() error {
	if err := checkBulk("metakockaIds", r.MetaKockaIDs, r.ImportAll, r.DryRun); err != nil {
		return err
	}
	for i, id := range r.MetaKockaIDs {
		if err := checkID(fmt.Sprintf("metakockaIds[%d]", i), id); err != nil {
			return err
		}
	}
	return nil
}

func (a *API) startBulk(ctx context.Context, all bool, told audience) (*bulkRun, context.Context, error) {
	if a.bulk == nil {
		return nil, ctx, syncer.Refuse(syncer.CodeUnavailable, "process_bulk", "this process takes no bulk requests")
	}
	run := &bulkRun{Bulk: a.bulk, all: all, whole: told.whole, job: told.job, results: map[int]BulkItem{}, counts: map[match.Verdict]int{}}
	run.rep, ctx = report(ctx, told.watch, a.bulk.gate, "beginning")
	return run, ctx, nil
}

// BulkSync brings several contacts over, or all.
func (a *API) BulkSync(ctx context.Context, r BulkSyncRequest) (BulkSyncResult, error) {
	return a.bulkSync(ctx, r, audienceOf(ctx))
}

func (a *API) bulkSync(ctx context.Context, r BulkSyncRequest, told audience) (res BulkSyncResult, err error) {
	ids, err := r.ids(a)
	if err != nil {
		return res, err
	}

	run, working, err := a.startBulk(ctx, r.SyncAll, told)
	if err != nil {
		return res, err
	}

	defer run.rep.close(ctx)

	// Asking for a few costs less than seeing all partners anew.
	if !r.SyncAll && len(ids) <= few {
		return run.syncOnes(working, a, ids, r), nil
	}

	plan, err := run.plan(working, run.rep)
	switch {
	case err != nil:
		return res, err
	case r.DryRun:
		run.tell(plan.Decisions())
		return BulkSyncResult{Total: len(plan.Decisions()), Counts: run.counts, Results: []BulkItem{}}, nil
	case !r.SyncAll:
		return run.syncOnes(working, a, ids, r), nil
	}
	return run.syncAll(working, plan.Decisions(), r.By), nil
}

// tell shows what the first match makes of all, but for those that are linked.
func (run *bulkRun) tell(decisions []match.Decision) {
	run.rep.begin("matching", len(decisions))
	for _, d := range decisions {
		run.counts[d.Verdict]++
		if d.Verdict != match.VerdictLinked {
			run.rep.show(d)
		}
	}
}

// trigger is that of one of many that somebody asks for.
func (run *bulkRun) trigger(by string) syncer.Trigger {
	return syncer.Trigger{Cause: syncer.CauseRequest, Lane: metakocka.Bulk, By: by, Job: run.job}
}

// syncOnes brings named contacts over, as if each were asked for by itself.
func (run *bulkRun) syncOnes(ctx context.Context, a *API, ids []string, r BulkSyncRequest) BulkSyncResult {
	firsts, doubles := once(ids)
	run.rep.begin("syncing", len(firsts))
	run.each(ctx, len(firsts), func(ctx context.Context, n int) error {
		i := firsts[n]
		o, err := a.sync(ctx, ids[i], run.trigger(r.By), len(ids) > few)
		res := syncer.Result{LinkID: o.MappingID, ContactID: ids[i], MetaKockaID: o.MetaKockaID, Status: o.SyncStatus, LastError: coded.Told(o.LastError, o.Said)}
		return run.finished(i, "", res, err)
	})
	run.repeat(doubles)
	for i, id := range r.ContactIDs { // as they were written
		if item, done := run.results[i]; done {
			item.ContactID = id
			run.results[i] = item
		}
	}
	return run.synced(len(ids), func(i int) BulkItem { return BulkItem{ContactID: r.ContactIDs[i]} })
}

// syncAll brings all contacts over. One whose partner is gone stays without.
func (run *bulkRun) syncAll(ctx context.Context, all []match.Decision, by string) BulkSyncResult {
	run.rep.begin("syncing", len(all))
	run.each(ctx, len(all), func(ctx context.Context, i int) error {
		was := all[i]
		if was.Verdict == match.VerdictUnlinked {
			return run.finished(i, was.Verdict, syncer.Result{ContactID: was.ContactID}, nil)
		}

		plan, err := run.matcher.Plan(ctx)
		if err != nil {
			return run.finished(i, was.Verdict, syncer.Result{ContactID: was.ContactID}, err)
		}

		res, err := run.reconciler.Contact(ctx, was.ContactID, syncer.Trigger{Cause: syncer.CauseBulk, Lane: metakocka.Bulk, By: by, Job: run.job, Plan: plan})
		switch {
		case err == nil && res.LinkID == "": // deleted meanwhile
		case err == nil && res.Status == store.StatusUnlinked:
			was.Verdict = match.VerdictUnlinked
		default:
			err = brought(res, err)
		}

		return run.finished(i, was.Verdict, res, err)
	})
	return run.synced(len(all), func(i int) BulkItem { return BulkItem{ContactID: all[i].ContactID} })
}

func (run *bulkRun) synced(total int, asked func(i int) BulkItem) BulkSyncResult {
	done := run.done - run.failed
	list := run.list(total, asked)
	return BulkSyncResult{Total: total, Succeeded: done, Failed: run.failed, Stopped: run.done < total, Counts: run.counts, Results: list}
}

// BulkImport imports several partners, or all that no contact is linked with.
func (a *API) BulkImport(ctx context.Context, r BulkImportRequest) (BulkImportResult, error) {
	return a.bulkImport(ctx, r, audienceOf(ctx))
}

func (a *API) bulkImport(ctx context.Context, r BulkImportRequest, told audience) (res BulkImportResult, err error) {
	if err := r.check(); err != nil {
		return res, err
	}

	run, working, err := a.startBulk(ctx, r.ImportAll, told)
	if err != nil {
		return res, err
	}
	defer run.rep.close(ctx)

	if !r.ImportAll {
		return run.importOnes(working, a, r.MetaKockaIDs, r.By), nil
	}

	plan, err := run.plan(working, run.rep)
	if err != nil {
		return res, err
	}

	// A partner that only a tombstone names is imported by its id alone. Whoever watches is
	// told of it; an answer that tells of everyone leaves it out.
	var open []match.Decision
	for _, p := range plan.Partners() {
		decision := plan.Partner(p)
		unasked := decision.Verdict == match.VerdictUnlinked && run.whole
		if decision.Verdict != match.VerdictLinked && !unasked {
			open = append(open, decision)
		}
	}

	if r.DryRun {
		run.tell(open)
		return BulkImportResult{Total: len(open), Counts: run.counts, Results: []BulkItem{}}, nil
	}
	return run.importAll(working, open, r.By), nil
}

func (run *bulkRun) importOnes(ctx context.Context, a *API, ids []string, by string) BulkImportResult {
	firsts, doubles := once(ids)
	run.rep.begin("importing", len(firsts))
	run.each(ctx, len(firsts), func(ctx context.Context, n int) error {
		i := firsts[n]
		o, err := a.importOne(ctx, ids[i], run.trigger(by))
		res := syncer.Result{LinkID: o.MappingID, ContactID: o.ContactID, MetaKockaID: ids[i], Status: o.SyncStatus, LastError: coded.Told(o.LastError, o.Said)}
		return run.finished(i, "", res, err)
	})
	run.repeat(doubles)
	return run.imported(len(ids), func(i int) BulkItem { return BulkItem{MetaKockaID: ids[i]} })
}

func (run *bulkRun) importAll(ctx context.Context, open []match.Decision, by string) BulkImportResult {
	run.rep.begin("importing", len(open))
	run.each(ctx, len(open), func(ctx context.Context, i int) error {
		was := open[i]
		if was.Verdict == match.VerdictUnlinked {
			return run.finished(i, was.Verdict, syncer.Result{MetaKockaID: was.MetaKockaID}, nil)
		}
		res := syncer.Result{MetaKockaID: was.MetaKockaID}
		plan, err := run.matcher.Plan(ctx)
		if err == nil {
			t := run.trigger(by)
			t.Plan = plan
			res, err = run.reconciler.ImportSeen(ctx, was.MetaKockaID, t)
			err = brought(res, err)
		}
		res.MetaKockaID = was.MetaKockaID
		return run.finished(i, was.Verdict, res, err)
	})
	return run.imported(len(open), func(i int) BulkItem { return BulkItem{MetaKockaID: open[i].MetaKockaID} })
}

func (run *bulkRun) imported(total int, asked func(i int) BulkItem) BulkImportResult {
	done := run.done - run.failed - run.counts[match.VerdictUnlinked]
	list := run.list(total, asked)
	return BulkImportResult{Total: total, Imported: done, Failed: run.failed, Stopped: run.done < total, Counts: run.counts, Results: list}
}
