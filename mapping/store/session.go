package store

import (
	"context"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
)

// State is what a reconcile decides from: the contact and the link, read
// together.
type State struct {
	Contact   *mapping.Contact // nil: the contact does not exist
	Located   bool             // its country is only at the end of its address
	NoText    []mapping.Field  // whose values are no text; Contact lacks some of their bytes
	InScope   bool             // it is synced: the filter takes it, and no person leaves it out
	Filtered  bool             // the configured filter leaves it out
	ByHand    bool             // a person leaves it out
	Halt      *Halt            // a person has stopped sending; nil: nobody has
	Replayed  bool             // a replay works on the contact, and nothing else may
	UpdatedAt time.Time        // the contact's updated_at; zero where there is none
	Link      *Link            // nil: never seen
	Now       time.Time        // the database's clock when they were read
	Snapshot  Snapshot         // the transactions that the read saw
	// PartnersSeen is the number of the newest partner that was seen.
	PartnersSeen int64
	// SweptAt is when the last complete sweep over the partners began; zero:
	// none yet.
	SweptAt time.Time
	// Observed is the linked partner as last seen by a poll; nil: not seen.
	Observed *ObservedPartner
}

// Session works on one contact while no other process does.
type Session interface {
	// Load reads the contact and its link together.
	Load(ctx context.Context) (State, error)
	// Rivals waits until no other process matches a contact with one of the keys,
	// keeps it so until the session ends, and then reads what a first match needs.
	Rivals(ctx context.Context, keys mapping.MatchKeys) (Rivals, error)
	// Denied are the partners of which a person said that they are not the contact's.
	Denied(ctx context.Context) ([]string, error)
	// SetLeftOut leaves the contact out from now on, and has those looked at again that are
	// held for its sake, or for one of the keys that it freed; nil: it is not left out any more.
	SetLeftOut(ctx context.Context, o *LeftOut, freed []string, told ...Entry) error
	// Save stores a change whole or not at all; the contact only when it still
	// holds what Load read. Errors: ErrContactChanged, ErrPartnerTaken,
	// *ContactRefusedError.
	Save(ctx context.Context, ch *Change) error
	// Insert adds the contact, with its link. Errors as Save.
	Insert(ctx context.Context, ch *Change) error
	// DeleteContact removes the contact and stores its link with it. Errors:
	// ErrContactChanged, *ContactRefusedError.
	DeleteContact(ctx context.Context, ch *Change) error
	// AdmitDeletion asks the guard whether the link's deletion on side may be
	// applied; if not, it is held. At most limit are within ten minutes, and none
	// that has a reason to wait for a person.
	AdmitDeletion(ctx context.Context, link Link, side mapping.Side, limit int, reason coded.Text) (bool, error)
	// Referrers names the tables whose rows refer to the contact by a foreign key, and
	// those that may not be looked into.
	Referrers(ctx context.Context) ([]string, error)
	// DeletionHeld tells whether the link's deletion on side waits for a person.
	DeletionHeld(ctx context.Context, link Link, side mapping.Side) (bool, error)
	// VoidDeletion closes a held deletion of what came back on side.
	VoidDeletion(ctx context.Context, link Link, side mapping.Side) error
	// RefuseDeletion takes back that the guard admitted a deletion, which was refused.
	RefuseDeletion(ctx context.Context, link Link, side mapping.Side) error

	// Hindrance tells what keeps the contact from being merged into another.
	Hindrance(ctx context.Context, winnerID string) (Hindrance, error)
	// Absorb merges the loser into this session's contact, in one transaction: the
	// winner's fields, the loser's deletion, both links and the merge's record,
	// which gets its id. The loser is a session of the same WithContacts. Errors as
	// DeleteContact.
	Absorb(ctx context.Context, loser Session, m *ContactMerge, ch MergeChange) error
	// Release takes a merge back, likewise. Errors as Save.
	Release(ctx context.Context, loser Session, m *ContactMerge, ch MergeChange) error
}

// Rivals are what the first match of a contact has to know of others.
type Rivals struct {
	Unresolved []Link            // links with an intent, whoever's
	Seen       []ObservedPartner // partners as last seen with one of the keys, oldest first
	Not        []string          // partners that a person said are somebody else
}

// Change is everything a reconcile stores, in one transaction.
type Change struct {
	Link      Link
	Contact   mapping.Contact  // the values to write for ToCRM
	ToCRM     []mapping.Field  // contact fields to write
	Also      []mapping.Field  // fields to write besides, whose base stays (see mapping.Placed)
	Conflicts []ConflictRecord // what was decided or parked
	Observed  *ObservedPartner // the partner as just read, if it was
	Freed     []string         // keys for which others may be held that are not any more
	Lapsed    []mapping.Field  // whose decisions do not hold for the values of now
	Gone      string           // a partner that is not there any more; a poll that sees it tells
	// ContactGone: the contact is deleted with this change.
	ContactGone bool
	// Erased: nothing of the contact is to stay in what mksync keeps. PartnerErased: nor of
	// the link's partner, with whomever else it was linked before; nobody else has it now.
	Erased, PartnerErased bool
	Denied                []Answer // what a person says: these are not one
	ByHand                bool     // a person says that the link's partner is the contact's
	// TakenIn: a person does not leave the contact out any more.
	TakenIn bool
	// History is what happened and was decided. What a table made of the values that were
	// written is filled in.
	History []Entry
	// Unpaired are the keys of a contact that had no partner: who is held for its sake, and
	// has none of them, is not any more. nil: it had one.
	Unpaired []string
	// Judge, where it is set, gives the link its verdict once the contact is written:
	// of what the table made of it.
	Judge func(l *Link, stored mapping.Contact)
}
