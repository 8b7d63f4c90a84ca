package store

import "github.com/crmmind/mksync/mapping"

// MatchContact is a contact as the first match sees it.
type MatchContact struct {
	ID          string
	Contact     mapping.Contact
	MetaKockaID string // of its link, living or not
	Status      Status // of its link; "": it has none
	Unresolved  bool   // its link has an intent
	LeftOut     bool   // by the configured filter, or by a person
	// Not are partners that a person said are somebody else.
	Not []string
}

// MatchPartner is a partner, as last seen, as the first match sees it.
type MatchPartner struct {
	MetaKockaID, Name string

	Data   []byte // the partner as JSON
	Holder string // the contact that holds it with a living link
	Former bool   // only tombstones name it
	Parted bool   // a person parted it from the contact it was linked with
}

// SeenParty is a partner as last seen.
type SeenParty struct {
	MetaKockaID string
	Data        []byte // the partner as JSON
	Linked      bool   // a living link names it
}
