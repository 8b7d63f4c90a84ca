package operations

// about says in one line what each operation does.
var about = map[string]string{
	OpStatus.Name:  "how the sync stands",
	OpWaiting.Name: "what needs a person: how many of each kind, and since when the oldest waits",

	OpLog.Name: "the last lines of the log of the process that answers",

	OpSync.Name:       "sync one contact with its partner now",
	OpImport.Name:     "import one partner now: link it with its contact, or make the contact",
	OpBulkSync.Name:   "sync several contacts, or all, now",
	OpBulkImport.Name: "import several partners, or all that no contact is linked with, now",

	OpContacts.Name:      "a page of the contacts with the names of both sides, or those that a search finds",
	OpContact.Name:       "a contact: both sides by field with what they agreed on and why, what waits, and its recent history",
	OpContactStatus.Name: "where a contact stands, in a sentence",

	OpMapping.Name: "the mapping of a contact or of a partner",

	OpImportPairs.Name: "take over pairs of contacts and partners that another integration has linked",

	OpMappings.Name: "a page of the mappings, by contact id",
	OpOrphans.Name:  "a page of the mappings that have lost a side",
	OpPrune.Name:    "remove tombstones that guard nothing, and hold the deletion of links whose contact is gone",
	OpPartners.Name: "a page of the partners as last seen",
	OpCheck.Name:    "compare all contacts, mappings and partners",

	OpConflicts.Name:       "a page of the conflicts",
	OpConflict.Name:        "one conflict",
	OpResolveConflict.Name: "decide a conflict that waits",
	OpUndoConflict.Name:    "give both sides the value that lost",

	OpStartBulkSync.Name:   "queue a bulk sync as a job",
	OpStartBulkImport.Name: "queue a bulk import as a job",
	OpJob.Name:             "one job: how far it is, and its result",
	OpJobs.Name:            "a page of the jobs, newest first",
	OpRetryJob.Name:        "try again what of a job failed, as a job of its own",
	OpCancelJob.Name:       "cancel a job",

	OpLink.Name:   "say that a partner is a contact's: the two are linked and merged",
	OpUnlink.Name: "say that a contact's partner is not its: the link ends, and neither side is changed",

	OpReview.Name:          "a page of the first matches that wait for approval, each with its candidates and its version, and how many there are",
	OpApprove.Name:         "approve one first match, in the version that was shown",
	OpApproveAll.Name:      "approve all first matches that stand as they did when they were shown",
	OpStartApproveAll.Name: "queue an approval of all first matches as a job",

	OpUnclear.Name: "a page of the contacts whose match waits for a person, each with its candidates, scored and explained",

	OpLeaveOut.Name: "leave one contact out of the sync, with a reason",
	OpTakeIn.Name:   "take a contact in again that was left out",
	OpLeftOut.Name:  "a page of the contacts that a person leaves out",

	OpMerge.Name:      "merge two contacts and their partners' links",
	OpMerges.Name:     "a page of the merges",
	OpUndoMerge.Name:  "take a merge back",
	OpDuplicates.Name: "likely duplicates among contacts and partners",

	OpHistory.Name: "a page of what was written and decided, newest first",
	OpUndo.Name:    "take writes back where nobody has changed the value since",
	OpWhy.Name:     "why a contact stands where it stands, and why its fields hold what they hold",

	OpNames.Name: "what contacts and partners are called, by their ids",

	OpDeletions.Name:       "a page of the deletions",
	OpApproveDeletion.Name: "let a held deletion be applied",
	OpRejectDeletion.Name:  "drop a held deletion; the other side stays",

	OpDeadLetters.Name:       "a page of the events that could not be applied",
	OpRetryDeadLetters.Name:  "have all dead letters of one reason tried again",
	OpDiscardDeadLetter.Name: "throw a dead letter away, with a reason",

	OpPreview.Name:         "what a sync of one contact would write now; nothing is written",
	OpDismiss.Name:         "say that two likely duplicates are two: they are not listed any more",
	OpPause.Name:           "stop sending to MetaKocka, in every process, until it is resumed",
	OpResume.Name:          "let sending to MetaKocka go on",
	OpRetryDeadLetter.Name: "have a dead letter tried again by its consumer",
}

// About says in one line what an operation does.
func About(e Endpoint) string { return about[e.Subject()] }
