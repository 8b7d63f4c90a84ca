package store

import (
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
)

// ContactQuery chooses contacts, by contact id; empty fields choose all that have a link.
type ContactQuery struct {
	// Exact is what was typed, where it may be an id or a partner's number; Key is it where
	// it can be a contact's id.
	Search     mapping.Search
	Exact, Key string
	Status     Status
	After      string // contact id: keyset paging
	Limit      int
}

// ListedContact is a contact in a list, with the names of both sides. Without a link
// everything of it is empty.
type ListedContact struct {
	ContactID, LinkID, MetaKockaID string
	Status                         Status
	LastSyncedAt                   time.Time
	LastError                      coded.Text
	Differing                      []mapping.Field
	Exists, InScope                bool // in the CRM; the configured filter takes it
	Name, CompanyName              string
	PartnerName                    string
}
