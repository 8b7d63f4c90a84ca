package operations

import (
	"context"
	"slices"

	"github.com/crmmind/mksync/syncer"
)

// Role is what somebody may ask for; each may what those before it may.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"   // reads
	Decider  Role = "decider"  // and decides what waits, links, merges and takes back
	Operator Role = "operator" // and syncs, imports, checks and retries
	Admin    Role = "admin"    // and everything else
)

// Roles are all roles, those that may less first.
func Roles() []Role { return []Role{Viewer, Decider, Operator, Admin} }

// May reports whether r may what need may.
func (r Role) May(need Role) bool { return slices.Index(Roles(), r) >= slices.Index(Roles(), need) }

// rights are the roles that operations ask for, by name; one that is not here asks for Admin.
var rights = map[string]Role{
	OpStatus.Name:  Viewer,
	OpWaiting.Name: Viewer,

	OpContacts.Name:      Viewer,
	OpContact.Name:       Viewer,
	OpContactStatus.Name: Viewer,

	OpMapping.Name:    Viewer,
	OpMappings.Name:   Viewer,
	OpOrphans.Name:    Viewer,
	OpPartners.Name:   Viewer,
	OpDuplicates.Name: Viewer,
	OpConflicts.Name:  Viewer,
	OpConflict.Name:   Viewer,
	OpMerges.Name:     Viewer,
	OpLeftOut.Name:    Viewer,
	OpPreview.Name:    Viewer,
	OpUnclear.Name:    Viewer,
	OpReview.Name:     Viewer,
	OpDeletions.Name:  Viewer,
	OpJob.Name:        Viewer,
	OpJobs.Name:       Viewer,

	OpHistory.Name: Viewer,
	OpWhy.Name:     Viewer,
	OpNames.Name:   Viewer,

	// Events hold what contacts held; so do conflicts.
	OpDeadLetters.Name: Viewer,

	OpLink.Name:              Decider,
	OpApprove.Name:           Decider,
	OpApproveAll.Name:        Decider,
	OpStartApproveAll.Name:   Decider,
	OpUnlink.Name:            Decider,
	OpDismiss.Name:           Decider,
	OpDiscardDeadLetter.Name: Decider,
	OpLeaveOut.Name:          Decider,
	OpTakeIn.Name:            Decider,
	OpMerge.Name:             Decider,
	OpUndoMerge.Name:         Decider,
	OpUndo.Name:              Decider,
	OpResolveConflict.Name:   Decider,
	OpUndoConflict.Name:      Decider,
	OpApproveDeletion.Name:   Decider,
	OpRejectDeletion.Name:    Decider,

	OpSync.Name:             Operator,
	OpImport.Name:           Operator,
	OpBulkSync.Name:         Operator,
	OpBulkImport.Name:       Operator,
	OpStartBulkSync.Name:    Operator,
	OpStartBulkImport.Name:  Operator,
	OpRetryJob.Name:         Operator,
	OpCancelJob.Name:        Operator,
	OpCheck.Name:            Operator,
	OpRetryDeadLetter.Name:  Operator,
	OpRetryDeadLetters.Name: Operator,
	OpPause.Name:            Operator,
	OpResume.Name:           Operator,

	OpLog.Name:         Admin, // it may quote what other systems said
	OpImportPairs.Name: Admin,
	OpPrune.Name:       Admin,
}

// Right is the role that an operation asks for.
func Right(e Endpoint) Role {
	if r, known := rights[e.Subject()]; known {
		return r
	}
	return Admin
}

// easier are requests that some roles may make which the operation refuses in general.
type easier interface {
	// needs is the role for this request; "": the operation's.
	needs() Role
}

// needs implements easier: that a contact is none of the partners is a decision.
func (r *SyncRequest) needs() Role { return decides(r.New) }

// needs implements easier: that a partner is none of the contacts is a decision.
func (r *ImportRequest) needs() Role { return decides(r.New) }

func decides(decision bool) Role {
	if decision {
		return Decider
	}
	return ""
}

// allow refuses a request to whoever may not make it. Who is not known is this process or
// its own commands, which may everything.
func allow(ctx context.Context, e Endpoint, request any) error {
	who, known := CallerOf(ctx)
	if !known {
		return nil
	}
	need := Right(e)
	if r, may := request.(easier); may && r.needs() != "" {
		need = r.needs()
	}
	if who.Role.May(need) {
		return nil
	}
	return syncer.Refuse(syncer.CodeForbidden, "forbidden", "{operation} needs the right {need}, and {who} has {role} (MKSYNC_API_TOKEN, MKSYNC_API_JWT_ROLES)", e.Subject(), need, who.Name, who.Role)
}
