package syncer

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// Merging two contacts: the winner takes over what it lacks, the loser is
// deleted, and where both have partners the loser's is superfluous.
//
// One transaction does all of that in the database, under both contacts' locks,
// and stores the merge's record with it (invariant 18). Cut off before it,
// nothing has happened. After it, the record says what is left to do in
// MetaKocka: what the delete policy does to the superfluous partner, and the
// winner's reconcile. Both can be done again, by the same request or by work.Merger.

// merging is a merge of two contacts whose locks are held.
type merging struct {
	*Reconciler
	loser, winner *task
	m             store.ContactMerge
	change        store.MergeChange
	unknown       []string // columns of the loser that nobody takes over
}

// Merge merges the loser into the winner. A merge of the two that was cut off is
// finished; one that is done already is returned. Errors: *RequestError where the
// two cannot be merged, else as Contact.
func (r *Reconciler) Merge(ctx context.Context, loserID, winnerID, by string) (store.ContactMerge, error) {
	if m, found, err := r.mergedBefore(ctx, loserID, winnerID); err != nil || found {
		if err == nil && m.Status == store.MergeRunning {
			err = r.FinishMerge(ctx, &m)
		}
		return m, err
	}

	for _, id := range []string{loserID, winnerID} {
		if err := r.settled(ctx, id, by); err != nil {
			return store.ContactMerge{}, err
		}
	}

	var done store.ContactMerge
	err := r.lockedBoth(ctx, loserID, winnerID, by, func(loser, winner *task) error {
		j, err := r.mergeOf(ctx, loser, winner)
		if err != nil {
			return err
		}

		saving, cancel := Saving(ctx)
		defer cancel()
		err = winner.s.Absorb(saving, loser.s, &j.m, j.change)
		winner.tell(slices.Concat(j.change.LoserHistory, j.change.WinnerHistory), err)
		done = j.m
		return notDeleted(loserID, err)
	})
	if err != nil {
		return store.ContactMerge{}, err
	}
	return done, r.FinishMerge(ctx, &done)
}

// PreviewMerge says what Merge would do, and writes nothing.
func (r *Reconciler) PreviewMerge(ctx context.Context, loserID, winnerID string) (p MergePreview, err error) {
	err = r.lockedBoth(ctx, loserID, winnerID, "", func(loser, winner *task) error {
		j, err := r.mergeOf(ctx, loser, winner)
		if err == nil {
			p = MergePreview{Merge: j.m, Fields: j.fields(), Effects: j.effects()}
		}
		return err
	})
	return p, err
}

// mergedBefore finds the merge of the two that stands, if the loser is gone.
func (r *Reconciler) mergedBefore(ctx context.Context, loserID, winnerID string) (m store.ContactMerge, found bool, err error) {
	all, err := r.links.Merges(ctx, store.MergeQuery{LoserID: loserID, WinnerID: winnerID, Limit: 1})
	if err != nil || len(all) == 0 || all[0].Status == store.MergeUndone {
		return m, false, err
	}
	err = r.links.WithContact(ctx, loserID, func(s store.Session) error {
		st, err := s.Load(ctx)
		found = st.Contact == nil
		return err
	})
	return all[0], found, err
}

// settled brings a linked contact and its partner together before it is merged,
// so that no edit made in the ERP is lost and no write is open. A contact that
// cannot be brought over may be merged all the same: that may be why it is.
func (r *Reconciler) settled(ctx context.Context, id, by string) error {
	_, err := r.reconcile(ctx, id, Trigger{Cause: CauseMerge, By: by}, func(k *task, ctx context.Context) error {
		if err := k.load(ctx); err != nil {
			return err
		}
		if k.st.Contact != nil && k.st.InScope && k.link.MetaKockaID == "" && k.link.Intent == nil {
			return nil // without a partner it is left without
		}
		return k.present(ctx, k.together)
	})
	var rejected *RejectError
	if errors.As(err, &rejected) {
		return nil
	}
	return err
}

// lockedBoth calls use with both contacts read, under both locks.
func (r *Reconciler) lockedBoth(ctx context.Context, loserID, winnerID, by string, use func(loser, winner *task) error) error {
	t := Trigger{Cause: CauseMerge, By: by}
	for try := 0; ; try++ {
		err := r.links.WithContacts(ctx, loserID, winnerID, func(l, w store.Session) error {
			loser, winner := r.task(l, loserID, t), r.task(w, winnerID, t)
			if err := errors.Join(loser.load(ctx), winner.load(ctx)); err != nil {
				return err
			}
			return use(loser, winner)
		})
		again := errors.Is(err, store.ErrContactChanged) || errors.Is(err, ErrAgain)
		if !again || try >= maxTries {
			return err
		}
	}
}

