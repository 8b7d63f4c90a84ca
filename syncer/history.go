package syncer

import (
	"slices"
	"time"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// What the history says is made where the link is stored, of what the link was stored as
// before: a write is noted when its answer is known, and goes into the store with the link
// that knows of it. So nothing is written without its row, and no row tells of what was
// not done. A write without an answer has its row in the intent until it is known to have
// taken effect.

// chronicle is what a reconcile has to tell of one contact.
type chronicle struct {
	notes  []store.Entry               // writes that were answered, and are not stored with the link yet
	told   map[mapping.Field][2]string // what the contact and the partner held after the newest entry
	stored store.Link                  // the link as it is stored
}

// begin forgets all, and takes the link as it was read.
func (c *chronicle) begin(l *store.Link) {
	*c = chronicle{told: map[mapping.Field][2]string{}}
	if l != nil {
		c.store(*l)
	}
}

// store notes how the link is stored now. Its base is kept apart: a task changes its own.
func (c *chronicle) store(l store.Link) {
	c.stored = l
	if l.Base != nil {
		base := *l.Base
		c.stored.Base = &base
	}
}

// tell notes what is held after an entry: of a record that was made or linked, in all fields.
func (c *chronicle) tell(e store.Entry) {
	if e.Act == store.ActCreate || e.Act == store.ActLink {
		for _, f := range mapping.Fields() {
			c.told[f] = [2]string{}
		}
	}
	for f := range e.Fields {
		crm, metakocka := e.After(f)
		c.told[f] = [2]string{crm, metakocka}
	}
}

// causes are what a trigger's causes are in the history.
var causes = map[Cause]store.EntryCause{
	CauseContact: store.BecauseEvent,
	CauseReplay:  store.BecauseEvent,
	CausePartner: store.BecausePoll,
	CauseRequest: store.BecausePerson,
	CauseBulk:    store.BecausePerson,
	CauseCheck:   store.BecauseCheck,
	CauseMerge:   store.BecauseMerge,
	CauseUndo:    store.BecauseUndo,
}

// why says what led to an entry of a side.
func (k *task) why(side mapping.Side) store.Why {
	w := store.Why{Cause: causes[k.t.Cause], By: k.t.By, EventID: k.t.EventID, Job: k.t.Job, TraceID: k.traceID}
	switch {
	case k.t.Job != "" && w.Cause == store.BecausePerson:
		w.Cause = store.BecauseJob
	case k.t.By != "" && w.Cause == store.BecauseEvent && k.t.EventID == "":
		w.Cause = store.BecausePerson
	}

	switch side {
	case mapping.SideMetaKocka:
		w.ChangedAt = latest(k.t.CRMChangedAt, k.link.CRMChangedAt)
		if w.ChangedAt.IsZero() {
			w.ChangedAt = k.st.UpdatedAt
		}
	case mapping.SideCRM:
		w.ChangedAfter = k.link.PartnerObservedAt
		w.ChangedAt = k.readAt
	}
	return w
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// entry begins one about a side; "": nothing is written.
func (k *task) entry(side mapping.Side, act store.Act) store.Entry {
	return store.Entry{
		MetaKockaID: k.link.MetaKockaID, Side: side, Act: act, Why: k.why(side), Fields: map[mapping.Field]store.EntryField{},
	}
}

// field is what an entry says of a field before anything is written.
func field(f mapping.Field, base mapping.Base, crm, partner mapping.Contact, reason store.FieldReason) store.EntryField {
	v := store.EntryField{Base: base.CRM.Get(f), CRM: crm.Get(f), MetaKocka: partner.Get(f), Reason: reason}
	if other := base.Partner.Get(f); other != v.Base {
		v.BaseMetaKocka = &other
	}
	return v
}

// writing is the entry of a write of some fields to a side, which are to hold what is
// wanted; got is what the partner holds before.
func (k *task) writing(side mapping.Side, fields []mapping.Field, got, want mapping.Contact) store.Entry {
	e := k.entry(side, store.ActWrite)
	for _, f := range fields {
		v := field(f, *k.link.BaseOr(mapping.Base{}), *k.st.Contact, got, store.FieldChanged)
		k.explain(f, &v)
		holds := want.Get(f)
		v.Written = &holds
		e.Fields[f] = v
	}
	return e
}

// explain says why a field is written.
func (k *task) explain(f mapping.Field, v *store.EntryField) {
	c, noted := k.journal[f]
	d, decided := k.link.Overrides[f]
	base := *k.link.BaseOr(mapping.Base{})
	crm := !mapping.Unedited(f, base.CRM.Get(f), v.CRM)
	partner := !mapping.Unedited(f, base.Partner.Get(f), v.MetaKocka)

	switch {
	case k.restores(f):
		v.Reason = store.FieldUndo
	case k.winner() != "":
		v.Reason = store.FieldAuthority
		v.Winner = k.winner()
	case decided:
		v.Reason = store.FieldDecided
		v.Winner = d.Take
	case noted && c.Winner != "":
		v.Reason = store.FieldConflict
		if c.Undecidable {
			v.Reason = store.FieldUndecided
		}
		v.Rule = c.Rule
		v.Winner = c.Winner
	case crm && partner:
		v.Reason = store.FieldOneWay
	case !crm && !partner:
		v.Reason = store.FieldAlong
	case k.link.LastSyncedAt.IsZero():
		v.Reason = store.FieldFirst
	}
}

// restores reports whether a person takes back what was written to the field.
func (k *task) restores(f mapping.Field) bool {
	w := k.restoring.of(f)
	return w != nil && w.refused.Code == ""
}

// wrote notes a write that MetaKocka took: the partner now holds what was got.
func (k *task) wrote(e store.Entry, got mapping.Contact) {
	for f := range e.Fields {
		e.Wrote(f, got.Get(f))
	}
	k.story.notes = append(k.story.notes, e)
	k.story.tell(e)
}

// made notes the partner that was made of the contact, as it was sent.
func (k *task) made(w store.Why, contact, sent mapping.Contact) {
	e := k.entry(mapping.SideMetaKocka, store.ActCreate)
	e.Why = w
	for _, f := range mapping.Fields() {
		if contact.Get(f) == "" && sent.Get(f) == "" {
			continue
		}
		v := field(f, mapping.Base{}, contact, mapping.Contact{}, store.FieldMade)
		if holds := sent.Get(f); holds != "" {
			v.Written = &holds
		}
		e.Fields[f] = v
	}
	k.story.notes = append(k.story.notes, e)
	k.story.tell(e)
}

// joining is the entry of a link with a partner that was there.
func (k *task) joining(got mapping.Contact) store.Entry {
	e := k.entry("", store.ActLink)
	if !k.byHand && k.t.Approved == "" && e.Cause != store.BecauseMerge && e.Cause != store.BecauseUndo {
		e.Cause = store.BecauseMatch
	}
	for _, f := range mapping.Fields() {
		if k.counts(f, k.st.Contact.Get(f), got.Get(f)) {
			e.Fields[f] = field(f, mapping.Base{}, *k.st.Contact, got, store.FieldFound)
		}
	}
	return e
}

// counts reports whether a value that was found is one that the other side gets or has.
// What the directions do not carry is nothing that the two have in common.
func (k *task) counts(f mapping.Field, crm, partner string) bool {
	d := k.Policy().For(f).Direction
	carried := (crm == "" || d.From(mapping.SideCRM)) && (partner == "" || d.From(mapping.SideMetaKocka))
	return crm+partner != "" && (carried || mapping.Equal(f, crm, partner))
}

// arrived notes an update without an answer that turns out to have taken effect in one
// field at least. What stands as before it is still to be written.
func (k *task) arrived(l lostUpdate) {
	if l.Entry == nil || !l.took() {
		return
	}

	e := *l.Entry
	e.Fields = map[mapping.Field]store.EntryField{}
	for f, v := range l.Entry.Fields {
		if l.reached(f) {
			e.Fields[f] = v
			e.Wrote(f, l.became(f))
		}
	}
	k.story.notes = append(k.story.notes, e)
	k.story.tell(e)
}

// chronicled are the entries that are stored with a change: the writes that were answered,
// what the change itself does, and what of the link is another than it was stored.
func (k *task) chronicled(ch store.Change) []store.Entry {
	all := append(slices.Clone(k.story.notes), ch.History...)
	began := slices.ContainsFunc(all, func(e store.Entry) bool { return e.Act == store.ActLink || e.Act == store.ActCreate })
	if e := k.agreed(ch); !began && len(e.Fields) > 0 {
		all = append(all, e)
	}
	if e := k.parked(ch); len(e.Fields) > 0 {
		all = append(all, e)
	}
	if act := k.turned(); act != "" {
		all = append(all, k.entry("", act))
	}
	return all
}

// agreed is what of the base moved and no entry tells of: both sides came to hold the same
// by themselves, or one did not keep what it was given.
func (k *task) agreed(ch store.Change) store.Entry {
	e := k.entry("", store.ActAgree)
	was := k.story.stored
	if k.link.Base == nil || !was.Status.Alive() || was.MetaKockaID != k.link.MetaKockaID {
		return e
	}

	before := *was.BaseOr(mapping.Base{})
	for _, f := range mapping.Fields() {
		now := [2]string{k.link.Base.CRM.Get(f), k.link.Base.Partner.Get(f)}
		told, known := k.story.told[f]
		moved := now != [2]string{before.CRM.Get(f), before.Partner.Get(f)}
		if !moved || known && told == now || slices.Contains(ch.ToCRM, f) {
			continue
		}
		reason := store.FieldAgreed
		if !mapping.Equal(f, now[0], now[1]) {
			reason = store.FieldNotKept
		}
		e.Fields[f] = field(f, before, k.link.Base.CRM, k.link.Base.Partner, reason)
	}
	return e
}

// parked are the conflicts that a person has to decide, and that did not wait before.
func (k *task) parked(ch store.Change) store.Entry {
	e := k.entry("", store.ActPark)
	was := k.story.stored
	for _, c := range ch.Conflicts {
		waits := was.Status == store.StatusConflict && slices.Contains(was.Differing, c.Field)
		if c.Status != store.ConflictParked || waits {
			continue
		}
		v := store.EntryField{Base: c.BaseCRM, CRM: c.CRM, MetaKocka: c.Partner, Reason: store.FieldParked, Rule: c.Rule}
		if c.BasePartner != c.BaseCRM {
			v.BaseMetaKocka = &c.BasePartner
		}
		e.Fields[c.Field] = v
	}
	return e
}

// turned is what the link's new status says was decided; "": nothing. A contact that is
// held again after it was looked at was held all the time.
func (k *task) turned() store.Act {
	was := k.story.stored
	switch now := k.link.Status; {
	case now == was.Status:
	case now == store.StatusHeld && was.Status == store.StatusPending && (len(was.HeldKeys) > 0 || was.Proposal != nil):
	case now == store.StatusHeld:
		return store.ActHold
	case now == store.StatusUnlinked:
		return store.ActUnlink
	case now == store.StatusDeleted:
		return store.ActDelete
	}
	return ""
}
