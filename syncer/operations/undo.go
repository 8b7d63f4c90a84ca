package operations

import (
	"context"
	"strconv"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// UndoRequest chooses writes that are to be taken back: some by their ids, a contact back to
// a time, a job's, or those of a window. With DryRun nothing is written, and After and Limit
// choose of the contacts.
type UndoRequest struct {
	IDs       []string     `json:"ids,omitempty"`
	ContactID string       `json:"contactId,omitempty"`
	To        string       `json:"to,omitempty"`
	Since     string       `json:"since,omitempty"`
	Until     string       `json:"until,omitempty"`
	Side      mapping.Side `json:"side,omitempty"`
	By        string       `json:"by,omitempty"` // who asked for the writes
	Job       string       `json:"job,omitempty"`
	DryRun    bool         `json:"dryRun,omitempty"`
	AskedBy   string       `json:"askedBy,omitempty"` // who takes them back
	After     string       `json:"after,omitempty"`   // of a dry run: Next of the page before
	Limit     int          `json:"limit,omitempty"`   // of a dry run: how many contacts at once
}

// Signature implements signed.
func (r *UndoRequest) Signature() *string { return &r.AskedBy }

// Undone is a field of a contact that is taken back, or that is left as it is.
type Undone struct {
	HistoryIDs  []string      `json:"historyIds"` // of the writes
	ContactID   string        `json:"contactId"`
	MetaKockaID string        `json:"metakockaId"`
	Field       mapping.Field `json:"field,omitempty"` // "": of no field in particular
	From        string        `json:"from"`
	To          string        `json:"to"`
	Deletes     bool          `json:"deletes,omitempty"` // the contact, which was made of the partner
	Left        syncer.Reason `json:"left,omitzero"`     // why it is left as it is
}

// UndoResult is what was taken back, or would be. Writes of several contacts are taken back
// by a job, which is all that the answer then tells of.
type UndoResult struct {
	Undone   int      `json:"undone"` // fields
	Left     int      `json:"left"`
	Contacts int      `json:"contacts"`      // whose writes were chosen
	Job      string   `json:"job,omitempty"` // the id of the one that takes them back
	Items    []Undone `json:"items"`
	// HistoryIDs are of the writes that took them back: taken back themselves, all is as it was.
	HistoryIDs []string `json:"historyIds"`
	// KeptSince is since when the contact's history is kept, where it is asked to be as it was
	// before that: what it held then is not known, and it is taken back so far. null: it reaches.
	KeptSince *time.Time `json:"keptSince,omitempty"`
	Next      string     `json:"next,omitempty"` // of a dry run: where the next page begins
}

// undoName is the operation's, which a job has too.
const undoName = "history.undo"

// mostUndone bounds what one request takes back.
const mostUndone = mostIDs

func (r UndoRequest) query(a *API) (q store.HistoryQuery, err error) {
	chosen := 0
	for _, way := range []bool{len(r.IDs) > 0, r.To != "", r.Job != "", r.Since != "" || r.Until != ""} {
		if way {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return q, syncer.Refuse(syncer.CodeMalformed, "request.undo", "exactly one of these says what to undo: ids; contactId with to; job; since and until")
	case r.To != "" && r.ContactID == "":
		return q, syncer.Refuse(syncer.CodeMalformed, "request.undo_contact", "contactId: is missing: to is for one contact")
	case (r.Since == "") != (r.Until == ""):
		return q, syncer.Refuse(syncer.CodeMalformed, "request.undo_window", "since and until: a window has both")
	}

	since := r.Since
	if r.To != "" {
		since = r.To
	}
	q, err = HistoryRequest{ContactID: r.ContactID, Since: since, Until: r.Until, Side: r.Side, By: r.By, Job: r.Job}.query(a)
	if err != nil {
		return q, err
	}
	q.Limit = largestPage
	if len(r.IDs) > mostUndone {
		return q, syncer.Refuse(syncer.CodeTooLarge, "request.undo_many", "ids: at most {count} at once", mostUndone)
	}
	for i, id := range r.IDs {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || n < 1 {
			return q, syncer.Refuse(syncer.CodeMalformed, "request.undo_id", "ids[{index}]: is not an id of the history", i)
		}
		q.IDs = append(q.IDs, n)
	}
	return q, nil
}

// Undo takes writes back where both sides still hold what was written, and lists the rest
// with the reason. What it writes is in the history as well.
func (a *API) Undo(ctx context.Context, r UndoRequest) (res UndoResult, err error) {
	limit, after, err := r.page()
	if err != nil {
		return res, err
	}
	q, err := r.query(a)
	if err != nil {
		return res, err
	}
	if !r.DryRun {
		if err := a.jobIsOver(ctx, r.Job); err != nil {
			return res, err
		}
	}
	of, err := a.chosen(ctx, r, q)
	if err != nil {
		return res, err
	}

	res = UndoResult{Items: []Undone{}, HistoryIDs: []string{}, Contacts: len(of.ContactIDs)}
	if r.To != "" {
		if res.KeptSince, err = a.keptSince(ctx, q, of.oldest); err != nil {
			return res, err
		}
	}

	switch {
	case r.DryRun:
		return a.previewUndo(ctx, of, limit, after, res)
	case len(of.ContactIDs) > 1:
		job, err := a.start(ctx, undoName, of, r.AskedBy)
		res.Job = job.ID
		return res, err
	}
	for _, id := range of.ContactIDs {
		err = a.inTurn(ctx, func() error { return a.undoOf(ctx, id, of, &res) })
	}
	return res, err
}

// inTurn takes a live slot for one contact: whoever else asks comes in between two.
func (a *API) inTurn(ctx context.Context, do func() error) error {
	if err := a.live.Acquire(ctx, 1); err != nil {
		return err
	}
	defer a.live.Release(1)
	return do()
}

// jobIsOver refuses to take back what a job is still writing: what it writes from now on
// would stay.
func (a *API) jobIsOver(ctx context.Context, id string) error {
	if _, err := checkUUID("job", id); err != nil || a.jobs == nil {
		return nil //nolint:nilerr // the history may name jobs that are not kept
	}
	j, err := a.jobs.store.Job(ctx, id)
	if err != nil || j == nil || !j.Status.Open() {
		return err
	}
	return syncer.Refuse(syncer.CodeConflict, "job.undone_later", "job {id} is {status}: what it writes is taken back once it is over or cancelled", id, j.Status)
}

// keptSince is since when a contact's history is kept, of which oldest is the first that came
// since a time; nil: it tells what was there at that time, or began later with its link.
func (a *API) keptSince(ctx context.Context, q store.HistoryQuery, oldest *store.Entry) (*time.Time, error) {
	before, err := a.records.History(ctx, store.HistoryQuery{ContactID: q.ContactID, Until: q.Since, Limit: 1})
	switch {
	case err != nil || len(before) > 0:
		return nil, err
	case oldest == nil:
		return nil, syncer.Refuse(syncer.CodeNotFound, "undo.unknown", "the history of contact {contact} has nothing: what it held then is not known", q.ContactID)
	}
	if oldest.Act == store.ActCreate || oldest.Act == store.ActLink {
		return nil, nil
	}
	return known(oldest.At), nil
}

// undoOf takes the chosen writes of one contact back.
func (a *API) undoOf(ctx context.Context, id string, of undoing, res *UndoResult) error {
	newest, err := a.newestEntry(ctx, id)
	if err != nil {
		return err
	}
	plan, partner, err := a.takeBack(ctx, id, of, syncer.Trigger{By: of.AskedBy})
	switch {
	case err == nil:
	case plan == nil || ctx.Err() != nil || syncer.Outage(err):
		return err
	default: // it is about this contact
		failed(plan, syncer.AsRequestError(err).Reason)
	}

	for _, t := range plan {
		res.add(id, partner, t)
	}
	return a.addWritten(ctx, id, newest, res)
}

// failed says of what is open in a plan that it could not be done.
func failed(plan []syncer.TakenBack, why coded.Text) {
	for i, t := range plan {
		if t.Left.Code == "" {
			plan[i].Left = syncer.Reason{Code: syncer.UndoFailed, Field: t.Field}.Saying(why)
		}
	}
}

func (res *UndoResult) add(contactID, partner string, t syncer.TakenBack) {
	item := Undone{HistoryIDs: []string{}, ContactID: contactID, MetaKockaID: partner, Field: t.Field, From: t.From, To: t.To, Deletes: t.Deletes}
	for _, id := range t.Entries {
		item.HistoryIDs = append(item.HistoryIDs, strconv.FormatInt(id, 10))
	}
	item.Left = t.Left
	if t.Left.Code != "" {
		res.Left++
	} else {
		res.Undone++
	}
	res.Items = append(res.Items, item)
}

func (a *API) newestEntry(ctx context.Context, contactID string) (int64, error) {
	newest, err := a.records.History(ctx, store.HistoryQuery{ContactID: contactID, Limit: 1})
	if err != nil || len(newest) == 0 {
		return 0, err
	}
	return newest[0].ID, nil
}

// addWritten names the writes of the contact behind an entry that took others back.
func (a *API) addWritten(ctx context.Context, contactID string, behind int64, res *UndoResult) error {
	newest, err := a.records.History(ctx, store.HistoryQuery{ContactID: contactID, Behind: behind})
	for _, e := range newest {
		if e.Cause == store.BecauseUndo && e.Side != "" {
			res.HistoryIDs = append(res.HistoryIDs, entryID(e))
		}
	}
	return err
}
