package syncer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// FinishMerge does what is left of a merge: the superfluous partner is dealt
// with, and the winner and its partner are brought together. Errors as Contact.
func (r *Reconciler) FinishMerge(ctx context.Context, m *store.ContactMerge) error {
	if m.Status != store.MergeRunning {
		return nil
	}
	if m.PartnerID != "" && m.Policy != PolicyUnlink && m.PartnerAfter == nil {
		if _, err := r.retireLoser(ctx, m); err != nil {
			return r.unfinished(ctx, m, err)
		}
	}
	_, err := r.Contact(ctx, m.WinnerID, Trigger{Cause: CauseMerge, By: m.CreatedBy})
	var rejected *RejectError
	if err != nil && !errors.As(err, &rejected) {
		return r.unfinished(ctx, m, err)
	}
	m.Status = store.MergeDone
	_, err = r.links.NoteMerge(ctx, *m, store.MergeRunning)
	return err
}

// unfinished says that the contacts are merged and MetaKocka is not through.
func (r *Reconciler) unfinished(ctx context.Context, m *store.ContactMerge, why error) error {
	m.Note = AsRequestError(why).Reason
	_, err := r.links.NoteMerge(context.WithoutCancel(ctx), *m, store.MergeRunning)
	if err != nil {
		return errors.Join(why, err)
	}
	return NotYet(why, "merge.running", "the contacts are merged (merge {merge}), but MetaKocka is not through yet; the running service finishes it: {cause}. The same command tries again", m.ID)
}

// retireLoser deals with the partner of a contact that was merged into another; a contact
// that is there again keeps it.
func (r *Reconciler) retireLoser(ctx context.Context, m *store.ContactMerge) (Result, error) {
	return r.reconcile(ctx, m.LoserID, Trigger{Cause: CauseMerge, By: m.CreatedBy}, func(k *task, ctx context.Context) error {
		if err := k.load(ctx); err != nil {
			return err
		}
		if k.st.Contact == nil {
			return k.retireMerged(ctx, m)
		}
		return k.present(ctx, k.together)
	})
}

// retireMerged does to the partner of a contact that was merged into another
// what the delete policy says. What the partner was is stored before it is
// written, so that the merge can be undone.
func (k *task) retireMerged(ctx context.Context, m *store.ContactMerge) error {
	if err := k.refreshMerge(ctx, m); err != nil {
		return err
	}

	linkedAgain := k.st.Link != nil && k.link.Status.Alive()
	if m.Status != store.MergeRunning || m.PartnerAfter != nil || linkedAgain {
		return nil
	}

	if in := k.link.Intent; in != nil && k.open(k.id, in) {
		return k.pending()
	}

	holders, err := k.links.Holders(ctx, []string{m.PartnerID})
	switch {
	case err != nil:
		return err
	case holders[m.PartnerID] != "":
		m.Note = coded.Say("note.gone.another", "partner {partner} is left as it is: contact {contact} is linked with it by now", m.PartnerID, holders[m.PartnerID])
		return nil
	}

	// A tombstone may have been removed.
	k.link.ContactID = k.id
	k.link.MetaKockaID = m.PartnerID

	p, err := k.read(ctx)
	if errors.Is(err, metakocka.ErrNotFound) {
		m.Note = coded.Say("note.gone.from_metakocka", "partner {partner} is gone from MetaKocka", m.PartnerID)
		return nil
	}
	if err != nil {
		return AboutAll(err)
	}
	return k.retireKept(ctx, m, p)
}

// retireKept keeps what the partner is in the merge's record, and retires it.
func (k *task) retireKept(ctx context.Context, m *store.ContactMerge, p reading) (err error) {
	if m.PartnerBefore == nil {
		if m.PartnerBefore, err = p.MarshalJSON(); err != nil {
			return fmt.Errorf("keep partner %s: %w", p.MKID, err)
		}
		if _, err := k.links.NoteMerge(ctx, *m, store.MergeRunning); err != nil {
			return err
		}
	}

	k.link.Status = store.StatusDeleted
	written, note, err := k.retireAs(ctx, m.Policy, p)
	switch {
	case metakocka.IsRefusal(err):
		return k.refused(ctx, err)
	case err != nil:
		return err
	}

	if m.PartnerAfter, err = written.MarshalJSON(); err != nil {
		return fmt.Errorf("keep partner %s: %w", p.MKID, err)
	}

	k.link.Intent = nil
	m.Note = note
	if _, err := k.links.NoteMerge(ctx, *m, store.MergeRunning); err != nil {
		return err
	}
	return k.settle(ctx, store.StatusDeleted, mergedInto(m.WinnerID).And(note), store.Change{})
}

func mergedInto(winnerID string) coded.Text {
	return coded.Say("note.gone.merged", "merged into contact {contact}", winnerID)
}

// refreshMerge reads a merge's record again: another process may have gone on
// with it.
func (r *Reconciler) refreshMerge(ctx context.Context, m *store.ContactMerge) error {
	found, err := r.links.Merges(ctx, store.MergeQuery{ID: m.ID})
	if err != nil || len(found) == 0 {
		return OrNotFound(err, "merge.none", "there is no merge {merge}", m.ID)
	}
	by := m.UndoneBy
	*m = found[0]
	m.UndoneBy = OrWords(by, m.UndoneBy)
	return nil
}

// partnerOfRecord reads a partner that a merge's record keeps.
func partnerOfRecord(data json.RawMessage) (p metakocka.Partner, err error) {
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("read the partner that the merge kept: %w", err)
	}
	return p, nil
}
