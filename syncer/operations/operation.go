package operations

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/status"
)

// Answerer answers operations by name, in JSON: an API in this process, or a
// client of the one in the running service. Its errors are *RequestError, but
// for those of the way there.
type Answerer interface {
	Answer(ctx context.Context, name string, request []byte) (answer []byte, err error)
}

// Operation is one thing that can be asked for. Its name over NATS is
// "mksync." and Name.
type Operation[Req, Res any] struct {
	Name string
	// Within bounds how long the answer may take.
	Within time.Duration
	// Live: it takes one of the API's live slots, for it calls MetaKocka while somebody
	// waits, or reads as much.
	Live bool
	do   func(a *API, ctx context.Context, req Req) (Res, error)
}

// Times that operations may take: reading, or calling MetaKocka several times.
const (
	quick = 10 * time.Second
	slow  = 5 * time.Minute
	// everything: a sweep over all partners, and calls for all that differs.
	everything = 24 * time.Hour
)

// Whether an operation waits for a live slot.
const (
	live   = true
	atOnce = false
)

// The operations. A name is a noun and a verb.
var (
	OpStatus = Operation[Nothing, status.Status]{"status", quick, atOnce, (*API).Status}

	OpLog = Operation[LogRequest, List[LogLine]]{"log.tail", quick, atOnce, (*API).Log}

	OpWaiting = Operation[Nothing, List[status.Waiting]]{"waiting", quick, atOnce, (*API).Waiting}

	OpSync     = Operation[SyncRequest, Outcome]{"contacts.sync", slow, live, (*API).Sync}
	OpPreview  = Operation[PreviewRequest, syncer.Preview]{"contacts.preview", slow, live, (*API).Preview}
	OpImport   = Operation[ImportRequest, Outcome]{"contacts.import", slow, live, (*API).Import}
	OpLink     = Operation[LinkRequest, Linked]{"contacts.link", slow, live, (*API).Link}
	OpUnlink   = Operation[UnlinkRequest, Outcome]{"contacts.unlink", slow, live, (*API).Unlink}
	OpLeaveOut = Operation[LeaveOutRequest, LeftOut]{"contacts.leave-out", slow, live, (*API).LeaveOut}
	OpTakeIn   = Operation[TakeInRequest, Outcome]{"contacts.take-in", slow, live, (*API).TakeIn}
	OpLeftOut  = Operation[Page, List[LeftOut]]{"contacts.left-out", quick, atOnce, (*API).LeftOut}
	OpContacts = Operation[ContactsRequest, List[ListedContact]]{"contacts.list", quick, atOnce, (*API).Contacts}
	OpContact  = Operation[ContactRequest, ContactPage]{"contacts.show", quick, atOnce, (*API).Contact}
	OpMapping  = Operation[MappingRequest, Mapping]{"contacts.mappings", quick, atOnce, (*API).Mapping}
	OpMappings = Operation[MappingsRequest, List[Mapping]]{"mappings.list", quick, atOnce, (*API).Mappings}
	OpOrphans  = Operation[OrphansRequest, List[Orphan]]{"mappings.orphans", quick, atOnce, (*API).Orphans}
	OpPrune    = Operation[Nothing, Pruned]{"mappings.prune", slow, live, (*API).Prune}
	OpPartners = Operation[PartnersRequest, List[Partner]]{"partners.list", quick, atOnce, (*API).Partners}

	OpContactStatus = Operation[ContactRequest, ContactStatus]{"contacts.status", quick, atOnce, (*API).ContactStatus}

	// These tell a Watch how far they are.
	OpBulkSync   = Operation[BulkSyncRequest, BulkSyncResult]{"contacts.bulk-sync", everything, atOnce, (*API).BulkSync}
	OpBulkImport = Operation[BulkImportRequest, BulkImportResult]{"contacts.bulk-import", everything, atOnce, (*API).BulkImport}

	OpImportPairs = Operation[ImportPairsRequest, ImportPairsResult]{"mappings.import", everything, atOnce, (*API).ImportPairs}

	OpStartBulkSync   = Operation[BulkSyncRequest, Job]{"jobs.bulk-sync", quick, atOnce, (*API).StartBulkSync}
	OpStartBulkImport = Operation[BulkImportRequest, Job]{"jobs.bulk-import", quick, atOnce, (*API).StartBulkImport}
	OpJob             = Operation[JobRequest, Job]{"jobs.show", quick, atOnce, (*API).Job}
	OpJobs            = Operation[Page, List[Job]]{"jobs.list", quick, atOnce, (*API).Jobs}
	OpRetryJob        = Operation[EntryRequest, Job]{"jobs.retry", quick, atOnce, (*API).RetryJob}
	OpCancelJob       = Operation[EntryRequest, Job]{"jobs.cancel", quick, atOnce, (*API).CancelJob}

	OpCheck = Operation[check.CheckRequest, check.CheckReport]{"check", everything, atOnce, (*API).Check}

	OpConflicts       = Operation[JournalRequest, List[Conflict]]{"conflicts.list", quick, atOnce, (*API).Conflicts}
	OpConflict        = Operation[EntryRequest, Conflict]{"conflicts.show", quick, atOnce, (*API).Conflict}
	OpResolveConflict = Operation[ResolveRequest, Decided[Conflict]]{"conflicts.resolve", slow, live, (*API).ResolveConflict}
	OpUndoConflict    = Operation[EntryRequest, Decided[Conflict]]{"conflicts.undo", slow, live, (*API).UndoConflict}

	OpUnclear = Operation[Page, List[UnclearMatch]]{"contacts.unclear", quick, atOnce, (*API).Unclear}

	OpReview          = Operation[ReviewRequest, FirstMatches]{"review.list", quick, atOnce, (*API).Review}
	OpApprove         = Operation[ApproveRequest, Outcome]{"review.approve", slow, live, (*API).Approve}
	OpApproveAll      = Operation[ApproveAllRequest, ApproveAllResult]{"review.approve-all", everything, atOnce, (*API).ApproveAll}
	OpStartApproveAll = Operation[ApproveAllRequest, Job]{"jobs.approve-all", quick, atOnce, (*API).StartApproveAll}

	OpMerge     = Operation[MergeRequest, Merge]{"contacts.merge", slow, live, (*API).Merge}
	OpMerges    = Operation[MergesRequest, List[Merge]]{"merges.list", quick, atOnce, (*API).Merges}
	OpUndoMerge = Operation[EntryRequest, Merge]{"merges.undo", slow, live, (*API).UndoMerge}

	OpHistory = Operation[HistoryRequest, List[HistoryEntry]]{"history.list", quick, atOnce, (*API).History}
	OpUndo    = Operation[UndoRequest, UndoResult]{undoName, everything, atOnce, (*API).Undo}
	OpWhy     = Operation[WhyRequest, Why]{"contacts.why", quick, atOnce, (*API).Why}
	OpNames   = Operation[NamesRequest, Names]{"contacts.names", quick, atOnce, (*API).Names}

	OpDismiss    = Operation[DismissRequest, Dismissed]{"contacts.dismiss-duplicate", quick, atOnce, (*API).Dismiss}
	OpDuplicates = Operation[DuplicatesRequest, Duplicates]{"contacts.duplicates", slow, live, (*API).Duplicates}

	OpDeletions       = Operation[JournalRequest, List[Deletion]]{"deletions.list", quick, atOnce, (*API).Deletions}
	OpApproveDeletion = Operation[EntryRequest, Decided[Deletion]]{"deletions.approve", slow, live, (*API).ApproveDeletion}
	OpRejectDeletion  = Operation[EntryRequest, Decided[Deletion]]{"deletions.reject", slow, live, (*API).RejectDeletion}

	OpPause  = Operation[SendingRequest, Sending]{"sending.pause", quick, atOnce, (*API).Pause}
	OpResume = Operation[SendingRequest, Sending]{"sending.resume", quick, atOnce, (*API).Resume}

	// Not "deadletters": what is sent to mksync.deadletters.> is stored in the
	// stream of dead letters.
	OpDeadLetters       = Operation[Page, List[DeadLetter]]{"dead-letters.list", quick, atOnce, (*API).DeadLetters}
	OpRetryDeadLetter   = Operation[EntryRequest, DeadLetter]{"dead-letters.retry", quick, atOnce, (*API).RetryDeadLetter}
	OpRetryDeadLetters  = Operation[DeadLetterGroupRequest, DeadLetterGroup]{"dead-letters.retry-group", slow, atOnce, (*API).RetryDeadLetters}
	OpDiscardDeadLetter = Operation[DiscardRequest, DeadLetter]{"dead-letters.discard", quick, atOnce, (*API).DiscardDeadLetter}
)

