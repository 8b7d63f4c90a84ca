package operations

import (
	"context"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// undoing are the writes that a request takes back, as they were found when it was asked
// for: what comes later, its own writes too, is none of them. A job's request is one.
type undoing struct {
	ContactIDs []string           `json:"contactIds"` // those of the newest writes first
	Entries    map[string][]int64 `json:"entries"`    // of each contact, newest first
	Named      bool               `json:"named"`      // by their ids: what was no write is told of too
	All        bool               `json:"all"`        // a contact is to be as it was at a time
	AskedBy    string             `json:"askedBy"`

	oldest *store.Entry
}

// chosen finds what a request names. Only ids are kept: a window may hold many.
func (a *API) chosen(ctx context.Context, r UndoRequest, q store.HistoryQuery) (of undoing, err error) {
	of = undoing{ContactIDs: []string{}, Entries: map[string][]int64{}, Named: len(q.IDs) > 0, All: r.To != "", AskedBy: r.AskedBy}
	for n := 0; ; {
		found, err := a.records.History(ctx, q)
		if err != nil {
			return of, err
		}
		if n += len(found); n > mostUndone {
			return of, syncer.Refuse(syncer.CodeTooLarge, "undo.many", "that is more than {count} writes and decisions: choose a smaller window", mostUndone)
		}
		for _, e := range found {
			of.add(e)
		}
		if len(found) < q.Limit {
			break
		}
		q.Before = found[len(found)-1].ID
	}
	return of, of.has(q.IDs)
}

// add adds an entry, unless nothing is to be said of it.
func (of *undoing) add(e store.Entry) {
	of.oldest = &e
	if len(of.plan([]store.Entry{e})) == 0 {
		return
	}
	if of.Entries[e.ContactID] == nil {
		of.ContactIDs = append(of.ContactIDs, e.ContactID)
	}
	of.Entries[e.ContactID] = append(of.Entries[e.ContactID], e.ID)
}

// has refuses ids that the history does not have.
func (of *undoing) has(ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	found := map[int64]bool{}
	for _, entries := range of.Entries {
		for _, id := range entries {
			found[id] = true
		}
	}
	for _, id := range ids {
		if !found[id] {
			return syncer.Refuse(syncer.CodeNotFound, "undo.none", "the history has no entry {id}", id)
		}
	}
	return nil
}

// plan is what is to be done for the sake of entries of one contact.
func (of *undoing) plan(entries []store.Entry) []syncer.TakenBack {
	plan := syncer.PlanTakeBack(entries, of.All)
	if of.Named {
		return plan
	}
	return slices.DeleteFunc(plan, func(t syncer.TakenBack) bool { return t.Left.Code == syncer.UndoNothing })
}

// only are the writes of some of the contacts.
func (of *undoing) only(contactIDs []string) undoing {
	some := *of
	some.ContactIDs = contactIDs
	some.Entries = map[string][]int64{}
	for _, id := range contactIDs {
		some.Entries[id] = of.Entries[id]
	}
	return some
}

// planOf reads the chosen entries of a contact and plans with them. partner is the one of
// the newest.
func (a *API) planOf(ctx context.Context, id string, of undoing) (plan []syncer.TakenBack, partner string, err error) {
	entries, err := a.records.History(ctx, store.HistoryQuery{IDs: of.Entries[id]})
	if err != nil || len(entries) == 0 { // forgotten meanwhile
		return nil, "", err
	}
	return of.plan(entries), entries[0].MetaKockaID, nil
}

// takeBack takes the chosen writes of a contact back. Without a plan an error is not about
// the contact.
func (a *API) takeBack(ctx context.Context, id string, of undoing, t syncer.Trigger) (plan []syncer.TakenBack, partner string, err error) {
	plan, partner, err = a.planOf(ctx, id, of)
	if err != nil || !slices.ContainsFunc(plan, open) {
		return plan, partner, err
	}
	plan, err = a.reconciler.TakeBack(ctx, id, plan, t)
	return plan, partner, err
}

func open(t syncer.TakenBack) bool { return t.Left.Code == "" }

// previewPage is how many contacts a preview tells of at once: each is read in MetaKocka.
const previewPage = 50

// page is the part of a preview.
func (r UndoRequest) page() (limit int, after int64, err error) {
	p := Page{After: r.After, Limit: r.Limit}
	if p.Limit == 0 {
		p.Limit = previewPage
	}
	if limit, err = p.limit(); err != nil {
		return 0, 0, err
	}
	after, err = p.number()
	return limit, after, err
}

// previewUndo says what would be taken back of a page of the contacts: limit of them, behind
// the one whose newest write is after.
func (a *API) previewUndo(ctx context.Context, of undoing, limit int, after int64, res UndoResult) (UndoResult, error) {
	// The newest write of a contact stands for its place.
	ids := slices.DeleteFunc(slices.Clone(of.ContactIDs), func(id string) bool { return after > 0 && of.Entries[id][0] >= after })
	if len(ids) > limit {
		ids = ids[:limit]
		res.Next = strconv.FormatInt(of.Entries[ids[limit-1]][0], 10)
	}

	parts := make([]UndoResult, len(ids))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(liveSlots)
	for i, id := range ids {
		g.Go(func() error {
			return a.inTurn(ctx, func() error { return a.previewOf(ctx, id, of, &parts[i]) })
		})
	}
	err := g.Wait()

	for _, part := range parts {
		res.Undone += part.Undone
		res.Left += part.Left
		res.Items = append(res.Items, part.Items...)
	}
	return res, err
}

// previewOf says what would be taken back of one contact.
func (a *API) previewOf(ctx context.Context, id string, of undoing, res *UndoResult) error {
	plan, partner, err := a.planOf(ctx, id, of)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(plan, open) {
		plan, err = a.reconciler.PreviewTakeBack(ctx, id, plan)
	}
	switch {
	case err == nil:
	case ctx.Err() != nil || syncer.Outage(err):
		return err
	default: // it is about this contact
		failed(plan, syncer.AsRequestError(err).Reason)
	}
	for _, t := range plan {
		res.add(id, partner, t)
	}
	return nil
}
