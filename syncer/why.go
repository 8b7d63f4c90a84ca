package syncer

import (
	"slices"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// Why a value is as it is, and why a contact stands where it stands, is a code with
// parameters. The sentence is made where it is shown, in the reader's language.

// ReasonCode names a reason. The words are stable.
type ReasonCode string

// Why a field holds what it holds.
const (
	WhyChanged       ReasonCode = "field.changed"         // the other side was changed, this one was not
	WhyConflict      ReasonCode = "field.conflict"        // both were, and a rule decided
	WhyUndecidable   ReasonCode = "field.undecidable"     // both were, and nobody knows when
	WhyOverwritten   ReasonCode = "field.overwritten"     // both were, and the field goes to one side only
	WhyDecided       ReasonCode = "field.decided"         // a person decided
	WhyAuthority     ReasonCode = "field.authority"       // one side was said to be right
	WhyFirst         ReasonCode = "field.first"           // only one side had a value
	WhyMade          ReasonCode = "field.made"            // the record was made of the other
	WhyFound         ReasonCode = "field.found"           // both sides held it
	WhyAgreed        ReasonCode = "field.agreed"          // both sides came to hold it
	WhyNotKept       ReasonCode = "field.not_kept"        // a side did not keep what it was given
	WhyAlong         ReasonCode = "field.along"           // it goes with another field
	WhyUndo          ReasonCode = "field.undo"            // a person took a write back
	WhyTaken         ReasonCode = "field.taken"           // from a contact that was merged into this one
	WhyBefore        ReasonCode = "field.before"          // so since before the history that is kept
	WhyScrubbed      ReasonCode = "field.scrubbed"        // the values are not kept
	WhyEmpty         ReasonCode = "field.empty"           // neither side has a value
	WhyParked        ReasonCode = "field.parked"          // it waits for a person
	WhyOff           ReasonCode = "field.off"             // it is not synced
	WhyOneWay        ReasonCode = "field.one_way"         // the change does not go to the other side
	WhyUnkept        ReasonCode = "field.unkept"          // the installation does not keep it
	WhyWithheld      ReasonCode = "field.withheld"        // the value cannot be sent
	WhyWaits         ReasonCode = "field.waits"           // it was changed, and is not brought over yet
	WhyNotLinkedNone ReasonCode = "field.without_partner" // there is no other side
)

// Why a contact stands where it stands.
const (
	StandsSynced     ReasonCode = "contact.synced"
	StandsNew        ReasonCode = "contact.new"           // nothing was done with it yet
	StandsLeftOut    ReasonCode = "contact.left_out"      // by the filter
	StandsLeftByHand ReasonCode = "contact.left_by_hand"  // by a person
	StandsGone       ReasonCode = "contact.gone"          // it is not there
	StandsPending    ReasonCode = "contact.pending"       // it is being brought over
	StandsUnanswered ReasonCode = "contact.unanswered"    // a write has no answer
	StandsError      ReasonCode = "contact.error"         // it was refused
	StandsPartial    ReasonCode = "contact.partial"       // some fields were not brought over
	StandsConflict   ReasonCode = "contact.conflict"      // a person has to decide fields
	StandsHeldMatch  ReasonCode = "contact.held_match"    // a person has to say whose partner it is
	StandsReview     ReasonCode = "contact.review"        // its first match waits for a person's approval
	StandsHeldGone   ReasonCode = "contact.held_deletion" // a person has to decide a deletion
	StandsDeleted    ReasonCode = "contact.deleted"
	StandsUnlinked   ReasonCode = "contact.unlinked"
)

// Why a write is not taken back.
const (
	UndoChanged    ReasonCode = "undo.changed"    // the value is another by now
	UndoAlready    ReasonCode = "undo.already"    // both sides hold what was there before
	UndoBetween    ReasonCode = "undo.between"    // it was another in between
	UndoMade       ReasonCode = "undo.made"       // a record was made
	UndoReferred   ReasonCode = "undo.referred"   // rows of other tables refer to the contact
	UndoGuarded    ReasonCode = "undo.guarded"    // too many deletions within ten minutes
	UndoWaits      ReasonCode = "undo.waits"      // a deletion of it waits for a person
	UndoRetired    ReasonCode = "undo.retired"    // it went with a deletion
	UndoMerged     ReasonCode = "undo.merged"     // a merge has an undoing of its own
	UndoFirst      ReasonCode = "undo.first"      // only one side had a value
	UndoScrubbed   ReasonCode = "undo.scrubbed"   // the values are not kept
	UndoNothing    ReasonCode = "undo.nothing"    // nothing was written
	UndoDirection  ReasonCode = "undo.direction"  // the field is not synced both ways
	UndoUnreadable ReasonCode = "undo.unreadable" // the partner's value cannot be read
	UndoWithheld   ReasonCode = "undo.withheld"   // what was there before cannot be sent
	UndoUnsendable ReasonCode = "undo.unsendable" // likewise, where no values are kept
	UndoNotLinked  ReasonCode = "undo.not_linked" // the contact has no partner, or is not synced
	UndoParted     ReasonCode = "undo.parted"     // the contact had another partner then
	UndoFailed     ReasonCode = "undo.failed"     // it could not be brought over
)

// Reason is a code with what it is about. Empty parameters are not known, or mean nothing.
type Reason struct {
	Code      ReasonCode    `json:"code"`
	Field     mapping.Field `json:"field,omitempty"`
	Side      mapping.Side  `json:"side,omitempty"` // that holds the value, or was not carried
	Value     string        `json:"value,omitempty"`
	Given     string        `json:"given,omitempty"` // what the side was given, where it holds something else
	CRM       string        `json:"crm,omitempty"`   // what the sides held before
	MetaKocka string        `json:"metakocka,omitempty"`
	Rule      mapping.Rule  `json:"rule,omitempty"`
	Winner    mapping.Side  `json:"winner,omitempty"`
	ContactID string        `json:"contactId,omitempty"` // another contact
	By        string        `json:"by,omitempty"`
	// Since is since when it is so; the change behind it was made at ChangedAt, and not
	// before ChangedAfter.
	Since        *time.Time `json:"since,omitempty"`
	ChangedAfter *time.Time `json:"changedAfter,omitempty"`
	ChangedAt    *time.Time `json:"changedAt,omitempty"`
	// RetryAt is when it is tried again by itself, Retries how often it was.
	RetryAt *time.Time      `json:"retryAt,omitempty"`
	Retries int             `json:"retries,omitempty"`
	Fields  []mapping.Field `json:"fields,omitempty"` // that a person has to decide, or that were not brought over
	// Words are MetaKocka's or the database's, or say what is wrong with a value.
	Words string `json:"words,omitempty"`
	// Said is what the words are made of; nothing: they are a person's, or of an earlier
	// version's mapping.
	Said coded.Text `json:"said,omitzero"`
}

// Saying is the reason with what is said of it.
func (r Reason) Saying(t coded.Text) Reason {
	r.Words = t.String()
	r.Said = t
	return r
}

// FieldStory is what both sides hold of a field, and why.
type FieldStory struct {
	Field     mapping.Field `json:"field"`
	CRM       string        `json:"crm"`
	MetaKocka string        `json:"metakocka"`
	HistoryID int64         `json:"-"` // of the entry that tells; 0: none
	Reason    Reason        `json:"reason"`
}

// Story is why a contact stands where it stands, and why its fields hold what they hold.
type Story struct {
	Stands Reason
	Fields []FieldStory
}

// Explain tells why. The partner is as it was last seen, nil: not seen; the entries are the
// contact's, newest first.
func (r *Reconciler) Explain(p store.Pair, seen *store.ObservedPartner, entries []store.Entry) (Story, error) {
	e := explained{Reconciler: r, pair: p, entries: entries, newest: store.Newest(entries)}
	if p.Contact != nil {
		e.contact = *p.Contact
	}
	if p.Link != nil {
		e.base = *p.Link.BaseOr(mapping.Base{})
		e.partner = e.base.Partner
		if seen != nil && seen.Hash != "" {
			got, err := DecodeSeen(*seen)
			if err != nil {
				return Story{}, err
			}
			e.partner = readLinked(got, *p.Link, p.Contact).contact
		}
	}

	story := Story{Stands: e.stands()}
	if p.Contact == nil {
		return story, nil
	}
	for _, f := range r.links.Fields() {
		story.Fields = append(story.Fields, e.field(f))
	}

	// The link tells of what was done, not of an edit that nobody has looked at yet.
	waits := func(f FieldStory) bool { return f.Reason.Code == WhyWaits }
	if story.Stands.Code == StandsSynced && slices.ContainsFunc(story.Fields, waits) {
		story.Stands = Reason{Code: StandsPending}
	}
	return story, nil
}

// explained is a contact that is explained.
type explained struct {
	*Reconciler
	pair             store.Pair
	contact, partner mapping.Contact
	base             mapping.Base
	entries          []store.Entry // newest first
	newest           map[mapping.Field]store.Entry
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// stands says where the contact stands.
func (e explained) stands() Reason {
	l := e.pair.Link
	switch {
	case e.pair.Contact == nil && (l == nil || l.Status.Alive() && l.Status != store.StatusHeld):
		return Reason{Code: StandsGone}
	case e.pair.Contact != nil && e.pair.LeftOut != nil:
		o := *e.pair.LeftOut
		return Reason{Code: StandsLeftByHand, By: o.By, Since: when(o.At)}.Saying(coded.Words(o.Reason))
	case e.pair.Contact != nil && !e.pair.InScope:
		return Reason{Code: StandsLeftOut}
	case l == nil:
		return Reason{Code: StandsNew}
	}

	r := Reason{
		Since: e.since(), By: l.UpdatedBy, RetryAt: when(l.RetryAt), Retries: l.Retries, Fields: l.Differing,
	}.Saying(l.LastError)
	switch {
	case l.Intent != nil && l.Status.Alive():
		r.Code = StandsUnanswered
		r.Since = when(l.Intent.SentAt)
	case l.Status == store.StatusHeld && (e.pair.Deletion != "" || l.MetaKockaID != ""):
		r.Code = StandsHeldGone
		r.Side = e.pair.Deletion
	case l.Status == store.StatusHeld && l.Proposal != nil:
		r.Code = StandsReview
	default:
		r.Code = statusReasons[l.Status]
	}
	return r
}

// since is since when the contact stands so: since the entry that brought it there, for any
// touch moves the link's own time. Where the history does not tell, an error is as old as
// the last try; of two that agree nobody knows since when.
func (e explained) since() *time.Time {
	l := e.pair.Link
	acts := map[store.Status][]store.Act{
		store.StatusSynced:   {store.ActWrite, store.ActCreate, store.ActRevive, store.ActMend, store.ActLink, store.ActAgree, store.ActMerge, store.ActUnmerge},
		store.StatusConflict: {store.ActPark},
		store.StatusHeld:     {store.ActHold},
		store.StatusDeleted:  {store.ActDelete},
		store.StatusUnlinked: {store.ActUnlink, store.ActDelete},
	}[l.Status]
	i := slices.IndexFunc(e.entries, func(entry store.Entry) bool { return slices.Contains(acts, entry.Act) })
	switch {
	case i >= 0:
		return when(e.entries[i].At)
	case l.Status == store.StatusSynced:
		return nil
	}
	return when(l.UpdatedAt)
}

// statusReasons are the reasons that a link's status is.
var statusReasons = map[store.Status]ReasonCode{
	store.StatusPending: StandsPending, store.StatusSynced: StandsSynced, store.StatusError: StandsError, store.StatusPartial: StandsPartial,
	store.StatusConflict: StandsConflict, store.StatusHeld: StandsHeldMatch, store.StatusDeleted: StandsDeleted, store.StatusUnlinked: StandsUnlinked,
}

// field says why a field holds what it holds.
func (e explained) field(f mapping.Field) FieldStory {
	s := FieldStory{Field: f, CRM: e.contact.Get(f), MetaKocka: e.partner.Get(f)}
	entry, told := e.newest[f]
	s.Reason = e.open(f, s)
	if s.Reason.Code == "" {
		s.HistoryID = entry.ID
		s.Reason = e.settled(f, s, entry, told)
	}
	s.Reason.Field = f
	return s
}

// open says why a field is not the same on both sides, or not synced; no code: it is.
func (e explained) open(f mapping.Field, s FieldStory) Reason {
	l := e.pair.Link
	configured := e.cfg.Policy.For(f).Direction
	side, edited := e.edited(f, s)
	withheld := mapping.Withheld(f, s.CRM, s.MetaKocka)

	switch {
	case configured == mapping.DirectionOff:
		return Reason{Code: WhyOff}
	case l == nil || l.MetaKockaID == "" || !l.Status.Alive():
		return Reason{Code: WhyNotLinkedNone, Value: s.CRM, Side: mapping.SideCRM}
	case l.Status == store.StatusConflict && slices.Contains(l.Differing, f):
		return Reason{Code: WhyParked, CRM: s.CRM, MetaKocka: s.MetaKocka, Since: e.parked(f)}
	case mapping.Unedited(f, s.CRM, s.MetaKocka):
		return Reason{}
	case e.unkept.drops(f) && s.MetaKocka == "":
		return Reason{Code: WhyUnkept, Value: s.CRM}
	case !withheld.IsZero():
		return Reason{Code: WhyWithheld, Value: s.CRM, MetaKocka: s.MetaKocka}.Saying(withheld)
	case edited && !e.Policy().For(f).Direction.From(side):
		return Reason{Code: WhyOneWay, Side: side, CRM: s.CRM, MetaKocka: s.MetaKocka}
	case edited:
		return Reason{Code: WhyWaits, Side: side, CRM: s.CRM, MetaKocka: s.MetaKocka, RetryAt: when(l.RetryAt)}.Saying(l.LastError)
	}
	return Reason{}
}

// parked is since when a field waits for a person.
func (e explained) parked(f mapping.Field) *time.Time {
	for _, entry := range e.entries {
		if _, waits := entry.Fields[f]; waits && entry.Act == store.ActPark {
			return when(entry.At)
		}
	}
	return nil
}

// edited is the side that was changed since the two last agreed.
func (e explained) edited(f mapping.Field, s FieldStory) (mapping.Side, bool) {
	switch {
	case !mapping.Unedited(f, e.base.CRM.Get(f), s.CRM):
		return mapping.SideCRM, true
	case !mapping.Unedited(f, e.base.Partner.Get(f), s.MetaKocka):
		return mapping.SideMetaKocka, true
	}
	return "", false
}

// fieldReasons are the reasons of the history's fields.
var fieldReasons = map[store.FieldReason]ReasonCode{
	store.FieldChanged: WhyChanged, store.FieldConflict: WhyConflict, store.FieldUndecided: WhyUndecidable, store.FieldOneWay: WhyOverwritten, store.FieldDecided: WhyDecided,
	store.FieldAuthority: WhyAuthority, store.FieldFirst: WhyFirst, store.FieldMade: WhyMade, store.FieldFound: WhyFound,
	store.FieldAgreed: WhyAgreed, store.FieldNotKept: WhyNotKept, store.FieldAlong: WhyAlong, store.FieldUndo: WhyUndo,
	store.FieldTaken: WhyTaken,
}

// settled says why both sides hold what they hold, from the entry that told last.
func (e explained) settled(f mapping.Field, s FieldStory, entry store.Entry, told bool) Reason {
	v, named := entry.Fields[f]
	empty := s.CRM == "" && s.MetaKocka == ""
	switch {
	case empty && !named:
		return Reason{Code: WhyEmpty}
	case !told || !named:
		return Reason{Code: WhyBefore, Value: s.CRM}
	case v.Scrubbed:
		return Reason{Code: WhyScrubbed, Value: s.CRM, Since: when(entry.At)}
	}

	r := Reason{
		Code: fieldReasons[v.Reason], Side: entry.Side, Value: s.CRM, CRM: v.CRM, MetaKocka: v.MetaKocka, Rule: v.Rule, Winner: v.Winner,
		By: entry.By, Since: when(entry.At), ChangedAfter: when(entry.ChangedAfter), ChangedAt: when(entry.ChangedAt),
	}
	if entry.Side == mapping.SideMetaKocka {
		r.Value = s.MetaKocka
	}
	switch crm, metakocka := entry.After(f); {
	case v.Reason == store.FieldNotKept:
		r.Side = mapping.SideMetaKocka
		r.Value = s.MetaKocka
		r.Given = s.CRM
	case !mapping.Unedited(f, crm, s.CRM) || !mapping.Unedited(f, metakocka, s.MetaKocka):
		return Reason{Code: WhyAgreed, Value: s.CRM} // edited on both sides alike since
	case v.Sent != nil:
		r.Given = *v.Sent
	}
	return r
}
