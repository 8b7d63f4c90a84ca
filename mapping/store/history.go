package store

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crmmind/mksync/mapping"
)

// Entry is a row of the history: a write to one side, or a decision. It is stored in the
// transaction that stores the link.
type Entry struct {
	ID          int64     `json:"id,omitzero"`
	At          time.Time `json:"at,omitzero"`
	ContactID   string    `json:"contactId,omitzero"`   // empty: it is about no contact
	MetaKockaID string    `json:"metakockaId,omitzero"` // empty: the contact has no partner
	// Side is what was written; "": nothing.
	Side mapping.Side `json:"side,omitzero"`
	Act  Act          `json:"act"`
	Why
	Fields map[mapping.Field]EntryField `json:"fields,omitempty"`
	Note   string                       `json:"note,omitzero"` // why a person decided so, in that person's words
}

// Why says what led to an entry.
type Why struct {
	Cause   EntryCause `json:"cause"`
	By      string     `json:"by,omitzero"`      // who asked; empty: mksync itself
	EventID string     `json:"eventId,omitzero"` // of the newest event that led to it
	Job     string     `json:"job,omitzero"`     // the job that it was done for
	TraceID string     `json:"traceId,omitzero"` // of the trace that it was done in
	// ChangedAt is when the side that was not written was changed, or when that was seen;
	// ChangedAfter when it was last seen unchanged. Zero: not known.
	ChangedAfter time.Time `json:"changedAfter,omitzero"`
	ChangedAt    time.Time `json:"changedAt,omitzero"`
}

// Act is what an entry tells of.
type Act string

// What is done, and what is decided. The words are stored.
const (
	ActWrite   Act = "write"      // fields of one side
	ActCreate  Act = "create"     // the contact, or the partner, was made
	ActRetire  Act = "retire"     // the partner of a contact that is gone, as the delete policy says
	ActRevive  Act = "revive"     // a retired partner is one of the contact's again
	ActMend    Act = "mend"       // what a write that was cut off left behind in the partner
	ActDelete  Act = "delete"     // the contact is gone; of side crm: mksync deleted it
	ActLink    Act = "link"       // the two are one
	ActUnlink  Act = "unlink"     // they are not any more
	ActAgree   Act = "agree"      // what both hold was taken for agreed, and nothing was written
	ActPark    Act = "park"       // a conflict waits for a person
	ActHold    Act = "hold"       // the match or a deletion waits for a person
	ActResolve Act = "resolve"    // a person decided a conflict
	ActApprove Act = "approve"    // a person approved a deletion
	ActReject  Act = "reject"     // a person rejected it
	ActLeave   Act = "leave_out"  // a person leaves the contact out
	ActTakeIn  Act = "take_in"    // and does not any more
	ActPause   Act = "pause"      // a person has stopped sending
	ActResume  Act = "resume"     // and lets it go on
	ActDiscard Act = "discard"    // a person threw a dead letter away
	ActTwo     Act = "not_same"   // a person said that two likely duplicates are two
	ActMaybe   Act = "maybe_same" // and took that back
	ActMerge   Act = "merge"      // two contacts became one
	ActUnmerge Act = "unmerge"    // that was taken back
)

// EntryCause is what an entry goes back to.
type EntryCause string

// The causes of an entry.
const (
	BecauseEvent  EntryCause = "event"
	BecausePoll   EntryCause = "poll"
	BecauseCheck  EntryCause = "check"
	BecauseMatch  EntryCause = "match"
	BecauseMerge  EntryCause = "merge"
	BecauseUndo   EntryCause = "undo"
	BecausePerson EntryCause = "person"
	BecauseJob    EntryCause = "job"
)

// EntryField is what an entry tells of a field: what the two had agreed on and what each
// side held before, and what was written, as the side then held it; nil: it was not written.
type EntryField struct {
	Base          string  `json:"base"`
	BaseMetaKocka *string `json:"baseMetakocka,omitempty"` // where MetaKocka's half was another
	CRM           string  `json:"crm"`
	MetaKocka     string  `json:"metakocka"`
	Written       *string `json:"written,omitempty"`
	// Sent is what was to be written, where the side holds something else of it.
	Sent   *string      `json:"sent,omitempty"`
	Reason FieldReason  `json:"reason,omitzero"`
	Rule   mapping.Rule `json:"rule,omitzero"`   // of a conflict
	Winner mapping.Side `json:"winner,omitzero"` // of a conflict, or of a decision
	// Scrubbed: the person is gone, and the values with them.
	Scrubbed bool `json:"scrubbed,omitzero"`
}

