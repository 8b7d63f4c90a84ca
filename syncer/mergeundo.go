package syncer

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// Undoing a merge, as long as nothing that it touched has changed since. The
// superfluous partner is brought back first, which can be done again; then one
// transaction puts back the contacts and the links. The other way round, a
// reconcile in between would read the retired partner as an edit.

// undoing is the undoing of a merge while both contacts are locked.
type undoing struct {
	loser, winner *task
	m             *store.ContactMerge
	revived       *reading // the superfluous partner as it is again; nil: it was left alone
}

// UndoMerge takes a merge back. Errors: a *RequestError that says what changed
// since, else as Contact.
func (r *Reconciler) UndoMerge(ctx context.Context, m store.ContactMerge, by string) (store.ContactMerge, error) {
	err := r.lockedBoth(ctx, m.LoserID, m.WinnerID, by, func(loser, winner *task) error {
		m.UndoneBy = by
		if err := r.refreshMerge(ctx, &m); err != nil {
			return err
		}

		u := &undoing{loser: loser, winner: winner, m: &m}
		if err := u.unchanged(); err != nil {
			return err
		}
		if err := u.revive(ctx); err != nil {
			return err
		}

		saving, cancel := Saving(ctx)
		defer cancel()
		change := u.change()
		err := winner.s.Release(saving, loser.s, &m, change)
		winner.tell(slices.Concat(change.LoserHistory, change.WinnerHistory), err)
		return err
	})
	if err != nil {
		return m, r.notUndone(ctx, m, err)
	}

	// Both have events, too: whatever does not work now, they bring about.
	for _, id := range []string{m.WinnerID, m.LoserID} {
		if err := r.settled(ctx, id, by); err != nil {
			r.log.Info("a contact of an undone merge is synced later", "contact", id, "error", err)
		}
	}
	return m, nil
}

// notUndone says why a merge stands. One whose partner was brought back already,
// and that something else stands against now, is finished once more.
func (r *Reconciler) notUndone(ctx context.Context, m store.ContactMerge, why error) error {
	var refused *store.ContactRefusedError
	if errors.As(why, &refused) {
		why = Refuse(CodeRefused, "merge.not_undone", "merge {merge} cannot be undone: {cause}", m.ID, refused.Reason)
	}
	final := IsCode(why, CodeConflict) || IsCode(why, CodeRefused)
	if !final || m.Status != store.MergeUndoing {
		return why
	}
	m.Status = store.MergeRunning
	m.PartnerAfter = nil
	m.Note = coded.Of(why)
	_, err := r.links.NoteMerge(ctx, m, store.MergeUndoing)
	return errors.Join(why, err)
}

// unchanged refuses the undoing of what is not as the merge left it.
func (u *undoing) unchanged() error {
	m := u.m
	switch {
	case m.Status == store.MergeUndone:
		return Refuse(CodeConflict, "merge.undone", "merge {merge} is undone already", m.ID)
	case m.Status == store.MergeRunning:
		return Refuse(CodeUnavailable, "merge.unfinished", "merge {merge} is not finished yet: {cause}", m.ID, m.Note.Or(coded.Say("refusal.merge.in_a_moment", "try again in a moment")))
	case m.LoserRow == nil:
		return Refuse(CodeConflict, "merge.too_long_ago", "merge {merge} cannot be undone: it is too long ago, and what it took away is not kept any more", m.ID)
	case u.loser.st.Contact != nil:
		return Refuse(CodeConflict, "merge.there_again", "merge {merge} cannot be undone: contact {contact} is there again", m.ID, m.LoserID)
	case u.loser.st.Link != nil && u.loser.link.Status.Alive():
		return Refuse(CodeConflict, "merge.mapping_changed", "merge {merge} cannot be undone: the mapping of contact {contact} was changed since: it is {status}", m.ID, m.LoserID, u.loser.link.Status)
	case u.winner.st.Contact == nil:
		return Refuse(CodeConflict, "merge.winner_gone", "merge {merge} cannot be undone: contact {contact} is not there any more; if it was merged into another one, undo that merge first", m.ID, m.WinnerID)
	}

	if changed := mapping.Diff(*u.winner.st.Contact, m.WinnerAfter); len(changed) > 0 {
		return Refuse(CodeConflict, "merge.winner_changed", "merge {merge} cannot be undone: contact {contact} was changed since: {fields}", m.ID, m.WinnerID, fieldList(changed))
	}
	return u.linksUnchanged()
}

