package operations

import (
	"context"
	"strconv"
	"time"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// Conflict is an entry of the conflict journal as users see it.
type Conflict struct {
	ID                     string               `json:"id"`
	MappingID              string               `json:"mappingId"`
	ContactID              string               `json:"contactId"`
	MetaKockaID            string               `json:"metakockaId"`
	Field                  mapping.Field        `json:"field"`
	Status                 store.ConflictStatus `json:"status"`
	Rule                   mapping.Rule         `json:"rule"`
	Winner                 mapping.Side         `json:"winner"`      // "" while it waits
	Undecidable            bool                 `json:"undecidable"` // the times did not tell
	CRMValue               string               `json:"crmValue"`
	MetaKockaValue         string               `json:"metakockaValue"`
	CRMBefore              string               `json:"crmBefore"`
	MetaKockaBefore        string               `json:"metakockaBefore"`
	CRMChangedAt           *time.Time           `json:"crmChangedAt"`
	MetaKockaChangedAfter  *time.Time           `json:"metakockaChangedAfter"`
	MetaKockaChangedBefore *time.Time           `json:"metakockaChangedBefore"`
	CreatedAt              time.Time            `json:"createdAt"`
	ClosedAt               *time.Time           `json:"closedAt"`
	ClosedBy               string               `json:"closedBy"`
}

func conflictOf(c store.ConflictRecord) Conflict {
	return Conflict{
		ID: conflictID(c), MappingID: c.LinkID, ContactID: c.ContactID, MetaKockaID: c.MetaKockaID,
		Field: c.Field, Status: c.Status, Rule: c.Rule, Winner: c.Winner, Undecidable: c.Undecidable,
		CRMValue: c.CRM, MetaKockaValue: c.Partner, CRMBefore: c.BaseCRM, MetaKockaBefore: c.BasePartner,
		CRMChangedAt: known(c.Times.CRM), MetaKockaChangedAfter: known(c.Times.PartnerAfter), MetaKockaChangedBefore: known(c.Times.PartnerBefore),
		CreatedAt: c.CreatedAt, ClosedAt: known(c.ClosedAt), ClosedBy: c.ClosedBy,
	}
}

func conflictID(c store.ConflictRecord) string { return strconv.FormatInt(c.ID, 10) }

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// JournalRequest chooses entries of a journal: those that wait for a person, or
// all of them.
type JournalRequest struct {
	Of  string `json:"of,omitempty"` // any id: the entry's, its mapping's, contact's or partner's
	All bool   `json:"all,omitempty"`
	Page
}

func (r JournalRequest) query(a *API) (q store.RecordQuery, err error) {
	if r.Of != "" {
		if err := a.anyID("of", r.Of); err != nil {
			return q, err
		}
	}
	q = store.RecordQuery{Of: r.Of, Open: !r.All}
	if q.After, err = r.number(); err != nil {
		return q, err
	}
	q.Limit, err = r.limit()
	return q, err
}

// EntryRequest names one entry by its own id, or by its mapping's, contact's or
// partner's where that is unambiguous. By is who asks.
type EntryRequest struct {
	ID string `json:"id"`
	By string `json:"by,omitempty"`
}

// ResolveRequest decides a conflict: both sides are to hold Take's value.
type ResolveRequest struct {
	ID   string       `json:"id"`
	Take mapping.Side `json:"take"`
	By   string       `json:"by,omitempty"`
}

// Decided is an entry after a person's decision, and where its mapping stands.
type Decided[T any] struct {
	Entry   T       `json:"entry"`
	Outcome Outcome `json:"outcome"`
}

// Conflicts lists the conflict journal.
func (a *API) Conflicts(ctx context.Context, r JournalRequest) (List[Conflict], error) {
	q, err := r.query(a)
	if err != nil {
		return List[Conflict]{}, err
	}
	found, err := a.records.Conflicts(ctx, q)
	return listOf(found, q.Limit, conflictOf, conflictID), err
}

// Conflict shows one entry: one that waits, where the id names several.
func (a *API) Conflict(ctx context.Context, r EntryRequest) (Conflict, error) {
	c, err := a.conflict(ctx, r.ID, parked)
	if syncer.IsCode(err, syncer.CodeConflict) {
		c, err = a.conflict(ctx, r.ID, func(store.ConflictRecord) bool { return true })
	}
	return conflictOf(c), err
}

func parked(c store.ConflictRecord) bool { return c.Status == store.ConflictParked }

func decided(c store.ConflictRecord) bool {
	return c.Winner != "" && (c.Status == store.ConflictDecided || c.Status == store.ConflictResolved)
}

func (a *API) conflict(ctx context.Context, id string, fits func(store.ConflictRecord) bool) (c store.ConflictRecord, err error) {
	if err := a.anyID("id", id); err != nil {
		return c, err
	}
	found, err := a.records.Conflicts(ctx, store.RecordQuery{Of: id})
	if err != nil {
		return c, err
	}
	return pick("conflict", id, found, conflictID, fits)
}

// ResolveConflict decides a parked conflict and brings both sides to the value
// at once. Asked again with the same answer it only reconciles again.
func (a *API) ResolveConflict(ctx context.Context, r ResolveRequest) (res Decided[Conflict], err error) {
	if r.Take != mapping.SideCRM && r.Take != mapping.SideMetaKocka {
		return res, syncer.Refuse(syncer.CodeMalformed, "request.take", "take: must be {one} or {other}", mapping.SideCRM, mapping.SideMetaKocka)
	}

	c, err := a.conflict(ctx, r.ID, parked)
	if err != nil {
		return res, err
	}

	again := c.Status == store.ConflictResolved && c.Winner == r.Take
	if !again {
		if err := a.mayResolve(ctx, c, r.Take); err != nil {
			return res, err
		}
		if err := a.records.DecideConflict(ctx, c, r.Take, r.By); err != nil {
			return res, err
		}
	}

	done, err := a.contact(ctx, c.ContactID, syncer.Trigger{Cause: syncer.CauseRequest, By: r.By})

	// The decision is stored. Whether it took effect, on the values that were shown, is seen at the link.
	if err == nil {
		err = a.resolved(ctx, c)
	}
	if err == nil {
		if err := a.asShown(ctx, c); err != nil {
			return res, err
		}
	}

	return a.decidedConflict(ctx, c, done, err)
}

// mayResolve refuses what the next reconcile would not carry out.
func (a *API) mayResolve(ctx context.Context, c store.ConflictRecord, take mapping.Side) error {
	if c.Status == store.ConflictResolved && c.Winner == "" {
		return syncer.Refuse(syncer.CodeConflict, "conflict.over", "conflict {conflict} is over: the sides agree, or the field was changed since it was shown: mksync conflicts list", c.ID)
	}
	if !parked(c) {
		return syncer.Refuse(syncer.CodeConflict, "conflict.already", "conflict {conflict} is {status} already", c.ID, c.Status)
	}
	if !a.reconciler.Policy().For(c.Field).Direction.From(take) {
		return syncer.Refuse(syncer.CodeConflict, "conflict.direction", "conflict {conflict}: the configuration does not let {field} go from {side} to the other side", c.ID, c.Field, take)
	}
	link, err := a.link(ctx, c.LinkID)
	if err == nil && !link.Status.Alive() {
		return syncer.Refuse(syncer.CodeConflict, "conflict.mapping", "conflict {conflict}: the mapping is {status}", c.ID, link.Status)
	}
	return err
}

// resolved makes sure that the decision was carried out.
func (a *API) resolved(ctx context.Context, c store.ConflictRecord) error {
	link, err := a.link(ctx, c.LinkID)
	if err != nil {
		return err
	}
	if _, left := link.Overrides[c.Field]; left {
		return syncer.Refuse(syncer.CodeConflict, "mapping.status", "the mapping is {status}: {cause}", link.Status, link.LastError.Or(syncer.NotThere))
	}
	return nil
}

// asShown makes sure that a conflict was decided on the values that there were.
func (a *API) asShown(ctx context.Context, c store.ConflictRecord) error {
	waiting, err := a.records.Conflicts(ctx, store.RecordQuery{Of: c.LinkID, Open: true})
	for _, other := range waiting {
		if other.Field == c.Field && other.ID != c.ID {
			return syncer.Refuse(syncer.CodeConflict, "conflict.changed", "{field} was changed since conflict {conflict} was shown, and nothing is overwritten that nobody has seen: it waits as conflict {next}", c.Field, c.ID, other.ID)
		}
	}
	return err
}

func (a *API) decidedConflict(ctx context.Context, c store.ConflictRecord, done syncer.Result, err error) (res Decided[Conflict], _ error) {
	if err != nil {
		return res, syncer.NotYet(err, "conflict.not_yet", "the decision on conflict {conflict} is stored, but not carried out yet: {cause}. The same command tries again", c.ID)
	}
	found, err := a.records.Conflicts(ctx, store.RecordQuery{Of: c.LinkID})
	if err != nil {
		return res, err
	}
	c, err = pick("conflict", conflictID(c), found, conflictID, parked)
	return Decided[Conflict]{Entry: conflictOf(c), Outcome: outcomeOf(done)}, err
}

// UndoConflict takes the outcome of a decided conflict back, as long as neither
// side has changed the field since: both hold the value that lost.
func (a *API) UndoConflict(ctx context.Context, r EntryRequest) (res Decided[Conflict], err error) {
	c, err := a.conflict(ctx, r.ID, decided)
	if err != nil {
		return res, err
	}

	switch {
	case parked(c):
		return res, syncer.Refuse(syncer.CodeConflict, "conflict.undecided", "conflict {conflict} is not decided yet: there is nothing to undo", c.ID)
	case c.Status == store.ConflictUndone:
		return res, syncer.Refuse(syncer.CodeConflict, "conflict.undone", "conflict {conflict} is undone already", c.ID)
	case !decided(c):
		return res, syncer.Refuse(syncer.CodeConflict, "conflict.ended", "conflict {conflict} ended by itself, because the sides came to agree or the field was changed again: there is nothing to undo", c.ID)
	}

	done, err := a.reconciler.Restore(ctx, c, r.By)
	if err != nil {
		return res, err
	}
	if err := a.records.CloseUndone(ctx, c.ID, r.By); err != nil {
		return res, err
	}
	return a.decidedConflict(ctx, c, done, nil)
}

func (a *API) link(ctx context.Context, id string) (store.Link, error) {
	links, err := a.records.Links(ctx, store.LinkQuery{ID: id})
	if err != nil || len(links) == 0 {
		return store.Link{}, syncer.OrNotFound(err, "mapping.none", "there is no mapping {id}", id)
	}
	return links[0], nil
}
