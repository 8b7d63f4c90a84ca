package operations

import (
	"context"
	"strconv"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// Speech says a reason in a language; times are shown as in the zone.
type Speech func(language string, r syncer.Reason, zone *time.Location) string

// WithSpeech lets the API say reasons in sentences, beside their codes.
func (a *API) WithSpeech(s Speech) *API {
	a.speech = s
	return a
}

// Spoken is how sentences are wanted.
type Spoken struct {
	Language string `json:"language,omitempty"` // en, sl; anything else: en
	Zone     string `json:"zone,omitempty"`     // such as Europe/Ljubljana; empty: the service's own
}

// say is the speech that is wanted.
func (a *API) say(s Spoken) (func(syncer.Reason) string, error) {
	zone := time.Local
	if s.Zone != "" {
		found, err := time.LoadLocation(s.Zone)
		if err != nil {
			return nil, syncer.Refuse(syncer.CodeMalformed, "request.zone", "zone: {zone} is no time zone such as Europe/Ljubljana", strconv.Quote(clip(s.Zone)))
		}
		zone = found
	}
	return func(r syncer.Reason) string {
		if a.speech == nil {
			return ""
		}
		return a.speech(s.Language, r, zone)
	}, nil
}

// told is what is known of a contact, and why it is so.
type told struct {
	store.Pair
	link    store.Link // zero: there is none
	seen    *store.ObservedPartner
	entries []store.Entry // newest first
	syncer.Story
}

// tell reads a contact, and at most so many entries of its history: without any, only where
// it stands is told truly. It asks nothing of MetaKocka.
func (a *API) tell(ctx context.Context, field, contactID string, most int) (t told, err error) {
	id, err := a.contactID(field, contactID)
	if err != nil {
		return t, err
	}
	pairs, err := a.records.PairsOf(ctx, []string{id})
	if err != nil || len(pairs) == 0 || pairs[0].Contact == nil && pairs[0].Link == nil {
		return t, syncer.OrNotFound(err, "contact.none", "there is no contact {contact}", id)
	}
	t.Pair = pairs[0]

	if most > 0 {
		if t.entries, err = a.records.History(ctx, store.HistoryQuery{ContactID: id, Limit: most}); err != nil {
			return t, err
		}
	}
	if t.Link != nil {
		t.link = *t.Link
		if t.seen, err = a.records.Observed(ctx, t.link.MetaKockaID); err != nil {
			return t, err
		}
	}
	t.Story, err = a.reconciler.Explain(t.Pair, t.seen, t.entries)
	return t, err
}

// ContactRequest names a contact.
type ContactRequest struct {
	ID string `json:"id"`
	Spoken
}

// ContactPage is all that is known of a contact.
type ContactPage struct {
	ContactID    string       `json:"contactId"`
	Exists       bool         `json:"exists"`  // in the CRM
	LeftOut      bool         `json:"leftOut"` // by the configured filter, or by a person
	MappingID    string       `json:"mappingId"`
	SyncStatus   store.Status `json:"syncStatus"` // "": there is no mapping
	LastSyncedAt *time.Time   `json:"lastSyncedAt"`
	LastError    string       `json:"lastError"`
	// Said is the last error as a code with parameters.
	Said coded.Text `json:"said,omitzero"`
	// Stands is why it stands where it stands, Reason the same in a sentence.
	Stands  syncer.Reason  `json:"stands"`
	Reason  string         `json:"reason"`
	Waiting []ContactWait  `json:"waiting"` // oldest first of each kind
	Fields  []ContactField `json:"fields"`
	Partner ContactPartner `json:"partner"`
	// History are the newest entries; history.list has the rest.
	History []HistoryEntry `json:"history"`
}

// ContactField is a field of both sides.
type ContactField struct {
	Field     mapping.Field     `json:"field"`
	CRM       string            `json:"crm"`
	MetaKocka string            `json:"metakocka"`
	Differs   bool              `json:"differs"` // formatting aside
	Direction mapping.Direction `json:"direction"`
	// Base is what the two last agreed on; null: they never did. BaseMetaKocka is
	// MetaKocka's half where it is another.
	Base          *string       `json:"base"`
	BaseMetaKocka *string       `json:"baseMetakocka,omitempty"`
	HistoryID     string        `json:"historyId,omitempty"` // of the entry that tells
	Why           syncer.Reason `json:"why"`
	Reason        string        `json:"reason"` // why, in a sentence
}

// ContactPartner is the contact's partner as last seen; without an id there is none.
type ContactPartner struct {
	MetaKockaID string     `json:"metakockaId"`
	Number      string     `json:"number"` // as MetaKocka shows it, 684/2026
	Name        string     `json:"name"`
	ObservedAt  *time.Time `json:"observedAt"` // null: it was not seen yet, or is missing
}

// WaitKind is what something waits for.
type WaitKind string

// What may wait: the first four and dead letters for a person, the others for another try.
const (
	WaitConflict   WaitKind = "conflict"
	WaitMatch      WaitKind = "match"
	WaitReview     WaitKind = "review"
	WaitDeletion   WaitKind = "deletion"
	WaitDeadLetter WaitKind = "dead_letter"
	WaitError      WaitKind = "error"
	WaitUnanswered WaitKind = "unanswered"
)

// ContactWait is something that waits.
type ContactWait struct {
	Kind    WaitKind      `json:"kind"`
	ID      string        `json:"id,omitempty"` // of the conflict, the deletion, the dead letter
	Field   mapping.Field `json:"field,omitempty"`
	Side    mapping.Side  `json:"side,omitempty"` // where the record was deleted
	Since   *time.Time    `json:"since"`
	RetryAt *time.Time    `json:"retryAt,omitempty"`
}

// recentEntries is how much of the history a contact's page shows.
const recentEntries = 20

// Contact tells everything of a contact.
func (a *API) Contact(ctx context.Context, r ContactRequest) (p ContactPage, err error) {
	say, err := a.say(r.Spoken)
	if err != nil {
		return p, err
	}
	t, err := a.tell(ctx, "id", r.ID, toldEntries)
	if err != nil {
		return p, err
	}

	p = ContactPage{
		ContactID: t.ContactID, Exists: t.Contact != nil, LeftOut: t.Contact != nil && !t.InScope,
		MappingID: t.link.ID, SyncStatus: t.link.Status, LastSyncedAt: known(t.link.LastSyncedAt), LastError: t.link.LastError.String(), Said: said(t.link.LastError),
		Stands: t.Stands, Reason: say(t.Stands), Fields: []ContactField{}, History: []HistoryEntry{}, Partner: ContactPartner{MetaKockaID: t.link.MetaKockaID},
	}
	for _, f := range t.Fields {
		p.Fields = append(p.Fields, a.contactField(t.link, f, say(f.Reason)))
	}
	for _, e := range t.entries[:min(len(t.entries), recentEntries)] {
		p.History = append(p.History, historyEntryOf(e))
	}
	if t.seen != nil && t.seen.Hash != "" {
		seen, err := syncer.DecodeSeen(*t.seen)
		if err != nil {
			return p, err
		}
		p.Partner.Number = seen.CountCode
		p.Partner.Name = t.seen.Name
		p.Partner.ObservedAt = known(t.seen.ObservedAt)
	}
	p.Waiting, err = a.waiting(ctx, t)
	return p, err
}

func (a *API) contactField(l store.Link, f syncer.FieldStory, reason string) ContactField {
	c := ContactField{
		Field: f.Field, CRM: f.CRM, MetaKocka: f.MetaKocka, Differs: !mapping.Equal(f.Field, f.CRM, f.MetaKocka),
		Direction: a.reconciler.Policy().For(f.Field).Direction, Why: f.Reason, Reason: reason,
	}
	if l.Base != nil {
		base, partner := l.Base.CRM.Get(f.Field), l.Base.Partner.Get(f.Field)
		c.Base = &base
		if partner != base {
			c.BaseMetaKocka = &partner
		}
	}
	if f.HistoryID != 0 {
		c.HistoryID = strconv.FormatInt(f.HistoryID, 10)
	}
	return c
}

// waiting is what waits of a contact.
func (a *API) waiting(ctx context.Context, t told) ([]ContactWait, error) {
	w := []ContactWait{}
	if t.Link == nil {
		return w, nil
	}

	conflicts, err := a.records.Conflicts(ctx, store.RecordQuery{Of: t.link.ID, Open: true})
	if err != nil {
		return nil, err
	}
	for _, c := range conflicts {
		w = append(w, ContactWait{Kind: WaitConflict, ID: conflictID(c), Field: c.Field, Since: known(c.CreatedAt)})
	}
	deletions, err := a.records.Deletions(ctx, store.RecordQuery{Of: t.link.ID, Open: true})
	if err != nil {
		return nil, err
	}
	for _, d := range deletions {
		w = append(w, ContactWait{Kind: WaitDeletion, ID: deletionID(d), Side: d.Side, Since: known(d.CreatedAt)})
	}

	switch t.Stands.Code {
	case syncer.StandsReview:
		w = append(w, ContactWait{Kind: WaitReview, Since: known(t.link.Proposal.At)})
	case syncer.StandsHeldMatch:
		w = append(w, ContactWait{Kind: WaitMatch, Since: t.Stands.Since})
	case syncer.StandsError:
		w = append(w, ContactWait{Kind: WaitError, Since: t.Stands.Since, RetryAt: t.Stands.RetryAt})
	case syncer.StandsUnanswered:
		w = append(w, ContactWait{Kind: WaitUnanswered, Since: t.Stands.Since})
	}
	return a.withDeadLetters(ctx, t, w)
}

// withDeadLetters adds the dead letters of the contact and of its partner.
func (a *API) withDeadLetters(ctx context.Context, t told, w []ContactWait) ([]ContactWait, error) {
	all, err := a.deadLetters.DeadLetters(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		ofPartner := l.Stream == bus.StreamPartners && t.link.MetaKockaID != "" && l.Key == t.link.MetaKockaID
		if ofPartner || l.Stream != bus.StreamPartners && l.Key == t.ContactID {
			w = append(w, ContactWait{Kind: WaitDeadLetter, ID: deadLetterID(l), Since: known(l.Time)})
		}
	}
	return w, nil
}

// ContactStatus is where a contact stands, for a page of the CRM.
type ContactStatus struct {
	Status       string            `json:"status"` // of the mapping; without one: new, left_out, gone
	ReasonCode   syncer.ReasonCode `json:"reasonCode"`
	Reason       string            `json:"reason"`  // in a sentence
	Waiting      bool              `json:"waiting"` // a person has to decide
	LastSyncedAt *time.Time        `json:"lastSyncedAt"`
	MetaKockaID  string            `json:"metakockaId"`
}

// withoutLink are the words for where a contact stands that has no mapping.
var withoutLink = map[syncer.ReasonCode]string{
	syncer.StandsNew: "new", syncer.StandsLeftOut: "left_out", syncer.StandsLeftByHand: "left_out", syncer.StandsGone: "gone",
}

// ContactStatus tells where a contact stands. It is asked often, and reads little.
func (a *API) ContactStatus(ctx context.Context, r ContactRequest) (s ContactStatus, err error) {
	say, err := a.say(r.Spoken)
	if err != nil {
		return s, err
	}
	t, err := a.tell(ctx, "id", r.ID, 0)
	if err != nil {
		return s, err
	}
	s = ContactStatus{
		Status: string(t.link.Status), ReasonCode: t.Stands.Code, Reason: say(t.Stands),
		LastSyncedAt: known(t.link.LastSyncedAt), MetaKockaID: t.link.MetaKockaID,
	}
	if t.Link == nil {
		s.Status = withoutLink[t.Stands.Code]
	}
	switch t.Stands.Code {
	case syncer.StandsConflict, syncer.StandsReview, syncer.StandsHeldMatch, syncer.StandsHeldGone:
		s.Waiting = true
	}
	return s, nil
}
