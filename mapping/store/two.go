package store

// Two are likely duplicates, two contacts or two partners, of which a person said that they
// are two. Their order does not matter.
type Two struct {
	Partners    bool // else contacts
	ID, OtherID string
}
