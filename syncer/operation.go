package syncer

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
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
	do     func(d *Desk, ctx context.Context, req Req) (Res, error)
}

// Times that operations may take: reading, or calling MetaKocka several times.
const (
	quick = 10 * time.Second
	slow  = 5 * time.Minute
	// everything: a sweep over all partners, and calls for all that differs.
	everything = 24 * time.Hour
)

// The operations. A name is a noun and a verb.
var (
	OpStatus = Operation[Nothing, Status]{"status", quick, (*Desk).Status}

	OpSync     = Operation[SyncRequest, Outcome]{"contacts.sync", slow, (*Desk).Sync}
	OpImport   = Operation[ImportRequest, Outcome]{"contacts.import", slow, (*Desk).Import}
	OpLink     = Operation[LinkRequest, Linked]{"contacts.link", slow, (*Desk).Link}
	OpUnlink   = Operation[UnlinkRequest, Outcome]{"contacts.unlink", slow, (*Desk).Unlink}
	OpMapping  = Operation[MappingRequest, Mapping]{"contacts.mappings", quick, (*Desk).Mapping}
	OpMappings = Operation[MappingsRequest, List[Mapping]]{"mappings.list", quick, (*Desk).Mappings}
	OpOrphans  = Operation[OrphansRequest, List[Orphan]]{"mappings.orphans", quick, (*Desk).Orphans}
	OpPrune    = Operation[Nothing, Pruned]{"mappings.prune", slow, (*Desk).Prune}
	OpPartners = Operation[PartnersRequest, List[Partner]]{"partners.list", quick, (*Desk).Partners}

	// These tell a Watch how far they are.
	OpBulkSync   = Operation[BulkSyncRequest, BulkSyncResult]{"contacts.bulk-sync", everything, (*Desk).BulkSync}
	OpBulkImport = Operation[BulkImportRequest, BulkImportResult]{"contacts.bulk-import", everything, (*Desk).BulkImport}

	OpStartBulkSync   = Operation[BulkSyncRequest, Job]{"jobs.bulk-sync", quick, (*Desk).StartBulkSync}
	OpStartBulkImport = Operation[BulkImportRequest, Job]{"jobs.bulk-import", quick, (*Desk).StartBulkImport}
	OpJob             = Operation[JobRequest, Job]{"jobs.show", quick, (*Desk).Job}
	OpJobs            = Operation[Page, List[Job]]{"jobs.list", quick, (*Desk).Jobs}
	OpCancelJob       = Operation[EntryRequest, Job]{"jobs.cancel", quick, (*Desk).CancelJob}

	OpCheck = Operation[CheckRequest, CheckReport]{"check", everything, (*Desk).Check}

	OpConflicts       = Operation[JournalRequest, List[Conflict]]{"conflicts.list", quick, (*Desk).Conflicts}
	OpConflict        = Operation[EntryRequest, Conflict]{"conflicts.show", quick, (*Desk).Conflict}
	OpResolveConflict = Operation[ResolveRequest, Decided[Conflict]]{"conflicts.resolve", slow, (*Desk).ResolveConflict}
	OpUndoConflict    = Operation[EntryRequest, Decided[Conflict]]{"conflicts.undo", slow, (*Desk).UndoConflict}

	OpMerge     = Operation[MergeRequest, Merge]{"contacts.merge", slow, (*Desk).Merge}
	OpMerges    = Operation[MergesRequest, List[Merge]]{"merges.list", quick, (*Desk).Merges}
	OpUndoMerge = Operation[EntryRequest, Merge]{"merges.undo", slow, (*Desk).UndoMerge}

	OpDuplicates = Operation[DuplicatesRequest, Duplicates]{"contacts.duplicates", slow, (*Desk).Duplicates}

	OpDeletions       = Operation[JournalRequest, List[Deletion]]{"deletions.list", quick, (*Desk).Deletions}
	OpApproveDeletion = Operation[EntryRequest, Decided[Deletion]]{"deletions.approve", slow, (*Desk).ApproveDeletion}
	OpRejectDeletion  = Operation[EntryRequest, Decided[Deletion]]{"deletions.reject", slow, (*Desk).RejectDeletion}

	// Not "deadletters": what is sent to mksync.deadletters.> is stored in the
	// stream of dead letters.
	OpDeadLetters     = Operation[Page, List[DeadLetter]]{"dead-letters.list", quick, (*Desk).DeadLetters}
	OpRetryDeadLetter = Operation[EntryRequest, DeadLetter]{"dead-letters.retry", quick, (*Desk).RetryDeadLetter}
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
	Success bool            `json:"success"`
	Data    json.RawMessage `json:"data,omitempty"`
	Error   *RequestError   `json:"error,omitempty"`
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
	if o.Within == slow {
		if err := d.live.enter(ctx); err != nil {
			return nil, AsRequestError(err)
		}
		defer d.live.leave()
	}
	res, err := o.do(d, ctx, req)
	if err != nil {
		return nil, AsRequestError(err)
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
			return nil, AsRequestError(err)
		}
		return answer, nil
	}
	return nil, fault(CodeNotFound, "there is no operation %s", name)
}
