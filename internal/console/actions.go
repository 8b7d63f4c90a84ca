package console

import (
	"context"
	"net/url"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer/operations"
)

// actions are everything that a form may ask for, by the name that follows doing in the
// address. Each is one operation; what a person may not, the operation refuses.
func actions() map[string]action {
	return map[string]action{
		"conflict":         {operations.Right(operations.OpResolveConflict), resolveConflict},
		"conflict-undo":    {operations.Right(operations.OpUndoConflict), undoConflict},
		"deletion-approve": {operations.Right(operations.OpApproveDeletion), approveDeletion},
		"deletion-reject":  {operations.Right(operations.OpRejectDeletion), rejectDeletion},
		"dead-letter":      {operations.Right(operations.OpRetryDeadLetter), retryDeadLetter},
		"discard":          {operations.Right(operations.OpDiscardDeadLetter), discardDeadLetter},
		"retry-all":        {operations.Right(operations.OpStartBulkSync), retryAll},

		"sync":        {operations.Right(operations.OpSync), syncContact},
		"approve":     {operations.Right(operations.OpApprove), approveMatch},
		"approve-all": {operations.Right(operations.OpStartApproveAll), approveAll},
		"make-new":    {operations.Decider, makeNew}, // that it is none of the partners is a decision
		"link":        {operations.Right(operations.OpLink), linkContact},
		"merge":       {operations.Right(operations.OpMerge), mergeContacts},
		"merge-undo":  {operations.Right(operations.OpUndoMerge), undoMerge},
		"unlink":      {operations.Right(operations.OpUnlink), unlinkContact},
		"leave-out":   {operations.Right(operations.OpLeaveOut), leaveOut},
		"take-in":     {operations.Right(operations.OpTakeIn), takeIn},

		"undo":       {operations.Right(operations.OpUndo), undoWrites},
		"job-cancel": {operations.Right(operations.OpCancelJob), cancelJob},
		"job-retry":  {operations.Right(operations.OpRetryJob), retryJob},
		"job-start":  {operations.Right(operations.OpStartBulkSync), startJob},

		"not-same":   {operations.Right(operations.OpDismiss), notSame},
		"maybe-same": {operations.Right(operations.OpDismiss), maybeSame},

		"pause":  {operations.Right(operations.OpPause), pauseSending},
		"resume": {operations.Right(operations.OpResume), resumeSending},
		"check":  {operations.Right(operations.OpCheck), startCheck},
		"bulk":   {operations.Decider, decideMany}, // each of them asks for its own right
	}
}

// called is what a contact is called in a notice.
func (v *visit) called(ctx context.Context, contactID string) string {
	n, err := v.names(ctx, []string{contactID}, nil)
	if err != nil {
		return contactID // the notice says the same without it
	}
	return n.Contact(contactID)
}

func resolveConflict(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	done, err := operations.OpResolveConflict.Ask(ctx, v.API, operations.ResolveRequest{ID: form.Get("id"), Take: mapping.Side(form.Get("take"))})
	if err != nil {
		return b, err
	}
	b = about("console.done.conflict", done.Entry.ContactID)
	b.Field = done.Entry.Field
	b.Holder = done.Entry.ContactID
	b.said = map[string]string{"value": done.Entry.CRMValue}
	if done.Entry.Winner == mapping.SideMetaKocka {
		b.said["value"] = done.Entry.MetaKockaValue
	}
	b.Undo = &button{Do: "conflict-undo", Label: "console.do.undo", Fields: map[string]string{"id": done.Entry.ID}}
	return b, nil
}

func undoConflict(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	ids := severalIDs(form)
	var refused []remark
	for _, id := range ids {
		done, err := operations.OpUndoConflict.Ask(ctx, v.API, operations.EntryRequest{ID: id})
		switch {
		case err == nil:
			b = about("console.done.conflict_undone", done.Entry.ContactID)
			b.Field = done.Entry.Field
		case len(ids) == 1:
			return b, err
		default:
			refused = append(refused, refusedAs(err))
		}
	}
	if len(ids) > 1 {
		b = became{ID: "console.done.conflicts_undone", N: len(ids) - len(refused), Counts: true, Lines: refused, Failed: len(refused) > 0}
	}
	return b, nil
}

func approveDeletion(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	done, err := operations.OpApproveDeletion.Ask(ctx, v.API, operations.EntryRequest{ID: form.Get("id")})
	if err != nil {
		return b, err
	}
	return about("console.done.deletion."+string(done.Entry.Status), done.Entry.ContactID), nil
}

func rejectDeletion(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	done, err := operations.OpRejectDeletion.Ask(ctx, v.API, operations.EntryRequest{ID: form.Get("id")})
	if err != nil {
		return b, err
	}
	return about("console.done.deletion.rejected", done.Entry.ContactID), nil
}

func retryDeadLetter(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	dead, err := operations.OpRetryDeadLetter.Ask(ctx, v.API, operations.EntryRequest{ID: form.Get("id")})
	if err != nil {
		return b, err
	}
	return aboutLetter("console.done.dead_letter", dead), nil
}

// aboutLetter is what became of a dead letter of a contact or a partner.
func aboutLetter(id string, dead operations.DeadLetter) became {
	if dead.ContactID != "" {
		return about(id, dead.ContactID)
	}
	return became{ID: id, Params: map[string]string{"name": dead.MetaKockaID}}
}

func discardDeadLetter(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	dead, err := operations.OpDiscardDeadLetter.Ask(ctx, v.API, operations.DiscardRequest{ID: form.Get("id"), Reason: form.Get("reason")})
	if err != nil {
		return b, err
	}
	return aboutLetter("console.done.discarded", dead), nil
}

func syncContact(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	done, err := operations.OpSync.Ask(ctx, v.API, operations.SyncRequest{ContactID: form.Get("id")})
	if err != nil {
		return b, err
	}
	b = about("console.done.sync", done.ContactID)
	if done.LastError != "" {
		b.ID = "console.done.sync_not"
		b.Failed = true
		b.Lines = []remark{{Stands: done.ContactID, said: coded.Told(done.LastError, done.Said)}}
	}
	return b, nil
}

func makeNew(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	done, err := operations.OpSync.Ask(ctx, v.API, operations.SyncRequest{ContactID: form.Get("id"), New: true})
	if err != nil {
		return b, err
	}
	b = about("console.done.new", done.ContactID)
	b.Params = map[string]string{"partner": done.MetaKockaID}
	return b, nil
}

func unlinkContact(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	done, err := operations.OpUnlink.Ask(ctx, v.API, operations.UnlinkRequest{ContactID: form.Get("id")})
	if err != nil {
		return b, err
	}
	return about("console.done.unlink", done.ContactID), nil
}
