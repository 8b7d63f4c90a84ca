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

// Deletion is an entry of the deletion journal as users see it.
type Deletion struct {
	ID          string       `json:"id"`
	MappingID   string       `json:"mappingId"`
	ContactID   string       `json:"contactId"`
	MetaKockaID string       `json:"metakockaId"`
	Side        mapping.Side `json:"side"` // where the record was deleted
	Reason      string       `json:"reason"`
	// Said is the reason as a code with parameters.
	Said      coded.Text           `json:"said,omitzero"`
	Status    store.DeletionStatus `json:"status"`
	CreatedAt time.Time            `json:"createdAt"`
	ClosedAt  *time.Time           `json:"closedAt"`
	ClosedBy  string               `json:"closedBy"`
}

func deletionOf(d store.DeletionRecord) Deletion {
	return Deletion{
		ID: deletionID(d), MappingID: d.LinkID, ContactID: d.ContactID, MetaKockaID: d.MetaKockaID, Side: d.Side,
		Reason: d.Reason.String(), Said: said(d.Reason), Status: d.Status, CreatedAt: d.CreatedAt, ClosedAt: known(d.ClosedAt), ClosedBy: d.ClosedBy,
	}
}

func deletionID(d store.DeletionRecord) string { return strconv.FormatInt(d.ID, 10) }

func openDeletion(d store.DeletionRecord) bool { return d.Status.Open() }

// Deletions lists the deletion journal. Without All it is what waits for a
// person, and what was approved and could not be applied yet.
func (a *API) Deletions(ctx context.Context, r JournalRequest) (List[Deletion], error) {
	q, err := r.query(a)
	if err != nil {
		return List[Deletion]{}, err
	}
	found, err := a.records.Deletions(ctx, q)
	return listOf(found, q.Limit, deletionOf, deletionID), err
}

// deletion finds an open deletion.
func (a *API) deletion(ctx context.Context, id string) (rec store.DeletionRecord, err error) {
	if err := a.anyID("id", id); err != nil {
		return rec, err
	}
	found, err := a.records.Deletions(ctx, store.RecordQuery{Of: id})
	if err != nil {
		return rec, err
	}
	rec, err = pick("deletion", id, found, deletionID, openDeletion)
	if err == nil && !rec.Status.Open() {
		err = syncer.Refuse(syncer.CodeConflict, "deletion.already", "deletion {deletion} is {status} already", rec.ID, rec.Status)
	}
	return rec, err
}

// ApproveDeletion applies a held deletion at once: to the partner as the delete
// Policy says, or to the contact. What was deleted and is there again, or was
// edited since, is left alone; the entry then ends as "void".
func (a *API) ApproveDeletion(ctx context.Context, r EntryRequest) (res Decided[Deletion], err error) {
	rec, err := a.deletion(ctx, r.ID)
	if err != nil {
		return res, err
	}
	if err := a.records.ApproveDeletion(ctx, rec.ID, r.By); err != nil {
		return res, err
	}
	t := syncer.Trigger{Cause: syncer.CauseRequest, By: r.By, Deleted: rec.Side == mapping.SideCRM}
	done, err := a.contact(ctx, rec.ContactID, t)
	if err != nil {
		return res, syncer.NotYet(err, "deletion.not_applied", "deletion {deletion} is approved, but not applied yet: {cause}. The same command tries again", rec.ID)
	}
	return a.decidedDeletion(ctx, rec, done)
}

// What a mapping says after its deletion was rejected.
var (
	noteKeptPartner = coded.Say("note.gone.kept_partner", "the contact was deleted; its partner is kept as it is")
	noteKeptContact = coded.Say("note.gone.kept_contact", "the partner is gone from MetaKocka; the contact is kept. `mksync sync` with its id makes the partner anew")
)

// RejectDeletion keeps what the deletion would have taken away. Neither side is
// written. A contact's deletion leaves a tombstone, "deleted", so that the poller
// does not bring the contact back (`mksync import` does); a partner's leaves the
// contact "unlinked".
func (a *API) RejectDeletion(ctx context.Context, r EntryRequest) (res Decided[Deletion], err error) {
	rec, err := a.deletion(ctx, r.ID)
	if err != nil {
		return res, err
	}

	status, note := store.StatusDeleted, noteKeptPartner
	if rec.Side == mapping.SideMetaKocka {
		status, note = store.StatusUnlinked, noteKeptContact
	}

	if err := a.records.RejectDeletion(ctx, rec, status, note, r.By); err != nil {
		return res, err
	}

	// The tombstone frees keys that others may wait for.
	if link, err := a.link(ctx, rec.LinkID); err == nil && !link.Status.Alive() {
		if err := a.records.Wake(ctx, store.Freed(link, store.Link{}), rec.ContactID); err != nil {
			return res, err
		}
	}

	// A contact that came back meanwhile is linked again.
	done, err := a.contact(ctx, rec.ContactID, syncer.Trigger{Cause: syncer.CauseContact, By: r.By})
	if err != nil {
		return res, syncer.NotYet(err, "deletion.back", "deletion {deletion} is rejected, but the contact is back and not linked again yet: {cause}. The same command tries again", rec.ID)
	}
	return a.decidedDeletion(ctx, rec, done)
}

func (a *API) decidedDeletion(ctx context.Context, rec store.DeletionRecord, done syncer.Result) (res Decided[Deletion], err error) {
	found, err := a.records.Deletions(ctx, store.RecordQuery{Of: rec.LinkID})
	if err != nil {
		return res, err
	}
	rec, err = pick("deletion", deletionID(rec), found, deletionID, openDeletion)
	return Decided[Deletion]{Entry: deletionOf(rec), Outcome: outcomeOf(done)}, err
}
