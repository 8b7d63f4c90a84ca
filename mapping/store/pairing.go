package store

import "github.com/crmmind/mksync/mapping"

// Pairing is what is known of a contact and a partner that a list names as one.
type Pairing struct {
	ContactID, MetaKockaID string

	Contact  *mapping.Contact // nil: it is not there
	InScope  bool             // it is synced: the filter takes it, and no person leaves it out
	Status   Status           // of the contact's link; "": it has none
	LinkedTo string           // the partner of the contact's living link; "": none

	Partner []byte // as last seen, as JSON; nil: it was not, or is missing
	Holder  string // the contact that holds the partner with a living link; "": none
	Parted  bool   // a person said that the two are not one
}
