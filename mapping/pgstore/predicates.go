package pgstore

// What the statements ask of rows again and again. With a table's alias and a dot before
// it each is about that table: "m." + livingLink.
const (
	// livingLink is true of a link that joins a contact and a partner, as
	// store.Status.Alive is; tombstone of any other.
	livingLink = "sync_status NOT IN ('deleted', 'unlinked')"
	tombstone  = "sync_status IN ('deleted', 'unlinked')"

	// openDeletion is true of a deletion that a person may still decide, or whose
	// approval is still to be carried out.
	openDeletion = "status IN ('held', 'approved')"

	// admittedDeletion is true of a deletion that is to be carried out, and is not yet.
	admittedDeletion = "(status = 'approved' OR status = 'applied' AND closed_at IS NULL)"

	// parkedConflict is true of a conflict that a person has to decide, waitingConflict of a
	// row c of mksync_conflicts that waits for that: whoever is left out waits for nobody.
	parkedConflict  = "status = 'parked'"
	waitingConflict = "c." + parkedConflict + ` AND NOT EXISTS (SELECT FROM metakocka_contact_mappings waits
		JOIN mksync_left_out hand ON hand.contact_id = waits.contact_id WHERE waits.id = c.link_id)`

	// openMerge is true of a merge that something is left to do of.
	openMerge = "status IN ('running', 'undoing')"

	// heldMatch is true of a link that waits for a person and has no partner: its match
	// waits. One that has a partner waits with its deletion.
	heldMatch = "sync_status = 'held' AND metakocka_id IS NULL"

	// unclearMatch is true of one where a person has to say who it is, proposedMatch of one
	// whose first match is known and waits for a person's approval.
	unclearMatch  = heldMatch + " AND proposal IS NULL"
	proposedMatch = heldMatch + " AND proposal IS NOT NULL"

	// proposedImport is true of a row of mksync_imports i whose partner is there, and
	// nobody's yet, nor proposed to a contact that waits.
	proposedImport = `EXISTS (SELECT FROM mksync_partners p WHERE p.metakocka_id = i.metakocka_id AND p.missing_since IS NULL)
		AND NOT EXISTS (SELECT FROM metakocka_contact_mappings m WHERE m.metakocka_id = i.metakocka_id AND m.` + livingLink + `)
		AND (i.link_id IS NULL OR NOT EXISTS (SELECT FROM metakocka_contact_mappings m WHERE m.id = i.link_id AND m.` + heldMatch + `))`
)
