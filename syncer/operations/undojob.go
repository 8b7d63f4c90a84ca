package operations

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// UndoneMany says how an undo of several contacts ended. It holds no values: they are in
// the history, where they go with the contact.
type UndoneMany struct {
	Total     int        `json:"total"` // contacts
	Succeeded int        `json:"succeeded"`
	Failed    int        `json:"failed"` // of which something stays that could be tried again
	Stopped   bool       `json:"stopped,omitempty"`
	Undone    int        `json:"undone"` // fields
	Results   []BulkItem `json:"results"`
}

func undoneMany(total, done, failed int, items []BulkItem) UndoneMany {
	res := UndoneMany{Total: total, Succeeded: done, Failed: failed, Stopped: done+failed < total, Results: items}
	for _, item := range items {
		res.Undone += item.Undone
	}
	return res
}

// undoMany takes writes of several contacts back, for a job.
func (a *API) undoMany(ctx context.Context, of undoing, told audience) (res UndoneMany, err error) {
	run, working, err := a.startBulk(ctx, false, told)
	if err != nil {
		return res, err
	}
	defer run.rep.close(ctx)

	ids := of.ContactIDs
	run.rep.begin("taking back", len(ids))
	run.each(working, len(ids), func(ctx context.Context, i int) error { return run.undo(ctx, a, i, ids[i], of) })
	list := run.list(len(ids), func(i int) BulkItem { return BulkItem{ContactID: ids[i]} })
	return undoneMany(len(ids), run.done-run.failed, run.failed, list), nil
}

// undo takes the writes of one of the contacts back.
func (run *bulkRun) undo(ctx context.Context, a *API, i int, id string, of undoing) error {
	t := run.trigger(of.AskedBy)
	plan, partner, err := a.takeBack(ctx, id, of, t)
	if run.putOff(err) {
		return err
	}
	if err == nil {
		err = a.ownWrites(ctx, id, run.job, plan)
	}

	item := BulkItem{ContactID: id, MetaKockaID: partner, Success: err == nil}
	switch {
	case err == nil:
	case plan == nil:
		item.because(run.reason(err))
	default: // it is about this contact
		failed(plan, run.reason(err))
	}
	for _, back := range plan {
		item.tookBack(back, a.speech)
	}
	run.ended(i, item)
	return err
}

// ownWrites lets what the job wrote before its process was killed count as taken back: the
// plan finds it done already, or changed by somebody since.
func (a *API) ownWrites(ctx context.Context, id, job string, plan []syncer.TakenBack) error {
	since := []syncer.ReasonCode{syncer.UndoAlready, syncer.UndoChanged, syncer.UndoNotLinked}
	if !slices.ContainsFunc(plan, func(t syncer.TakenBack) bool { return slices.Contains(since, t.Left.Code) }) {
		return nil
	}
	wrote, err := a.records.History(ctx, store.HistoryQuery{ContactID: id, Job: job})
	if err != nil {
		return err
	}

	fields, deleted := map[mapping.Field]bool{}, false
	for _, e := range wrote {
		deleted = deleted || e.Act == store.ActDelete
		for f, v := range e.Fields {
			fields[f] = fields[f] || v.Reason == store.FieldUndo
		}
	}
	for i, t := range plan {
		if slices.Contains(since, t.Left.Code) && (t.Deletes && deleted || fields[t.Field]) {
			plan[i].Left = syncer.Reason{}
		}
	}
	return nil
}

// lasting are the reasons for which something stays whenever it is tried again: it is told
// of, and is no failure.
var lasting = []syncer.ReasonCode{
	syncer.UndoAlready, syncer.UndoNothing, syncer.UndoMade, syncer.UndoRetired, syncer.UndoMerged, syncer.UndoFirst, syncer.UndoScrubbed,
}

// tookBack notes what became of one field, without its values.
func (i *BulkItem) tookBack(t syncer.TakenBack, say Speech) {
	why := t.Left
	if why.Code == "" {
		i.Undone++
		return
	}
	if why.Code == syncer.UndoWithheld {
		why.Code = syncer.UndoUnsendable
	}
	why.Value = ""
	i.Left = append(i.Left, why)
	if slices.Contains(lasting, why.Code) {
		return
	}

	i.Success = false
	words := string(why.Code)
	if say != nil {
		words = say("en", why, time.UTC)
	}
	if !strings.Contains(i.Error, words) { // of several fields the same
		i.Error = strings.TrimSpace(i.Error + " " + words)
	}
}
