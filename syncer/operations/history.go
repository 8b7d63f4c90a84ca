package operations

import (
	"context"
	"strconv"
	"time"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// HistoryStore reads what was written and decided.
type HistoryStore interface {
	// History lists entries, newest first.
	History(ctx context.Context, q store.HistoryQuery) ([]store.Entry, error)
	// Tell stores an entry of a decision that changes nothing else in the store.
	Tell(ctx context.Context, e store.Entry) error
	// PairsOf reads contacts and their links.
	PairsOf(ctx context.Context, contactIDs []string) ([]store.Pair, error)
	// Observed is a partner as last seen; nil: it is not there.
	Observed(ctx context.Context, metakockaID string) (*store.ObservedPartner, error)
}

// HistoryEntry is a write or a decision as users see it.
type HistoryEntry struct {
	ID           string                             `json:"id"`
	At           time.Time                          `json:"at"`
	ContactID    string                             `json:"contactId"`
	MetaKockaID  string                             `json:"metakockaId"`
	Side         mapping.Side                       `json:"side"` // that was written; "": nothing was
	Act          store.Act                          `json:"act"`
	Cause        store.EntryCause                   `json:"cause"`
	By           string                             `json:"by"` // "": mksync itself
	Rule         string                             `json:"rule"`
	EventID      string                             `json:"eventId"`
	Job          string                             `json:"job"`
	TraceID      string                             `json:"traceId"` // "": nothing was traced
	ChangedAfter *time.Time                         `json:"changedAfter"`
	ChangedAt    *time.Time                         `json:"changedAt"`
	Fields       map[mapping.Field]store.EntryField `json:"fields"`
	Note         string                             `json:"note,omitempty"` // why a person decided so
}

func historyEntryOf(e store.Entry) HistoryEntry {
	return HistoryEntry{
		ID: entryID(e), At: e.At, ContactID: e.ContactID, MetaKockaID: e.MetaKockaID, Side: e.Side, Act: e.Act, Cause: e.Cause, By: e.By,
		Rule: e.Rules(), EventID: e.EventID, Job: e.Job, TraceID: e.TraceID, ChangedAfter: known(e.ChangedAfter), ChangedAt: known(e.ChangedAt), Fields: e.Fields, Note: e.Note,
	}
}

func entryID(e store.Entry) string { return strconv.FormatInt(e.ID, 10) }

// HistoryRequest chooses entries. Times are as RFC 3339 writes them; from Since on, and
// before Until.
type HistoryRequest struct {
	ContactID   string       `json:"contactId,omitempty"`
	MetaKockaID string       `json:"metakockaId,omitempty"`
	Since       string       `json:"since,omitempty"`
	Until       string       `json:"until,omitempty"`
	By          string       `json:"by,omitempty"` // who asked for it
	Side        mapping.Side `json:"side,omitempty"`
	Job         string       `json:"job,omitempty"`
	Page
}

func (r HistoryRequest) query(a *API) (q store.HistoryQuery, err error) {
	q = store.HistoryQuery{MetaKockaID: r.MetaKockaID, By: r.By, Side: r.Side, Job: r.Job}
	if r.ContactID != "" {
		if q.ContactID, err = a.contactID("contactId", r.ContactID); err != nil {
			return q, err
		}
	}
	if r.MetaKockaID != "" {
		if err := checkID("metakockaId", r.MetaKockaID); err != nil {
			return q, err
		}
	}
	for _, given := range []struct{ name, text string }{{"by", r.By}, {"job", r.Job}} {
		if given.text != "" {
			if err := checkID(given.name, given.text); err != nil {
				return q, err
			}
		}
	}
	if r.Side != "" && r.Side != mapping.SideCRM && r.Side != mapping.SideMetaKocka {
		return q, syncer.Refuse(syncer.CodeMalformed, "request.side", "side: must be {one} or {other}", mapping.SideCRM, mapping.SideMetaKocka)
	}

	if q.Since, err = moment("since", r.Since); err != nil {
		return q, err
	}
	if q.Until, err = moment("until", r.Until); err != nil {
		return q, err
	}
	if q.Before, err = r.number(); err != nil {
		return q, err
	}
	q.Limit, err = r.limit()
	return q, err
}

// moment reads a time; zero: none is given.
func moment(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return t, syncer.Refuse(syncer.CodeMalformed, "request.time", "{which}: is not a time such as 2026-08-31T14:00:00Z", field)
	}
	return t, nil
}

// History lists what was written and decided, newest first.
func (a *API) History(ctx context.Context, r HistoryRequest) (List[HistoryEntry], error) {
	q, err := r.query(a)
	if err != nil {
		return List[HistoryEntry]{}, err
	}
	found, err := a.records.History(ctx, q)
	return listOf(found, q.Limit, historyEntryOf, entryID), err
}

// WhyRequest asks why a contact is as it is; an empty field: in all fields.
type WhyRequest struct {
	ContactID string        `json:"contactId"`
	Field     mapping.Field `json:"field,omitempty"`
}

// FieldWhy is what both sides hold of a field, and why. The partner is as it was last seen.
type FieldWhy struct {
	Field     mapping.Field `json:"field"`
	CRM       string        `json:"crm"`
	MetaKocka string        `json:"metakocka"`
	HistoryID string        `json:"historyId,omitempty"` // of the entry that tells
	Reason    syncer.Reason `json:"reason"`
}

// Why is why a contact stands where it stands, and why its fields hold what they hold.
type Why struct {
	ContactID   string        `json:"contactId"`
	MetaKockaID string        `json:"metakockaId"`
	SyncStatus  store.Status  `json:"syncStatus"` // "": there is no mapping
	Stands      syncer.Reason `json:"stands"`
	Fields      []FieldWhy    `json:"fields"`
}

// toldEntries bounds how many of a contact's entries are read to explain it.
const toldEntries = 10_000

// Why says why a contact's values are as they are. It asks nothing of MetaKocka.
func (a *API) Why(ctx context.Context, r WhyRequest) (w Why, err error) {
	if r.Field != "" && !r.Field.Known() {
		return w, syncer.Refuse(syncer.CodeMalformed, "request.field", "field: {field} is none of {known}", strconv.Quote(clip(string(r.Field))), mapping.Fields())
	}

	t, err := a.tell(ctx, "contactId", r.ContactID, toldEntries)
	if err != nil {
		return w, err
	}

	w = Why{ContactID: t.ContactID, MetaKockaID: t.link.MetaKockaID, SyncStatus: t.link.Status, Stands: t.Stands, Fields: []FieldWhy{}}
	for _, f := range t.Fields {
		if r.Field == "" || r.Field == f.Field {
			w.Fields = append(w.Fields, fieldWhyOf(f))
		}
	}
	return w, nil
}

func fieldWhyOf(f syncer.FieldStory) FieldWhy {
	w := FieldWhy{Field: f.Field, CRM: f.CRM, MetaKocka: f.MetaKocka, Reason: f.Reason}
	if f.HistoryID != 0 {
		w.HistoryID = strconv.FormatInt(f.HistoryID, 10)
	}
	return w
}