// mergeOf decides what merging two contacts means, or says why they cannot be.
func (r *Reconciler) mergeOf(ctx context.Context, loser, winner *task) (*merging, error) {
	for _, k := range []*task{loser, winner} {
		if err := k.mergeable(ctx); err != nil {
			return nil, err
		}
	}

	h, err := r.hindered(ctx, loser, winner)
	if err != nil {
		return nil, err
	}

	j := &merging{Reconciler: r, loser: loser, winner: winner, unknown: h.Unknown}
	merged, taken := mapping.TakeOver(*winner.st.Contact, *loser.st.Contact, r.links.Fields())
	j.change.Contact = merged
	j.change.Fields = taken

	j.m = store.ContactMerge{
		LoserID: loser.id, WinnerID: winner.id, Taken: taken, WinnerBefore: *winner.st.Contact, WinnerAfter: merged,
		LoserLink: loser.st.Link, WinnerLink: winner.st.Link, CreatedBy: loser.t.By,
	}
	j.pair()
	j.chronicle()
	return j, nil
}

// mergeable refuses a contact that is not there, is not synced, or whose link is
// not at rest.
func (k *task) mergeable(ctx context.Context) error {
	switch l := k.link; {
	case k.st.Contact == nil:
		return k.notThere(ctx)
	case !k.st.InScope:
		return LeftOut(k.id)
	case l.Intent != nil:
		return Refuse(CodeUnavailable, "contact.unanswered_again", "contact {contact}: whether MetaKocka took the last write is not known yet: try again in a moment", k.id)
	case l.Status == store.StatusDeleted && l.MetaKockaID != "":
		return Refuse(CodeConflict, "contact.came_back", "contact {contact} was deleted, came back and is not linked again yet: mksync sync {contact}", k.id)
	}
	return nil
}

// notThere says where a contact went.
func (k *task) notThere(ctx context.Context) error {
	into, err := k.mergedInto(ctx)
	switch {
	case err != nil:
		return err
	case into != nil:
		return Refuse(CodeNotFound, "contact.merged", "there is no contact {contact}: it was merged into contact {winner} (merge {merge})", k.id, into.WinnerID, into.ID)
	}
	return Refuse(CodeNotFound, "contact.none", "there is no contact {contact}", k.id)
}

// mergedInto is the merge that took the contact into another one; nil: there was none, or it
// was taken back.
func (k *task) mergedInto(ctx context.Context) (*store.ContactMerge, error) {
	merges, err := k.links.Merges(ctx, store.MergeQuery{LoserID: k.id, Limit: 1})
	if err != nil || len(merges) == 0 || merges[0].Status == store.MergeUndone {
		return nil, err
	}
	return &merges[0], nil
}

// hindered refuses what a person has to decide first, and a deletion that the
// database would not do, or that would take more with it.
func (r *Reconciler) hindered(ctx context.Context, loser, winner *task) (h store.Hindrance, err error) {
	for _, k := range []*task{winner, loser} {
		if h, err = k.s.Hindrance(ctx, winner.id); err != nil {
			return h, err
		}
		switch {
		case h.Conflicts > 0:
			return h, Refuse(CodeConflict, "contact.fields_wait", "contact {contact} has {count} fields that wait for a decision: mksync conflicts list --of {contact}", k.id, h.Conflicts)
		case h.Deletions > 0:
			return h, Refuse(CodeConflict, "contact.deletion_waits", "contact {contact} has a deletion that waits for a decision: mksync deletions list --of {contact}", k.id)
		}
	}
	switch {
	case h.MayNotDelete:
		return h, Refuse(CodeRefused, "merge.may_not", "mksync's role may not delete contacts, so nothing is merged: grant it DELETE on the contacts table")
	case len(h.Referrers) > 0:
		return h, Refuse(CodeRefused, "merge.referred", "rows of {tables} refer to contact {contact}: move them to contact {winner} first, and let mksync's role read these tables", strings.Join(h.Referrers, ", "), loser.id, winner.id)
	}
	return h, nil
}

// linked reports whether the contact has a partner.
func (k *task) linked() bool {
	return k.st.Link != nil && k.link.Status.Alive() && k.link.MetaKockaID != ""
}

// pair decides what becomes of the links.
func (j *merging) pair() {
	if j.loser.st.Link != nil {
		gone := j.loser.link
		gone.Status = store.StatusDeleted
		gone.LastError = mergedInto(j.winner.id)
		gone.Intent = nil
		gone.Overrides = nil
		j.change.Loser = &gone
	}
	switch {
	case !j.loser.linked():
	case j.winner.linked():
		j.m.PartnerID = j.loser.link.MetaKockaID
		j.m.Policy = j.cfg.DeletePolicy
	default:
		j.m.MovedID = j.loser.link.MetaKockaID
		j.change.Winner = handedOver(j.loser.link, j.winner)
		j.change.Loser.MetaKockaID = ""
		j.change.Loser.Base = nil
	}
}

// handedOver is a link whose partner becomes another contact's. The base stays:
// what the two contacts differ in goes to the partner, as an edit of the CRM's.
func handedOver(l store.Link, to *task) *store.Link {
	l.ID = to.link.ID
	l.ContactID = to.id
	l.Status = store.StatusPending
	l.LastError = coded.Text{}
	l.Intent = nil
	l.UpdatedBy = to.t.By
	return &l
}