// Endpoint is an Operation without its types.
type Endpoint interface {
	// Subject is the operation's name.
	Subject() string
	// Timeout bounds how long an answer may take.
	Timeout() time.Duration
	// Types are the request's and the answer's: whoever describes the operation needs them.
	Types() (request, answer reflect.Type)
	serve(ctx context.Context, a *API, request []byte) ([]byte, error)
}

// Endpoints are all operations, to be served one by one.
func Endpoints() []Endpoint {
	return []Endpoint{
		OpStatus, OpWaiting, OpLog, OpContacts, OpContact, OpContactStatus, OpSync, OpImport, OpLink, OpUnlink, OpLeaveOut, OpTakeIn, OpLeftOut, OpMapping, OpMappings, OpOrphans, OpPrune, OpPartners, OpCheck,
		OpBulkSync, OpBulkImport, OpImportPairs,
		OpConflicts, OpConflict, OpResolveConflict, OpUndoConflict,
		OpStartBulkSync, OpStartBulkImport, OpJob, OpJobs, OpRetryJob, OpCancelJob,
		OpUnclear, OpMerge, OpMerges, OpUndoMerge, OpDuplicates, OpHistory, OpUndo, OpWhy, OpNames,
		OpDeletions, OpApproveDeletion, OpRejectDeletion, OpDeadLetters, OpRetryDeadLetter, OpRetryDeadLetters, OpDiscardDeadLetter,
		OpPreview, OpDismiss, OpPause, OpResume, OpReview, OpApprove, OpApproveAll, OpStartApproveAll,
	}
}

