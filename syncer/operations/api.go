package operations

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/event"
	"github.com/crmmind/mksync/syncer/status"
)

// ConflictJournal is the store's journal of conflicts.
type ConflictJournal interface {
	Conflicts(ctx context.Context, q store.RecordQuery) ([]store.ConflictRecord, error)
	// DecideConflict stores a person's decision. mapping.ErrNotOpen.
	DecideConflict(ctx context.Context, c store.ConflictRecord, take mapping.Side, by string) error
	CloseUndone(ctx context.Context, id int64, by string) error
}

// DeletionJournal is the store's journal of deletions.
type DeletionJournal interface {
	Deletions(ctx context.Context, q store.RecordQuery) ([]store.DeletionRecord, error)
	// ApproveDeletion lets the next reconcile apply it. mapping.ErrNotOpen.
	ApproveDeletion(ctx context.Context, id int64, by string) error
	// RejectDeletion makes the link a tombstone and nothing else. mapping.ErrNotOpen.
	RejectDeletion(ctx context.Context, d store.DeletionRecord, status store.Status, note coded.Text, by string) error
}

// Directory looks links, partners and contacts up.
type Directory interface {
	Links(ctx context.Context, q store.LinkQuery) ([]store.Link, error)
	LinkByPartner(ctx context.Context, metakockaID string) (*store.Link, error)
	ListPartners(ctx context.Context, q store.PartnerQuery) ([]store.ListedPartner, error)
	// Answers are the partners of which a person said that they are not the contact's.
	Answers(ctx context.Context, contactIDs []string) (map[string][]string, error)
	// MatchObserved finds partners as last seen by a contact's keys.
	MatchObserved(ctx context.Context, keys mapping.MatchKeys) ([]store.ObservedPartner, error)
	// Holders tells which contacts hold the partners with a living link.
	Holders(ctx context.Context, metakockaIDs []string) (map[string]string, error)
	ContactKnown(ctx context.Context, id string) (exists, inScope bool, err error)
	// MatchContacts and SeenParties page through all contacts and all partners.
	MatchContacts(ctx context.Context, after string, limit int) ([]store.MatchContact, error)
	SeenParties(ctx context.Context, after string, limit int) ([]store.SeenParty, error)
	// ListContacts lists contacts that have a link, FindUnlinked those without that a
	// search finds; both by contact id.
	ListContacts(ctx context.Context, q store.ContactQuery) ([]store.ListedContact, error)
	FindUnlinked(ctx context.Context, search mapping.Search, after string, limit int) ([]store.ListedContact, error)
}

// OrphanStore finds links that have lost a side and prunes what is safe.
type OrphanStore interface {
	Orphans(ctx context.Context, after string, limit int) ([]store.Orphan, error)
	RemoveTombstones(ctx context.Context) (int64, error)
	HoldAll(ctx context.Context, reason coded.Text, why store.Why) (int64, error)
}

// Records is everything the API needs of the store; *pgstore.Store is one.
type Records interface {
	ConflictJournal
	DeletionJournal
	Directory
	OrphanStore
	HistoryStore
	HaltStore
	TwoStore
	ProposalStore
	syncer.PollStates
	event.States
	Now(ctx context.Context) (time.Time, error)
	// KeyType is the type of the contacts' ids.
	KeyType() store.KeyType
	// Pairings tell what is known of pairs of a contact's and a partner's id, in their order.
	Pairings(ctx context.Context, pairs [][2]string) ([]store.Pairing, error)
	// Merges lists merges of contacts.
	Merges(ctx context.Context, q store.MergeQuery) ([]store.ContactMerge, error)
	// LeftOut lists the contacts that a person leaves out.
	LeftOut(ctx context.Context, q store.LeftOutQuery) ([]store.LeftOut, error)
	// Wake has the contacts looked at again, but for one, whose match is held for one of
	// the keys.
	Wake(ctx context.Context, keys []string, but string) error
}

// DeadLetters are the events that could not be applied; *bus.Bus has them.
type DeadLetters interface {
	DeadLetters(ctx context.Context) ([]bus.DeadLetter, error)
	RetryDeadLetter(ctx context.Context, id uint64) error
	DiscardDeadLetter(ctx context.Context, id uint64) error
}

// API is where people and programs ask for things: every operation of the
// commands, of NATS and of HTTP is one of its methods. It writes to neither
// side itself; the Reconciler does (invariant 1).
type API struct {
	reconciler  *syncer.Reconciler
	records     Records
	deadLetters DeadLetters
	status      func(ctx context.Context) status.Status
	checker     *check.Checker        // nil: none
	bulk        *Bulk                 // nil: none
	jobs        *Jobs                 // nil: none
	live        *semaphore.Weighted   // single requests
	speech      Speech                // nil: reasons are codes alone
	log         func(n int) []LogLine // nil: none is kept
	kept        func(ctx context.Context) error
}

// liveSlots is how many single requests reconcile at once: each holds
// connections to the database.
const liveSlots = 4

// NewAPI returns a ready API.
func NewAPI(r *syncer.Reconciler, records Records, deadLetters DeadLetters, status func(ctx context.Context) status.Status) *API {
	return &API{reconciler: r, records: records, deadLetters: deadLetters, status: status, live: semaphore.NewWeighted(liveSlots)}
}

