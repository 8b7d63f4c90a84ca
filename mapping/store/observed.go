package store

import (
	"time"

	"github.com/crmmind/mksync/mapping"
)

// ObservedPartner is a partner as last seen in MetaKocka.
type ObservedPartner struct {
	MetaKockaID string
	Hash        string // content hash of Data; empty: MetaKocka holds something else
	Name        string
	TaxNumber   string // canonical
	Email       string // canonical
	Keys        mapping.MatchKeys
	Data        []byte // the partner as JSON
	FirstSeenAt time.Time
	ObservedAt  time.Time
	// ChangedAfter is when the partner was last seen with other content; its last
	// change came later. Zero: not known.
	ChangedAfter time.Time
}

// SeenPartner is what a poll compares a partner with.
type SeenPartner struct {
	Hash    string
	Missing bool // it was not found when last looked for
	Linked  bool // a living link names it
	Held    bool // that it is gone is held for a person, or approved
	InPart  bool // the database cannot hold all of it
}

// InPart are partners that the CRM's database cannot hold as they are.
type InPart struct {
	Count int      `json:"count"`
	First []string `json:"first"` // ids, in order
}

// ListedPartner is a partner as last seen, with the link that names it: the
// living one, else the newest tombstone, else none.
type ListedPartner struct {
	MetaKockaID, Name, TaxNumber, Email string
	FirstSeenAt, ObservedAt             time.Time
	LinkID, ContactID                   string
	LinkStatus                          Status
}

// Expected are the partners, of those seen before, that a poll should bring again.
func Expected(seen map[string]SeenPartner) map[string]bool {
	ids := map[string]bool{}
	for id, was := range seen {
		if !was.Missing && !was.Held {
			ids[id] = true
		}
	}
	return ids
}
