package syncer

import (
	"context"
	"errors"
	"strings"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// Taking writes back: both sides of a field are to hold what was there before them, as long
// as they still hold what was written. It is an edit like others, made by the only writer
// and told in the history, so that it can be taken back itself.

// TakenBack is what becomes of one field of a contact, or of an entry that cannot be taken
// back at all.
type TakenBack struct {
	Entries  []int64 // of the history, the newest first
	Field    mapping.Field
	From, To string
	Deletes  bool   // the contact, which was made of the partner
	Left     Reason // why it is left as it is; no code: it is taken back

	partner string      // whose link the entries are of
	oldest  string      // what the oldest of the entries wrote
	made    store.Entry // of a contact that is deleted
}

// PlanTakeBack says which fields of a contact are to hold what, for the sake of entries of
// its history, newest first, that are to be taken back; also those in which both sides came
// to agree, where all is true: the contact is to be as it was at a time.
func PlanTakeBack(entries []store.Entry, all bool) []TakenBack {
	var plan []TakenBack
	open := map[mapping.Field]int{} // the field's place in the plan
	for _, e := range entries {
		if e.Act == store.ActCreate && e.Side == mapping.SideCRM && !all {
			plan = append(plan, TakenBack{Entries: []int64{e.ID}, Deletes: true, made: e})
			continue
		}
		if why := untakeable(e); why != "" {
			if e.Side != "" || !all && why == UndoNothing {
				plan = append(plan, TakenBack{Entries: []int64{e.ID}, Left: Reason{Code: why}})
			}
			if why != UndoNothing || !all || e.Act != store.ActAgree {
				continue
			}
		}
		for _, f := range e.Named() {
			plan = takeField(plan, open, e, f)
		}
	}
	return plan
}

// untakeable says why an entry cannot be taken back, whatever is held now; "": it can.
func untakeable(e store.Entry) ReasonCode {
	switch e.Act {
	case store.ActCreate:
		return UndoMade
	case store.ActRetire, store.ActRevive, store.ActMend:
		return UndoRetired
	case store.ActMerge, store.ActUnmerge:
		return UndoMerged
	case store.ActDelete:
		if e.Side != "" {
			return UndoRetired
		}
		return UndoNothing
	case store.ActWrite:
		return ""
	case store.ActLink, store.ActUnlink, store.ActAgree, store.ActPark, store.ActHold, store.ActResolve, store.ActApprove, store.ActReject:
	}
	return UndoNothing
}

// takeField adds an entry's field to the plan. An older write of the same field goes along
// where it wrote what the newer one replaced.
func takeField(plan []TakenBack, open map[mapping.Field]int, e store.Entry, f mapping.Field) []TakenBack {
	v := e.Fields[f]
	holds, before := v.CRM, v.Base
	if v.Written != nil {
		holds = *v.Written
		before = e.Before(f)
	}

	left := func(code ReasonCode) []TakenBack {
		return append(plan, TakenBack{Entries: []int64{e.ID}, Field: f, Left: Reason{Code: code, Field: f}})
	}
	switch {
	case v.Scrubbed:
		return left(UndoScrubbed)
	case v.Reason == store.FieldFirst:
		return left(UndoFirst)
	}

	i, begun := open[f]
	switch {
	case !begun:
		open[f] = len(plan)
		return append(plan, TakenBack{Entries: []int64{e.ID}, Field: f, From: holds, To: before, partner: e.MetaKockaID, oldest: holds})
	case e.MetaKockaID != plan[i].partner:
		return left(UndoParted)
	case mapping.Unedited(f, before, plan[i].To) && mapping.Unedited(f, holds, plan[i].oldest): // the same, to the other side
	case !mapping.Unedited(f, holds, plan[i].To):
		return left(UndoBetween)
	}
	plan[i].Entries = append(plan[i].Entries, e.ID)
	plan[i].To = before
	plan[i].oldest = holds
	return plan
}

// wanted are the fields that are to be taken back, and their places in the plan.
func wanted(plan []TakenBack) (all []restoration, places []int) {
	for i, t := range plan {
		if t.Left.Code == "" && !t.Deletes {
			all = append(all, restoration{field: t.Field, holds: t.From, value: t.To, partner: t.partner})
			places = append(places, i)
		}
	}
	return all, places
}

// TakeBack carries a plan out for whoever the trigger names, and says what became of it.
// Errors as Contact.
func (r *Reconciler) TakeBack(ctx context.Context, contactID string, plan []TakenBack, t Trigger) ([]TakenBack, error) {
	t.Cause = CauseUndo
	if err := r.takeFieldsBack(ctx, contactID, plan, t); err != nil {
		return plan, err
	}
	for i, back := range plan { // once the contact is as it was made
		if !back.Deletes {
			continue
		}
		why, err := r.deleteImported(ctx, contactID, back.made, t)
		if err != nil {
			return plan, err
		}
		plan[i].Left = why
	}
	return plan, nil
}

// takeFieldsBack carries out what of a plan is about fields.
func (r *Reconciler) takeFieldsBack(ctx context.Context, contactID string, plan []TakenBack, t Trigger) error {
	all, places := wanted(plan)
	if len(all) == 0 {
		return nil
	}

	done, res, err := r.restoreAll(ctx, contactID, all, t)
	var rejected *RejectError
	if err != nil && !errors.As(err, &rejected) {
		return err
	}

	for i, w := range done {
		back := &plan[places[i]]
		switch {
		case w.refused.Code != "":
			back.Left = w.refused
		case rejected != nil:
			back.Left = Reason{Code: UndoFailed, Field: back.Field}.Saying(rejected.Reason)
		case !w.checked || !res.Status.Alive():
			back.Left = Reason{Code: UndoNotLinked, Field: back.Field}
		}
	}
	return nil
}

// PreviewTakeBack says what TakeBack would do, and writes nothing.
func (r *Reconciler) PreviewTakeBack(ctx context.Context, contactID string, plan []TakenBack) ([]TakenBack, error) {
	all, places := wanted(plan)
	_, err := r.previewed(ctx, contactID, Trigger{Cause: CauseUndo}, func(k *task, ctx context.Context, _ *Preview) error {
		for i, t := range plan {
			if t.Deletes && len(all) == 0 {
				plan[i].Left = k.importStands(t.made)
			}
		}
		if len(all) == 0 {
			return nil
		}
		hindered, err := k.hindrances(ctx, all)
		for i, why := range hindered {
			plan[places[i]].Left = why
		}
		return err
	})
	return plan, err
}

// hindrances say of each field why it would be left as it is.
func (k *task) hindrances(ctx context.Context, all []restoration) ([]Reason, error) {
	hindered := make([]Reason, len(all))
	p, err := k.lookedAt(ctx)
	if err != nil && !errors.Is(err, metakocka.ErrNotFound) {
		return nil, AboutAll(err)
	}
	for i, w := range all {
		hindered[i] = Reason{Code: UndoNotLinked, Field: w.field}
		if p.MKID != "" && err == nil {
			hindered[i] = k.hinders(&w, p.contact, p.unreadable)
		}
	}
	return hindered, nil
}

// lookedAt reads the partner of a contact that is synced; without an id: it has none.
func (k *task) lookedAt(ctx context.Context) (reading, error) {
	if k.st.Contact == nil || !k.st.InScope || !k.link.Status.Alive() || k.link.MetaKockaID == "" {
		return reading{}, nil
	}
	return k.read(ctx)
}

// deleteImported deletes a contact that was made of a partner and that nobody has changed
// since, as the guard lets it; the partner stays, and is not imported again by itself.
func (r *Reconciler) deleteImported(ctx context.Context, contactID string, made store.Entry, t Trigger) (why Reason, err error) {
	_, err = r.reconcile(ctx, contactID, t, func(k *task, ctx context.Context) error {
		if err := k.load(ctx); err != nil {
			return err
		}
		if in := k.link.Intent; in != nil && k.open(k.id, in) {
			return k.pending()
		}
		if why = k.importStands(made); why.Code != "" {
			return nil
		}

		var err error
		if why, err = k.keepsContact(ctx); err != nil || why.Code != "" {
			return err
		}

		err = k.dropContact(ctx, coded.Say("note.gone.import_undone", "its import was taken back by {by}", OrWords(t.By, "a person")))
		var refused *store.ContactRefusedError
		if errors.As(err, &refused) {
			why = Reason{Code: UndoFailed}.Saying(refused.Reason)
			return k.s.RefuseDeletion(ctx, k.link, mapping.SideMetaKocka)
		}
		return err
	})
	return why, err
}

// keepsContact says what forbids that the contact is deleted; no code: the guard lets it.
func (k *task) keepsContact(ctx context.Context) (Reason, error) {
	tables, err := k.s.Referrers(ctx)
	if err != nil || len(tables) > 0 {
		return Reason{Code: UndoReferred}.Saying(coded.Words(strings.Join(tables, ", "))), err
	}

	// One that waits already is for a person to decide, and not to be closed below.
	held, err := k.s.DeletionHeld(ctx, k.link, mapping.SideMetaKocka)
	if err != nil || held {
		return Reason{Code: UndoWaits}, err
	}

	admitted, err := k.s.AdmitDeletion(ctx, k.link, mapping.SideMetaKocka, k.cfg.MaxDeletes, coded.Text{})
	if err != nil || admitted {
		return Reason{}, err
	}
	return Reason{Code: UndoGuarded}, k.s.VoidDeletion(ctx, k.link, mapping.SideMetaKocka)
}

// importStands says why a contact that was made of a partner is not deleted; no code:
// nothing stands against it.
func (k *task) importStands(made store.Entry) Reason {
	if k.st.Contact == nil || !k.linked() || k.link.MetaKockaID != made.MetaKockaID {
		return Reason{Code: UndoNotLinked}
	}
	for _, f := range mapping.Fields() {
		if made.Fields[f].Scrubbed {
			return Reason{Code: UndoScrubbed}
		}
		if was, _ := made.After(f); !mapping.Unedited(f, was, k.st.Contact.Get(f)) {
			return Reason{Code: UndoChanged, Field: f, Side: mapping.SideCRM}
		}
	}
	return Reason{}
}
