package store

import (
	"encoding/json"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
)

// MergeStatus says how far a merge of two contacts is.
type MergeStatus string

// The states of a merge.
const (
	MergeRunning MergeStatus = "running" // the contacts are merged, MetaKocka is not through yet
	MergeDone    MergeStatus = "merged"
	MergeUndoing MergeStatus = "undoing" // the superfluous partner is being brought back
	MergeUndone  MergeStatus = "undone"
)

// ContactMerge is the record of a merge of two contacts. It is stored in the
// transaction that merges them, so whatever is left to do is known from then on.
type ContactMerge struct {
	ID                int64
	LoserID, WinnerID string
	Status            MergeStatus
	Taken             []mapping.Field // what the winner took over
	// WinnerBefore and WinnerAfter are the winner around the merge.
	WinnerBefore, WinnerAfter mapping.Contact
	// LoserRow is the loser's row, every column as text; nil: it is not kept any more.
	LoserRow              json.RawMessage
	LoserLink, WinnerLink *Link  // as they were; nil: there was none
	MovedID               string // the loser's partner, which became the winner's
	PartnerID             string // the loser's partner, which is superfluous
	Policy                string // what becomes of the superfluous partner
	// PartnerBefore and PartnerAfter are the superfluous partner around what the
	// policy did to it; nil: nothing was done (yet).
	PartnerBefore, PartnerAfter json.RawMessage
	Note                        coded.Text // what is not as it should be
	CreatedAt                   time.Time
	CreatedBy                   string
	FinishedAt, UndoneAt        time.Time
	UndoneBy                    string
}

// MergeQuery chooses merges, newest first.
type MergeQuery struct {
	ID                int64
	LoserID, WinnerID string
	Of                string // the merge's own id, or one of its contacts' or partners'
	Open              bool   // only those that something is left to do of, oldest first
	Before            int64  // own id: keyset paging
	Limit             int    // 0: no limit
}

// MergeChange is what a merge, or its undoing, stores of the two contacts' links
// and of the winner, in one transaction.
type MergeChange struct {
	Loser, Winner *Link           // nil: left as it is
	Contact       mapping.Contact // the winner's values for Fields
	Fields        []mapping.Field
	// LoserHistory and WinnerHistory are what the history says of the two.
	LoserHistory, WinnerHistory []Entry
}

// Hindrance is what keeps a contact from being merged into another.
type Hindrance struct {
	Conflicts, Deletions int      // of its link that wait for a person
	MayNotDelete         bool     // the role may not delete contacts
	Referrers            []string // tables with rows that refer to the contact
	Unknown              []string // columns that mksync does not sync and only this contact has a value in
}
