package operations

import (
	"context"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/crmmind/mksync/syncer"
)

// callerName is what who asks may be called: it goes into created_by.
var callerName = regexp.MustCompile(`^[A-Za-z0-9_.@-]{1,64}$`)

// IsCaller reports whether somebody who asks from outside may be called so.
func IsCaller(name string) bool { return callerName.MatchString(name) }

// Caller is who asks, and what they may.
type Caller struct {
	Name string
	Role Role
}

type callerKey struct{}

// AskedBy says who asks, whatever the request says: who asks over HTTP is known by the
// token, and cannot choose.
func AskedBy(ctx context.Context, who Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, who)
}

// CallerOf is who asks, by AskedBy; false: nobody knows.
func CallerOf(ctx context.Context) (Caller, bool) {
	who, known := ctx.Value(callerKey{}).(Caller)
	return who, known
}

// signed are the requests that say who asks.
type signed interface{ Signature() *string }

// Signature implements signed.
func (r *SyncRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *ImportRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *LinkRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *ApproveRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *ApproveAllRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *UnlinkRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *LeaveOutRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *TakeInRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *DeadLetterGroupRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *DiscardRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *SendingRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *DismissRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *BulkSyncRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *BulkImportRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *EntryRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *ResolveRequest) Signature() *string { return &r.By }

// Signature implements signed.
func (r *MergeRequest) Signature() *string { return &r.By }

// sign puts the name of who asks into a request. One that names somebody else is refused.
func sign(ctx context.Context, request any) error {
	who, known := CallerOf(ctx)
	r, can := request.(signed)
	if !can {
		return nil
	}
	by := r.Signature()
	field := "by"
	if slices.Contains(fieldNames(reflect.TypeOf(request).Elem()), "askedBy") {
		field = "askedBy"
	}
	switch {
	case len(*by) > maxID || strings.ContainsFunc(*by, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }):
		return syncer.Refuse(syncer.CodeMalformed, "request.name", "{which}: is not a name", field)
	case !known:
		return nil
	case *by != "" && *by != who.Name:
		return syncer.Refuse(syncer.CodeMalformed, "request.name_known", "{which}: is known by the token or the header, and cannot be given", field)
	}
	*by = who.Name
	return nil
}
