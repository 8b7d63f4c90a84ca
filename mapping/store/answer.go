package store

// Answer is a person's: the partner is not the contact's. It is remembered, and nobody is
// asked again.
type Answer struct {
	ContactID, MetaKockaID string
	// Parted: they were linked, so the partner may hold what is the contact's.
	Parted bool
}
