package syncer

import (
	"context"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// Lanes give MetaKocka's partner API in a lane: who waits for an answer goes before what
// may take its time.
type Lanes func(l metakocka.Lane) ERP

// Reader asks MetaKocka for partners and can change none (invariant 1).
type Reader interface {
	Find(ctx context.Context, q metakocka.Query) (metakocka.Found, error)
	Get(ctx context.Context, mkID string) (metakocka.Partner, error)
}

// ERP is MetaKocka's partner API; *metakocka.Client is one.
type ERP interface {
	Reader
	Add(ctx context.Context, n metakocka.NewPartner, before metakocka.Prepare) (metakocka.Added, error)
	Update(ctx context.Context, u metakocka.Update, before metakocka.Prepare) (metakocka.Partner, error)
}

// Links is what the reconciler needs of the store; *pgstore.Store is one.
type Links interface {
	States
	// NewKey is the id of a contact that is to be made. *store.ContactRefusedError.
	NewKey(ctx context.Context) (string, error)
	// WithContact runs use while no other process works on the contact.
	WithContact(ctx context.Context, contactID string, use func(store.Session) error) error
	// WithContacts is WithContact for two contacts; the sessions are used one
	// after the other.
	WithContacts(ctx context.Context, one, other string, use func(one, other store.Session) error) error
	// MoveLink gives a contact's link to the id that the contact has now, unless the
	// old id is there once more or the new one has a link.
	MoveLink(ctx context.Context, from, to string) error
	// Merges lists merges of contacts.
	Merges(ctx context.Context, q store.MergeQuery) ([]store.ContactMerge, error)
	// NoteMerge stores how far a merge is, where it still is as it was.
	NoteMerge(ctx context.Context, m store.ContactMerge, was store.MergeStatus) (ok bool, err error)
	// WithPartner runs use while no other process works on an unlinked partner.
	WithPartner(ctx context.Context, metakockaID string, use func() error) error
	// LinkOrIntents finds the link that names the partner, living ones first; nil:
	// none. A creation under way is then among the links that have an intent.
	LinkOrIntents(ctx context.Context, metakockaID string) (link *store.Link, unresolved []store.Link, err error)
	// Holders tells which contacts hold the partners with a living link.
	Holders(ctx context.Context, metakockaIDs []string) (map[string]string, error)
	// GiveUp takes a partner from the contact that holds it, for another one, where the
	// filter leaves the holder out; unsettled is a holder whose last write has no answer.
	GiveUp(ctx context.Context, metakockaID, to string) (given bool, unsettled string, err error)
	// Wake has the contacts looked at again, but for one, whose match is held for one
	// of the keys.
	Wake(ctx context.Context, keys []string, but string) error
	// WakeWaiting has the contacts looked at again that are held for the sake of one that
	// had no partner, and is gone or left out.
	WakeWaiting(ctx context.Context, contactID string) error
	// WakeLate has a contact looked at again that was held for the sake of another, where
	// that is not any more what it is held for.
	WakeLate(ctx context.Context, contactID string) error
	// WakeOvertaken has a contact looked at again that was held for the sake of partners,
	// where one of them, or a link with it, became another since.
	WakeOvertaken(ctx context.Context, contactID string, metakockaIDs []string, since store.Snapshot) error
	// ProposeImport notes that a partner would become a contact, and waits for approval.
	ProposeImport(ctx context.Context, metakockaID, version string) error
	// ContestImports lets partners not be imported as long as a contact waits that may be
	// theirs.
	ContestImports(ctx context.Context, linkID string, metakockaIDs []string) error
	// UnlinkedContacts finds contacts by a partner's keys that no living link holds, or that
	// are left out, but those of which a person said that they are somebody else.
	UnlinkedContacts(ctx context.Context, metakockaID string, keys mapping.MatchKeys) ([]store.MatchContact, error)
	// Parted are those of the partners that a person parted from the contact they were
	// linked with.
	Parted(ctx context.Context, metakockaIDs []string) ([]string, error)
	// MatchObserved finds partners as last seen by a contact's keys.
	MatchObserved(ctx context.Context, keys mapping.MatchKeys) ([]store.ObservedPartner, error)
	// Observed is a partner as last seen; nil: it is not there.
	Observed(ctx context.Context, metakockaID string) (*store.ObservedPartner, error)
	// SeenBefore tells which partners were seen up to the one with a number.
	SeenBefore(ctx context.Context, metakockaIDs []string, number int64) (map[string]bool, error)
	// Snapshot tells which transactions a read sees now.
	Snapshot(ctx context.Context) (store.Snapshot, error)
	// HoldAll holds the deletions of all links whose contact is gone.
	HoldAll(ctx context.Context, reason coded.Text, why store.Why) (int64, error)
	// Fields are the canonical fields that the contacts table has.
	Fields() []mapping.Field
	// FromRow reads a row of the contacts table, values by column, and tells which
	// fields are in it.
	FromRow(row map[string]any) (mapping.Contact, []mapping.Field)
}

// DeadLetters keeps the dead letters as the links stand; *bus.Bus is one.
type DeadLetters interface {
	// ForgetContact removes those of a contact, ForgetPartner those of a partner.
	ForgetContact(ctx context.Context, id string)
	ForgetPartner(ctx context.Context, id string)
}

// Work are the events that a reconcile applies; *bus.Work is.
type Work interface {
	// PutAside stores the dead letter of the events.
	PutAside(ctx context.Context, reason coded.Text) error
	// Forgot notes that the dead letters of a contact or a partner were removed.
	Forgot(key string)
}

// Past reads what happened before to a contact or a partner, oldest first, as far as it is
// still known; event.Past is one.
type Past interface {
	// Contact gives the contact's rows, values by column, each with the time of its
	// commit; zero: not known.
	Contact(ctx context.Context, id string, use func(row map[string]any, committed time.Time)) error
	// Partner gives the partner as seen, each time with when it had last been seen as it
	// was before.
	Partner(ctx context.Context, metakockaID string, use func(seen metakocka.Partner, after time.Time)) error
}

// States remembers small values; *pgstore.Store does.
type States interface {
	LoadState(ctx context.Context, key string, v any) (bool, error)
	SaveState(ctx context.Context, key string, v any) error
}

// PollStates reads what the poller remembers; *pgstore.Store does.
type PollStates interface {
	PollState(ctx context.Context) (store.PollState, error)
}

// What a contact's deletion does in MetaKocka, and a partner's in the CRM.
const (
	PolicyUnlink     = "unlink"
	PolicyDeactivate = "deactivate"
	PolicyAnonymize  = "anonymize"
	PolicyDelete     = "delete"
)

// Config is what a reconciler does by choice.
type Config struct {
	Policy             mapping.Policy
	DeletePolicy       string // unlink, deactivate, anonymize
	RemoteDeletePolicy string // unlink, delete
	MaxDeletes         int    // within ten minutes
	AutoImport         bool   // import partners that no contact is linked with
	FirstSync          string // auto, review
	// CallTimeout and Settle bound how long after it was sent a call without an
	// answer may still take effect.
	CallTimeout, Settle time.Duration
	// EventWait is how long an event of a contact that must be on its way is waited for.
	EventWait time.Duration
	// Observe, where it is set, is told of everything that is stored. It returns at once.
	Observe func(Stored)
}

// Cause says what made a reconcile run.
type Cause string

// The causes of a reconcile.
const (
	CauseContact Cause = "contact" // an event of the contacts table
	CausePartner Cause = "partner" // an event of the poller
	CauseRequest Cause = "request" // a person or a program asked for this one
	CauseBulk    Cause = "bulk"    // a person or a program asked for all
	CauseCheck   Cause = "check"   // a full check found a difference
	CauseReplay  Cause = "replay"  // a replay of the event stream
	CauseMerge   Cause = "merge"   // the contact is merged with another
	CauseUndo    Cause = "undo"    // a person takes back what was written
)

// Trigger says why a reconcile runs and what is known beyond the state.
type Trigger struct {
	Cause Cause
	// CRMChangedAt is the commit time of the newest event; zero: not known.
	CRMChangedAt time.Time
	// Lane is the one that MetaKocka is called in.
	Lane metakocka.Lane
	// Work are the events that are applied, put aside where the contact cannot be brought
	// over; nil: none.
	Work Work
	// XIDs are the transactions of the events; the contact is decided from only
	// once they can be seen.
	XIDs []uint32
	// Deleted: an event says that the contact was deleted or has another id, or a full check found
	// that the deletion was missed. A contact that is merely not there (a
	// TRUNCATE, a restored table) is no deletion.
	Deleted bool
	// Observed is the partner as the poller saw it; nil: not known.
	Observed *metakocka.Partner
	// SeenAt is when the poll began that saw the partner so, and SeenAfter when the one
	// before did; zero: no poll, or the first.
	SeenAt, SeenAfter time.Time
	// Missing: the poller did not find the partner any more.
	Missing bool
	// Back: the partner was missing, and the poller saw it again.
	Back bool
	// Plan: the contact is one of many at once. Partners are matched as planned,
	// not asked for one by one.
	Plan *match.Plan
	// Authority says whose value wins in every field that differs, of a replay.
	Authority Authority
	// Approved is the version of the proposal that a person approved; "": none.
	Approved string
	// By is who asked; empty: mksync itself.
	By string
	// EventID names the newest of the events; Job the job that it is done for.
	EventID, Job string
}

// Result says where a link stands after a reconcile.
type Result struct {
	LinkID, ContactID, MetaKockaID string
	Status                         store.Status // "": there is no link
	LastError                      coded.Text
}
