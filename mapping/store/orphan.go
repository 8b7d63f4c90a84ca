package store

// OrphanKind says what a link has lost.
type OrphanKind string

// The kinds of orphans.
const (
	// OrphanContactGone: the contact is gone, and no deletion was seen. Pruning
	// holds the deletion for a person.
	OrphanContactGone OrphanKind = "contact_gone"
	// OrphanPartnerGone: the last poll did not find the partner. Pruning leaves
	// it: the next reconcile of the contact settles it.
	OrphanPartnerGone OrphanKind = "partner_gone"
	// OrphanBothGone: a tombstone that guards nothing, for contact and partner
	// are both gone. Pruning removes it.
	OrphanBothGone OrphanKind = "both_gone"
)

// Orphan is a link that has lost a side.
type Orphan struct {
	LinkID, ContactID, MetaKockaID string
	Status                         Status
	Kind                           OrphanKind
}