// WithKept lets nobody be told that something is done before a failover cannot undo it
// (invariant 31): kept waits for that, or tells why it is not so yet.
func (a *API) WithKept(kept func(ctx context.Context) error) *API {
	a.kept = kept
	return a
}

// Nothing is a request that asks for nothing in particular.
type Nothing struct{}

// Status says how the sync stands.
func (a *API) Status(ctx context.Context, _ Nothing) (status.Status, error) {
	return a.status(ctx), nil
}

// Waiting says what needs a person: of every kind of which there is some how many there
// are, which is how many the kind's list has, and since when the oldest waits.
func (a *API) Waiting(ctx context.Context, _ Nothing) (List[status.Waiting], error) {
	return List[status.Waiting]{Items: a.status(ctx).Waiting}, nil
}

// List is one page of a list. Next is where the following page begins; empty:
// this is the last.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// Page chooses the part of a list. Limit is 200 where it is zero.
type Page struct {
	After string `json:"after,omitempty"` // Next of the page before
	Limit int    `json:"limit,omitempty"`
}

const (
	usualPage   = 200
	largestPage = 1000
)

func (p Page) limit() (int, error) {
	switch {
	case p.Limit < 0 || p.Limit > largestPage:
		return 0, syncer.Refuse(syncer.CodeMalformed, "request.limit", "limit: must be from 1 to {most}", largestPage)
	case p.Limit == 0:
		return usualPage, nil
	}
	return p.Limit, nil
}

// number is After as the number of a journal's entry.
func (p Page) number() (int64, error) {
	if p.After == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(p.After, 10, 64)
	if err != nil || n < 0 {
		return 0, syncer.Refuse(syncer.CodeMalformed, "request.after", "after: is not what a list's next was")
	}
	return n, nil
}

// listOf makes a page of records; key is what the next page begins after.
func listOf[R, T any](found []R, limit int, item func(R) T, key func(R) string) List[T] {
	l := List[T]{Items: make([]T, len(found))}
	for i, r := range found {
		l.Items[i] = item(r)
	}
	if len(found) == limit {
		l.Next = key(found[limit-1])
	}
	return l
}

// maxID is how long an id may be: a partner's is a varchar(255).
const maxID = 255

// checkID refuses what cannot be an id of anything.
func checkID(field, id string) error {
	switch {
	case strings.TrimSpace(id) == "":
		return syncer.Refuse(syncer.CodeMalformed, "id_missing", "{which}: is missing", field)
	case len(id) > maxID, strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' || r == unicode.ReplacementChar }):
		return syncer.Refuse(syncer.CodeMalformed, "id_none", "{which}: is not an id", field)
	}
	return nil
}

// checkUUID returns a mapping's or job's id as Postgres writes it.
func checkUUID(field, id string) (string, error) {
	if err := checkID(field, id); err != nil {
		return "", err
	}
	const length = 36
	u, err := uuid.Parse(id)
	if err != nil || len(id) != length {
		return "", syncer.Refuse(syncer.CodeMalformed, "id_uuid", "{which}: {id} is not a uuid", field, strconv.Quote(id))
	}
	return u.String(), nil
}

// contactID returns a contact's id as Postgres writes it.
func (a *API) contactID(field, id string) (string, error) {
	keys := a.records.KeyType()
	if id == "" || !keys.IsText() {
		if err := checkID(field, id); err != nil {
			return "", err
		}
	}
	key, err := keys.Canonical(id)
	if err != nil {
		return "", syncer.Refuse(syncer.CodeMalformed, "request.key", "{which}: {id} {cause}", field, strconv.Quote(clip(id)), coded.Of(err))
	}
	return key, nil
}

// anyID refuses what can be the id of no entry, mapping, partner or contact.
func (a *API) anyID(field, id string) error {
	err := checkID(field, id)
	if err != nil && a.records.KeyType().IsText() {
		_, err = a.contactID(field, id)
	}
	return err
}

// tooMany is how many ids an error names at most.
const tooMany = 10

// pick finds the one record that id names: the one whose own id it is, else the
// only one whose mapping, contact or partner it is and that may be worked on.
func pick[R any](noun, id string, found []R, own func(R) string, open func(R) bool) (R, error) {
	var none R
	var fits []R
	var names []string

	for _, r := range found {
		if own(r) == id {
			return r, nil
		}
		if open(r) {
			fits = append(fits, r)
			names = append(names, own(r))
		}
	}

	switch {
	case len(fits) == 1:
		return fits[0], nil
	case len(fits) > tooMany:
		return none, syncer.Refuse(syncer.CodeConflict, "entry.own", "{id} names {count} {kind}s: use the {kind}'s own id", id, len(fits), noun)
	case len(fits) > 1:
		return none, syncer.Refuse(syncer.CodeConflict, "entry.several", "{id} names {count} {kind}s: use one of the ids {ids}", id, len(fits), noun, strings.Join(names, ", "))
	case len(found) > 0:
		return none, syncer.Refuse(syncer.CodeConflict, "entry.over", "no {kind} of {id} is open any more", noun, id)
	}
	return none, syncer.Refuse(syncer.CodeNotFound, "entry.none", "there is no {kind} {id}, and no {kind} of a mapping, contact or partner with this id", noun, id)
}