// chronicle is what the history says of the merge. What the partner holds is what was last
// agreed on: it is not asked.
func (j *merging) chronicle() {
	j.change.LoserHistory = []store.Entry{j.loser.entry(mapping.SideCRM, store.ActMerge)}

	j.change.WinnerHistory = []store.Entry{j.winner.taken(j.m.Taken, store.ActMerge, store.FieldTaken)}

	if j.m.MovedID != "" {
		j.change.WinnerHistory = append(j.change.WinnerHistory, j.winner.handed(*j.change.Winner, j.change.Contact))
	}
}

// taken is the entry of a winner whose fields a merge, or its undoing, writes.
func (k *task) taken(fields []mapping.Field, act store.Act, reason store.FieldReason) store.Entry {
	e := k.entry(mapping.SideCRM, act)
	base := *k.link.BaseOr(mapping.Base{})
	for _, f := range fields {
		e.Fields[f] = field(f, base, *k.st.Contact, base.Partner, reason)
	}
	if len(e.Fields) == 0 {
		e.Side = ""
	}
	return e
}

// handed is the entry of a link whose partner another contact had.
func (k *task) handed(l store.Link, contact mapping.Contact) store.Entry {
	e := k.entry("", store.ActLink)
	e.MetaKockaID = l.MetaKockaID
	base := *l.BaseOr(mapping.Base{})
	for _, f := range mapping.Fields() {
		if contact.Get(f) != "" || base.Partner.Get(f) != "" {
			e.Fields[f] = field(f, mapping.Base{}, contact, base.Partner, store.FieldFound)
		}
	}
	return e
}

// notDeleted says that the database refused the loser's deletion.
func notDeleted(loserID string, err error) error {
	var refused *store.ContactRefusedError
	if errors.As(err, &refused) {
		return Refuse(CodeRefused, "merge.kept", "nothing is merged, for contact {contact} cannot be deleted or its values not be taken over: {cause}", loserID, refused.Reason)
	}
	return err
}

// effects says what the merge does.
func (j *merging) effects() []coded.Text {
	m := j.m
	effects := []coded.Text{coded.Say("note.does.merge_deleted", "contact {contact} is deleted", m.LoserID)}
	switch {
	case m.MovedID != "":
		effects = append(effects, coded.Say("note.does.merge_moves", "partner {partner} becomes the partner of contact {contact}", m.MovedID, m.WinnerID))
	case j.winner.linked():
		effects = append(effects, coded.Say("note.does.merge_stays", "partner {partner} stays the partner of contact {contact}", j.winner.link.MetaKockaID, m.WinnerID))
	}
	if m.PartnerID != "" {
		effects = append(effects, superfluous(m.PartnerID, m.Policy))
	}
	if len(j.unknown) > 0 {
		effects = append(effects, coded.Say("note.does.merge_not_taken", "not taken over, because mksync does not sync them: {columns}", strings.Join(j.unknown, ", ")))
	}
	l, w := j.loser.st.Contact.TaxNumber, m.WinnerBefore.TaxNumber
	if l != "" && w != "" && !mapping.Equal(mapping.FieldTaxNumber, l, w) {
		effects = append(effects, coded.Say("note.does.merge_numbers", "WARNING: the two have different tax numbers"))
	}
	return effects
}

// superfluous says what becomes of a partner that nobody is linked with any more.
func superfluous(partnerID, policy string) coded.Text {
	switch policy {
	case PolicyUnlink:
		return coded.Say("note.does.merge_unlink", "partner {partner} stays as it is and is linked with nobody", partnerID)
	case PolicyAnonymize:
		return coded.Say("note.does.merge_anonymize", "partner {partner} is anonymized, and neither buyer nor supplier any more", partnerID)
	}
	return coded.Say("note.does.merge_deactivate", "partner {partner} is neither buyer nor supplier any more", partnerID)
}

// fields are the merge's fields, one by one, where either contact has a value.
func (j *merging) fields() []MergedField {
	var all []MergedField
	for _, f := range j.links.Fields() {
		l, w := j.loser.st.Contact.Get(f), j.m.WinnerBefore.Get(f)
		if l == "" && w == "" {
			continue
		}
		all = append(all, MergedField{Field: f, Loser: l, Winner: w, Holds: j.m.WinnerAfter.Get(f), Taken: slices.Contains(j.m.Taken, f)})
	}
	return all
}

// MergedField is one field of a merge.
type MergedField struct {
	Field  mapping.Field `json:"field"`
	Winner string        `json:"winner"` // the winner's value before
	Loser  string        `json:"loser"`
	Holds  string        `json:"holds"` // what the winner holds after it
	Taken  bool          `json:"taken"` // from the loser
}

// MergePreview is what a merge would do.
type MergePreview struct {
	Merge   store.ContactMerge
	Fields  []MergedField
	Effects []coded.Text
}
