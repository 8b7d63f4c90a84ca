package store

import "time"

// Proposed is what a first match would do. The words are stored and shown.
type Proposed string

// What a first match would do.
const (
	ProposeLink   Proposed = "link"   // link the contact with a partner that is there
	ProposeCreate Proposed = "create" // make its partner
	ProposeImport Proposed = "import" // make a contact of the partner
)

// AllProposed are all of them.
func AllProposed() []Proposed { return []Proposed{ProposeLink, ProposeCreate, ProposeImport} }

// Proposal is what the first match would do, and waits for a person's approval.
type Proposal struct {
	Does        Proposed `json:"does"`
	MetaKockaID string   `json:"metakockaId,omitempty"` // the partner; of ProposeCreate there is none
	// Version tells the proposal from others: what would be done, and the values that it
	// was made of. An approval holds for one version.
	Version string `json:"version"`
	// At is since when it stands so.
	At time.Time `json:"at"`
	// XID is the transaction that stored this version.
	XID uint32 `json:"-"`
}

// Same reports whether the other one says the same; nil: there is none.
func (p Proposal) Same(other *Proposal) bool {
	return other != nil && p.Does == other.Does && p.MetaKockaID == other.MetaKockaID && p.Version == other.Version
}

// ProposedImport is a partner that would become a contact.
type ProposedImport struct {
	MetaKockaID string
	Version     string
	At          time.Time
	XID         uint32
	Data        []byte // the partner as last seen, as JSON
}

// ProposalQuery chooses proposals, by the id of what they are of.
type ProposalQuery struct {
	Of    []string // only these; nil: all
	Does  Proposed // of contacts: "" both
	After string   // keyset paging
	Limit int      // 0: no limit
}

// Proposals are how many wait, by what they would do, with the snapshot of the read: what
// it does not see came later, or changed since.
type Proposals struct {
	Counts map[Proposed]int
	AsOf   string // Postgres's pg_snapshot
}
