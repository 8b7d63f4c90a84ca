package syncer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
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
	OpMapping  = Operation[MappingRequest, Mapping]{"contacts.mappings", quick, (*Desk).Mapping}
	OpMappings = Operation[MappingsRequest, List[Mapping]]{"mappings.list", quick, (*Desk).Mappings}
	OpOrphans  = Operation[OrphansRequest, List[Orphan]]{"mappings.orphans", quick, (*Desk).Orphans}
	OpPrune    = Operation[Nothing, Pruned]{"mappings.prune", slow, (*Desk).Prune}
	OpPartners = Operation[PartnersRequest, List[Partner]]{"partners.list", quick, (*Desk).Partners}

	// These tell a Watch how far they are.
	OpBulkSync   = Operation[BulkSyncRequest, BulkSyncResult]{"contacts.bulk-sync", everything, (*Desk).BulkSync}
	OpBulkImport = Operation[BulkImportRequest, BulkImportResult]{"contacts.bulk-import", everything, (*Desk).BulkImport}

	OpCheck = Operation[CheckRequest, CheckReport]{"check", everything, (*Desk).Check}

	OpConflicts       = Operation[JournalRequest, List[Conflict]]{"conflicts.list", quick, (*Desk).Conflicts}
	OpConflict        = Operation[EntryRequest, Conflict]{"conflicts.show", quick, (*Desk).Conflict}
	OpResolveConflict = Operation[ResolveRequest, Decided[Conflict]]{"conflicts.resolve", slow, (*Desk).ResolveConflict}
	OpUndoConflict    = Operation[EntryRequest, Decided[Conflict]]{"conflicts.undo", slow, (*Desk).UndoConflict}

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
	serve(ctx context.Context, d *Desk, request []byte) ([]byte, error)
}

// Endpoints are all operations, for who serves them.
func Endpoints() []Endpoint {
	return []Endpoint{
		OpStatus, OpSync, OpImport, OpMapping, OpMappings, OpOrphans, OpPrune, OpPartners, OpCheck, OpBulkSync, OpBulkImport,
		OpConflicts, OpConflict, OpResolveConflict, OpUndoConflict,
		OpDeletions, OpApproveDeletion, OpRejectDeletion, OpDeadLetters, OpRetryDeadLetter,
	}
}

// Subject implements Endpoint.
func (o Operation[Req, Res]) Subject() string { return o.Name }

// Timeout implements Endpoint.
func (o Operation[Req, Res]) Timeout() time.Duration { return o.Within }

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

// decode reads a request: one JSON object without unknown fields, or nothing.
func decode(request []byte, into any) error {
	if len(bytes.TrimSpace(request)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(request))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more than one value")
		}
	}
	if err == nil {
		return nil
	}
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		return fault(CodeMalformed, "%s: a %s is not what belongs there", orWords(mistyped.Field, "the request"), mistyped.Value)
	}
	return fault(CodeMalformed, "the request cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
}