// Subject implements Endpoint.
func (o Operation[Req, Res]) Subject() string { return o.Name }

// Timeout implements Endpoint.
func (o Operation[Req, Res]) Timeout() time.Duration { return o.Within }

// Types implements Endpoint.
func (o Operation[Req, Res]) Types() (request, answer reflect.Type) {
	return reflect.TypeFor[Req](), reflect.TypeFor[Res]()
}

// Reply is the body of every answer, over NATS and HTTP.
type Reply struct {
	Success bool                 `json:"success"`
	Data    json.RawMessage      `json:"data,omitempty"`
	Error   *syncer.RequestError `json:"error,omitempty"`
}

// Ask asks a for the operation.
func (o Operation[Req, Res]) Ask(ctx context.Context, a Answerer, req Req) (res Res, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.Within)
	defer cancel()
	request, err := json.Marshal(req)
	if err != nil {
		return res, fmt.Errorf("write request %s: %w", o.Name, err)
	}
	answer, err := a.Answer(ctx, o.Name, request)
	if err != nil {
		return res, err
	}
	if err := json.Unmarshal(answer, &res); err != nil {
		return res, fmt.Errorf("read answer to %s: %w", o.Name, err)
	}
	return res, nil
}

func (o Operation[Req, Res]) serve(ctx context.Context, a *API, request []byte) ([]byte, error) {
	var req Req
	if err := decode(request, &req); err != nil {
		return nil, err
	}
	if err := allow(ctx, o, &req); err != nil {
		return nil, err
	}
	if err := sign(ctx, &req); err != nil {
		return nil, err
	}

	// Each that reconciles holds connections to the database.
	if o.Live {
		if err := a.live.Acquire(ctx, 1); err != nil {
			return nil, syncer.AsRequestError(err)
		}
		defer a.live.Release(1)
	}

	res, err := o.do(a, ctx, req)
	if err != nil {
		return nil, syncer.AsRequestError(err)
	}
	return json.Marshal(res)
}

// notKept says of what was done that the error stands behind it.
func notKept(err error) error {
	if err == nil {
		return nil
	}
	return syncer.Refuse(syncer.CodeTimeout, "not_kept", "it is done, but a failover of the database may still undo it: {cause}", coded.Of(err))
}

// Answer implements Answerer. Every error is a *RequestError.
func (a *API) Answer(ctx context.Context, name string, request []byte) ([]byte, error) {
	for _, e := range Endpoints() {
		if e.Subject() != name {
			continue
		}
		answer, err := e.serve(ctx, a, request)
		if err == nil && a.kept != nil && rights[name] != Viewer {
			err = notKept(a.kept(ctx))
		}
		if err != nil {
			return nil, syncer.AsRequestError(err)
		}
		return answer, nil
	}
	return nil, syncer.Refuse(syncer.CodeNotFound, "operation", "there is no operation {operation}", name)
}
