package store

import "time"

// LeftOut says that a person leaves a contact out of the sync, until it is taken in again.
type LeftOut struct {
	ContactID string
	Reason    string // the person's words
	At        time.Time
	By        string // who; empty: not known
}

// LeftOutQuery chooses contacts that a person leaves out.
type LeftOutQuery struct {
	Of    []string // only these; nil: all
	After string   // contact id: keyset paging
	Limit int      // 0: no limit
}
