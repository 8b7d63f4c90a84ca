package store

// Refused is a contact that could not be brought over and is tried again.
type Refused struct {
	ContactID string
	Gone      bool // it is its deletion that was refused
}
