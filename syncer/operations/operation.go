package operations

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/status"
)

// Answerer answers operations by name, in JSON: a Desk in this process, or a
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
	// Live: it takes one of the desk's live slots, for it calls MetaKocka while somebody
	// waits, or reads as much.
	Live bool
	do   func(d *Desk, ctx context.Context, req Req) (Res, error)
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
	OpStatus = Operation[Nothing, status.Status]{"status", quick, atOnce, (*Desk).Status}

	OpSync     = Operation[SyncRequest, Outcome]{"contacts.sync", slow, live, (*Desk).Sync}
	OpImport   = Operation[ImportRequest, Outcome]{"contacts.import", slow, live, (*Desk).Import}
	OpLink     = Operation[LinkRequest, Linked]{"contacts.link", slow, live, (*Desk).Link}
	OpUnlink   = Operation[UnlinkRequest, Outcome]{"contacts.unlink", slow, live, (*Desk).Unlink}
	OpMapping  = Operation[MappingRequest, Mapping]{"contacts.mappings", quick, atOnce, (*Desk).Mapping}
	OpMappings = Operation[MappingsRequest, List[Mapping]]{"mappings.list", quick, atOnce, (*Desk).Mappings}
	OpOrphans  = Operation[OrphansRequest, List[Orphan]]{"mappings.orphans", quick, atOnce, (*Desk).Orphans}
	OpPrune    = Operation[Nothing, Pruned]{"mappings.prune", slow, live, (*Desk).Prune}
	OpPartners = Operation[PartnersRequest, List[Partner]]{"partners.list", quick, atOnce, (*Desk).Partners}

	// These tell a Watch how far they are.
	OpBulkSync   = Operation[BulkSyncRequest, BulkSyncResult]{"contacts.bulk-sync", everything, atOnce, (*Desk).BulkSync}
	OpBulkImport = Operation[BulkImportRequest, BulkImportResult]{"contacts.bulk-import", everything, atOnce, (*Desk).BulkImport}

	OpStartBulkSync   = Operation[BulkSyncRequest, Job]{"jobs.bulk-sync", quick, atOnce, (*Desk).StartBulkSync}
	OpStartBulkImport = Operation[BulkImportRequest, Job]{"jobs.bulk-import", quick, atOnce, (*Desk).StartBulkImport}
	OpJob             = Operation[JobRequest, Job]{"jobs.show", quick, atOnce, (*Desk).Job}
	OpJobs            = Operation[Page, List[Job]]{"jobs.list", quick, atOnce, (*Desk).Jobs}
	OpCancelJob       = Operation[EntryRequest, Job]{"jobs.cancel", quick, atOnce, (*Desk).CancelJob}

	OpCheck = Operation[check.CheckRequest, check.CheckReport]{"check", everything, atOnce, (*Desk).Check}

	OpConflicts       = Operation[JournalRequest, List[Conflict]]{"conflicts.list", quick, atOnce, (*Desk).Conflicts}
	OpConflict        = Operation[EntryRequest, Conflict]{"conflicts.show", quick, atOnce, (*Desk).Conflict}
	OpResolveConflict = Operation[ResolveRequest, Decided[Conflict]]{"conflicts.resolve", slow, live, (*Desk).ResolveConflict}
	OpUndoConflict    = Operation[EntryRequest, Decided[Conflict]]{"conflicts.undo", slow, live, (*Desk).UndoConflict}

	OpMerge     = Operation[MergeRequest, Merge]{"contacts.merge", slow, live, (*Desk).Merge}
	OpMerges    = Operation[MergesRequest, List[Merge]]{"merges.list", quick, atOnce, (*Desk).Merges}
	OpUndoMerge = Operation[EntryRequest, Merge]{"merges.undo", slow, live, (*Desk).UndoMerge}

	OpDuplicates = Operation[DuplicatesRequest, Duplicates]{"contacts.duplicates", slow, live, (*Desk).Duplicates}

	OpDeletions       = Operation[JournalRequest, List[Deletion]]{"deletions.list", quick, atOnce, (*Desk).Deletions}
	OpApproveDeletion = Operation[EntryRequest, Decided[Deletion]]{"deletions.approve", slow, live, (*Desk).ApproveDeletion}
	OpRejectDeletion  = Operation[EntryRequest, Decided[Deletion]]{"deletions.reject", slow, live, (*Desk).RejectDeletion}

	// Not "deadletters": what is sent to mksync.deadletters.> is stored in the
	// stream of dead letters.
	OpDeadLetters     = Operation[Page, List[DeadLetter]]{"dead-letters.list", quick, atOnce, (*Desk).DeadLetters}
	OpRetryDeadLetter = Operation[EntryRequest, DeadLetter]{"dead-letters.retry", quick, atOnce, (*Desk).RetryDeadLetter}
)

// Endpoint is an Operation without its types.
type Endpoint interface {
	// Subject is the operation's name.
	Subject() string
	// Timeout bounds how long an answer may take.
	Timeout() time.Duration
	// Types are the request's and the answer's, for who describes them.
	Types() (request, answer reflect.Type)
	serve(ctx context.Context, d *Desk, request []byte) ([]byte, error)
}

// Endpoints are all operations, for who serves them.
func Endpoints() []Endpoint {
	return []Endpoint{
		OpStatus, OpSync, OpImport, OpLink, OpUnlink, OpMapping, OpMappings, OpOrphans, OpPrune, OpPartners, OpCheck, OpBulkSync, OpBulkImport,
		OpConflicts, OpConflict, OpResolveConflict, OpUndoConflict,
		OpStartBulkSync, OpStartBulkImport, OpJob, OpJobs, OpCancelJob,
		OpMerge, OpMerges, OpUndoMerge, OpDuplicates,
		OpDeletions, OpApproveDeletion, OpRejectDeletion, OpDeadLetters, OpRetryDeadLetter,
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

func (o Operation[Req, Res]) serve(ctx context.Context, d *Desk, request []byte) ([]byte, error) {
	var req Req
	if err := decode(request, &req); err != nil {
		return nil, err
	}
	if err := sign(ctx, &req); err != nil {
		return nil, err
	}
	if o.Live {
		if err := d.live.Acquire(ctx, 1); err != nil {
			return nil, syncer.AsRequestError(err)
		}
		defer d.live.Release(1)
	}
	res, err := o.do(d, ctx, req)
	if err != nil {
		return nil, syncer.AsRequestError(err)
	}
	return json.Marshal(res)
}

// Answer implements Answerer. Every error is a *RequestError.
func (d *Desk) Answer(ctx context.Context, name string, request []byte) ([]byte, error) {
	for _, e := range Endpoints() {
		if e.Subject() != name {
			continue
		}
		answer, err := e.serve(ctx, d, request)
		if err != nil {
			return nil, syncer.AsRequestError(err)
		}
		return answer, nil
	}
	return nil, syncer.Errorf(syncer.CodeNotFound, "there is no operation %s", name)
}
