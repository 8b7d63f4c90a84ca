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

// MergeRequest merges a contact into another one. With DryRun nothing is written.
type MergeRequest struct {
	LoserContactID  string `json:"loserContactId"`
	WinnerContactID string `json:"winnerContactId"`
	DryRun          bool   `json:"dryRun,omitempty"`
	By              string `json:"by,omitempty"`
}

// Merge is a merge of two contacts as users see it.
type Merge struct {
	ID              string            `json:"id,omitempty"`     // empty: of a dry run
	Status          store.MergeStatus `json:"status,omitempty"` // empty: of a dry run
	LoserContactID  string            `json:"loserContactId"`
	WinnerContactID string            `json:"winnerContactId"`
	TakenOver       []mapping.Field   `json:"takenOver"`
	// MovedMetaKockaID is the loser's partner, which became the winner's.
	MovedMetaKockaID string `json:"movedMetakockaId,omitempty"`
	// SuperfluousMetaKockaID is the loser's partner where the winner has its own,
	// and Policy what becomes of it.
	SuperfluousMetaKockaID string `json:"superfluousMetakockaId,omitempty"`
	Policy                 string `json:"policy,omitempty"`
	// Fields and Effects are what a dry run shows: the values, and the rest in words.
	Fields  []syncer.MergedField `json:"fields,omitempty"`
	Effects []string             `json:"effects,omitempty"`
	// EffectsSaid are the effects as codes with parameters, Said is the note.
	EffectsSaid []coded.Text `json:"effectsSaid,omitempty"`
	Note        string       `json:"note,omitempty"` // what is not as it should be
	Said        coded.Text   `json:"said,omitzero"`
	CreatedAt   *time.Time   `json:"createdAt"`
	CreatedBy   string       `json:"createdBy,omitempty"`
	UndoneAt    *time.Time   `json:"undoneAt"`
	UndoneBy    string       `json:"undoneBy,omitempty"`
}

func mergeShown(m store.ContactMerge) Merge {
	out := Merge{
		Status: m.Status, LoserContactID: m.LoserID, WinnerContactID: m.WinnerID, TakenOver: orNone(m.Taken),
		MovedMetaKockaID: m.MovedID, SuperfluousMetaKockaID: m.PartnerID, Policy: m.Policy, Note: m.Note.String(), Said: said(m.Note),
		CreatedAt: known(m.CreatedAt), CreatedBy: m.CreatedBy, UndoneAt: known(m.UndoneAt),
	}
	if m.ID != 0 {
		out.ID = mergeID(m)
	}
	if m.Status == store.MergeUndone {
		out.UndoneBy = m.UndoneBy
	}
	return out
}

func mergeID(m store.ContactMerge) string { return strconv.FormatInt(m.ID, 10) }

// Merge merges two contacts, or with DryRun says what that would do. Asked again
// it finishes what was cut off, and does nothing where all is done.
func (a *API) Merge(ctx context.Context, r MergeRequest) (m Merge, err error) {
	loser, err := a.contactID("loserContactId", r.LoserContactID)
	if err != nil {
		return m, err
	}

	winner, err := a.contactID("winnerContactId", r.WinnerContactID)
	switch {
	case err != nil:
		return m, err
	case loser == winner:
		return m, syncer.Refuse(syncer.CodeMalformed, "contact.same", "loserContactId and winnerContactId are the same contact")
	case r.DryRun:
		p, err := a.reconciler.PreviewMerge(ctx, loser, winner)
		if err != nil {
			return m, err
		}
		m = mergeShown(p.Merge)
		m.Fields = p.Fields
		m.EffectsSaid = p.Effects
		for _, effect := range p.Effects {
			m.Effects = append(m.Effects, effect.String())
		}
		return m, nil
	}

	done, err := a.reconciler.Merge(ctx, loser, winner, r.By)
	return mergeShown(done), err
}

// MergesRequest chooses merges: all, or those of a contact or a partner.
type MergesRequest struct {
	Of string `json:"of,omitempty"` // the merge's own id, or one of its contacts' or partners'
	Page
}

// Merges lists the merges of contacts, newest first.
func (a *API) Merges(ctx context.Context, r MergesRequest) (l List[Merge], err error) {
	if r.Of != "" {
		if err := a.anyID("of", r.Of); err != nil {
			return l, err
		}
	}
	q := store.MergeQuery{Of: r.Of}
	if q.Limit, err = r.limit(); err != nil {
		return l, err
	}
	if q.Before, err = r.number(); err != nil {
		return l, err
	}
	found, err := a.records.Merges(ctx, q)
	return listOf(found, q.Limit, mergeShown, mergeID), err
}

// UndoMerge takes a merge back, as long as nothing that it touched has changed
// since.
func (a *API) UndoMerge(ctx context.Context, r EntryRequest) (m Merge, err error) {
	id, err := strconv.ParseInt(r.ID, 10, 64)
	if err != nil || id <= 0 {
		return m, syncer.Refuse(syncer.CodeMalformed, "merge.number", "id: {id} is not the number of a merge", strconv.Quote(clip(r.ID)))
	}
	found, err := a.records.Merges(ctx, store.MergeQuery{ID: id})
	if err != nil || len(found) == 0 {
		return m, syncer.OrNotFound(err, "merge.none", "there is no merge {merge}", id)
	}
	done, err := a.reconciler.UndoMerge(ctx, found[0], r.By)
	return mergeShown(done), err
}