// linksUnchanged refuses when the winner's link is not at rest, or names another
// partner than after the merge.
func (u *undoing) linksUnchanged() error {
	m, l := u.m, u.winner.link
	was := m.MovedID
	if was == "" && m.WinnerLink != nil && m.WinnerLink.Status.Alive() {
		was = m.WinnerLink.MetaKockaID
	}
	switch {
	case l.Intent != nil:
		return Refuse(CodeUnavailable, "contact.unanswered_again", "contact {contact}: whether MetaKocka took the last write is not known yet: try again in a moment", m.WinnerID)
	case l.Status == store.StatusConflict:
		return Refuse(CodeConflict, "merge.fields_wait", "merge {merge} cannot be undone: contact {contact} has fields that wait for a decision: mksync conflicts list --of {contact}", m.ID, m.WinnerID)
	case was != "" && (!u.winner.linked() || l.MetaKockaID != was):
		return Refuse(CodeConflict, "merge.not_linked", "merge {merge} cannot be undone: contact {contact} is not linked with partner {partner} any more", m.ID, m.WinnerID, was)
	}
	return nil
}

// revive gives a retired partner back what the merge's record holds: before the
// contacts, so that nothing takes the retired partner for an edit.
func (u *undoing) revive(ctx context.Context) error {
	m, k := u.m, u.loser
	if m.PartnerID != "" {
		holders, err := k.links.Holders(ctx, []string{m.PartnerID})
		if err != nil {
			return err
		}
		if holder := holders[m.PartnerID]; holder != "" {
			return Refuse(CodeConflict, "merge.linked_since", "merge {merge} cannot be undone: contact {contact} is linked with partner {partner} since", m.ID, holder, m.PartnerID)
		}
	}

	// It was not retired, or moved: it only has to be there.
	if m.PartnerAfter == nil || m.PartnerBefore == nil {
		return u.exists(ctx, cmp.Or(m.MovedID, m.PartnerID))
	}

	if in := k.link.Intent; in != nil && k.open(k.id, in) {
		return k.pending()
	}

	k.link.ContactID = m.LoserID
	k.link.MetaKockaID = m.PartnerID
	k.link.Status = store.StatusDeleted

	p, err := k.read(ctx)
	if errors.Is(err, metakocka.ErrNotFound) {
		return u.partnerGone(m.PartnerID)
	}
	if err != nil {
		return AboutAll(err)
	}
	return u.giveBack(ctx, p)
}

// exists refuses where the partner that the loser gets back is gone: for one that
// is missing the contact is deleted, where that is configured.
func (u *undoing) exists(ctx context.Context, partnerID string) error {
	if partnerID == "" {
		return nil
	}
	_, err := u.loser.erp.Get(ctx, partnerID)
	if errors.Is(err, metakocka.ErrNotFound) {
		return u.partnerGone(partnerID)
	}
	return AboutAll(err)
}

func (u *undoing) partnerGone(partnerID string) error {
	return Refuse(CodeConflict, "merge.partner_gone", "merge {merge} cannot be undone: partner {partner} is gone from MetaKocka", u.m.ID, partnerID)
}