// FieldReason is why a field holds what an entry says.
type FieldReason string

// The reasons.
const (
	FieldChanged   FieldReason = "changed"   // the other side was changed, and this one was not
	FieldConflict  FieldReason = "conflict"  // both were, and the rule decided
	FieldUndecided FieldReason = "undecided" // both were, and when was not known: the tie winner took it
	FieldOneWay    FieldReason = "one_way"   // both were, and the field goes to this side only
	FieldDecided   FieldReason = "decided"   // a person decided
	FieldAuthority FieldReason = "authority" // one side was said to be right
	FieldFirst     FieldReason = "first"     // only one side had a value when the two were linked
	FieldMade      FieldReason = "made"      // the record was made of the other
	FieldFound     FieldReason = "found"     // it was so when the two were linked
	FieldAgreed    FieldReason = "agreed"    // both sides hold the same
	FieldNotKept   FieldReason = "not_kept"  // the side made something else of what it was given
	FieldAlong     FieldReason = "along"     // it goes with another field
	FieldUndo      FieldReason = "undo"      // a person took a write back
	FieldTaken     FieldReason = "taken"     // from the contact that was merged into this one
	FieldParked    FieldReason = "parked"    // it waits for a person
)

// After is what both sides held of a field after the entry.
func (e Entry) After(f mapping.Field) (crm, metakocka string) {
	v := e.Fields[f]
	crm = v.CRM
	metakocka = v.MetaKocka
	switch {
	case v.Written == nil:
	case e.Side == mapping.SideCRM:
		crm = *v.Written
	case e.Side == mapping.SideMetaKocka:
		metakocka = *v.Written
	}
	return crm, metakocka
}

// Before is what the written side held of a field before the entry.
func (e Entry) Before(f mapping.Field) string {
	if e.Side == mapping.SideMetaKocka {
		return e.Fields[f].MetaKocka
	}
	return e.Fields[f].CRM
}

// Wrote notes what the written side holds of a field.
func (e *Entry) Wrote(f mapping.Field, holds string) {
	v := e.Fields[f]
	if v.Written != nil && !mapping.Unedited(f, *v.Written, holds) {
		v.Sent = v.Written
	}
	v.Written = &holds
	e.Fields[f] = v
}

// Named are the entry's fields, in their order.
func (e Entry) Named() []mapping.Field {
	return slices.DeleteFunc(mapping.Fields(), func(f mapping.Field) bool {
		_, in := e.Fields[f]
		return !in
	})
}

// Rules are the conflict rules that decided fields of the entry.
func (e Entry) Rules() string {
	rules := map[string]bool{}
	for _, v := range e.Fields {
		if v.Rule != "" {
			rules[string(v.Rule)] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(rules)), ",")
}

// HistoryQuery chooses entries, newest first.
type HistoryQuery struct {
	IDs          []int64
	ContactID    string
	MetaKockaID  string
	Since, Until time.Time // from Since on, and before Until; zero: no bound
	By           string
	Side         mapping.Side
	Job          string
	Before       int64 // own id: keyset paging
	Behind       int64 // own id: only what came later
	Limit        int   // 0: no limit
}

// Newest are the entries that tell last why each field holds what it holds, of a contact's
// entries, newest first. What is linked or made is told of in all its fields, those that are
// empty too; what only waits for a person is told of in none. One that tells of no value,
// because it was scrubbed, tells all the same.
func Newest(entries []Entry) map[mapping.Field]Entry {
	newest := map[mapping.Field]Entry{}
	for _, e := range entries {
		if e.Act == ActPark {
			continue
		}
		fields := e.Named()
		if e.Act == ActLink || e.Act == ActCreate {
			fields = mapping.Fields()
		}
		for _, f := range fields {
			if _, told := newest[f]; !told {
				newest[f] = e
			}
		}
	}
	return newest
}