// giveBack writes the partner as it was, unless somebody changed it since.
func (u *undoing) giveBack(ctx context.Context, p reading) error {
	m, k := u.m, u.loser
	before, err := partnerOfRecord(m.PartnerBefore)
	if err != nil {
		return err
	}
	after, err := partnerOfRecord(m.PartnerAfter)
	if err != nil {
		return err
	}

	// A second try meets what the first one wrote: only a merge that is done is compared.
	if m.Status == store.MergeDone && !asLeft(p.Partner, after) {
		return Refuse(CodeConflict, "merge.partner_changed", "merge {merge} cannot be undone: partner {partner} was changed in MetaKocka since", m.ID, p.MKID)
	}

	if m.Status == store.MergeDone {
		m.Status = store.MergeUndoing
		if ok, err := k.links.NoteMerge(ctx, *m, store.MergeDone); err != nil || !ok {
			return errors.Join(err, ErrAgain)
		}
	}

	e := k.entry(mapping.SideMetaKocka, store.ActRevive)
	written, err := k.write(ctx, p, view(before), nil, formerFlags(before.Buyer, before.Supplier), e)
	if metakocka.IsRefusal(err) {
		return Refuse(CodeRefused, "merge.partner_refused", "merge {merge} cannot be undone: MetaKocka does not take partner {partner} back as it was: {cause}", m.ID, p.MKID, coded.Of(err))
	}
	if err != nil {
		return err
	}
	u.revived = &written
	return nil
}

// asLeft reports whether a partner is as the merge left it, in what is mksync's
// and in its flags.
func asLeft(p, after metakocka.Partner) bool {
	same := func(a, b *bool) bool { return a == nil || b == nil || *a == *b }
	return alike(p, after) && same(p.Buyer, after.Buyer) && same(p.Supplier, after.Supplier)
}

// formerFlags are a partner's flags as they were. Where MetaKocka shows none it
// was a buyer: mksync's partners are.
func formerFlags(buyer, supplier *bool) map[string]string {
	flags := map[string]string{"buyer": "true"}
	if buyer != nil {
		flags["buyer"] = strconv.FormatBool(*buyer)
	}
	if supplier != nil {
		flags["supplier"] = strconv.FormatBool(*supplier)
	}
	return flags
}

// change is what the undoing stores: the winner without what it took over, and
// the links as they were. A partner that moved goes back with the base it has by
// now, so that the loser's values are the CRM's edits.
func (u *undoing) change() store.MergeChange {
	m := u.m
	ch := store.MergeChange{Contact: m.WinnerBefore, Fields: m.Taken}
	if l := m.LoserLink; l != nil {
		back := *l
		back.UpdatedBy = u.loser.t.By
		ch.Loser = &back
	}

	switch {
	case m.MovedID != "":
		ch.Loser = handedOver(u.winner.link, u.loser)
		ch.Winner = &store.Link{ContactID: m.WinnerID, Status: store.StatusPending, UpdatedBy: u.winner.t.By}
		if m.WinnerLink != nil {
			former := *m.WinnerLink
			former.UpdatedBy = u.winner.t.By
			ch.Winner = &former
		}
	case u.revived != nil && ch.Loser.Base != nil:
		ch.Loser.Base = u.rebased(*ch.Loser.Base)
		ch.Loser.Status = store.StatusPending
	}
	u.chronicle(&ch)
	return ch
}

// chronicle is what the history says of the undoing. What the loser holds is what it and
// its partner last agreed on: its row is not read.
func (u *undoing) chronicle(ch *store.MergeChange) {
	ch.WinnerHistory = []store.Entry{u.winner.taken(u.m.Taken, store.ActUnmerge, store.FieldUndo)}
	if u.m.MovedID != "" {
		ch.WinnerHistory = append(ch.WinnerHistory, u.winner.entry("", store.ActUnlink))
	}

	back := u.loser.entry(mapping.SideCRM, store.ActUnmerge)
	ch.LoserHistory = []store.Entry{back}
	if l := ch.Loser; l != nil && l.Status.Alive() && l.MetaKockaID != "" {
		ch.LoserHistory = append(ch.LoserHistory, u.loser.handed(*l, l.BaseOr(mapping.Base{}).CRM))
	}
}

// rebased is the loser's base with what MetaKocka did not take back, so that it
// is not read as an edit.
func (u *undoing) rebased(b mapping.Base) *mapping.Base {
	got := read(u.revived.Partner, b, "").contact
	before, err := partnerOfRecord(u.m.PartnerBefore)
	if err != nil {
		return &b
	}
	was := read(before, b, "").contact
	for _, f := range mapping.Diff(got, was) {
		b.Partner.Set(f, got.Get(f))
	}
	return &b
}

func fieldList(fields []mapping.Field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}
