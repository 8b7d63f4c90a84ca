package httpapi

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/operations"
	"github.com/crmmind/mksync/syncer/status"
)

// document is the part of openapi.yaml that is compared with the code.
type document struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct {
		Schemas   map[string]schema
		Responses map[string]any
	}
}

type operation struct {
	OperationID string `yaml:"operationId"`
	Parameters  []struct {
		Name, In string
		Schema   schema
	}
	RequestBody *struct {
		Content map[string]struct{ Schema schema }
	} `yaml:"requestBody"`
	Responses map[string]struct {
		Ref     string `yaml:"$ref"`
		Content map[string]struct{ Schema schema }
	}
}

type schema struct {
	Ref        string            `yaml:"$ref"`
	Type       any               `yaml:"type"`
	Properties map[string]schema `yaml:"properties"`
	Required   []string          `yaml:"required"`
	Items      *schema           `yaml:"items"`
	Additional any               `yaml:"additionalProperties"`
}

func read(t *testing.T) document {
	t.Helper()
	var d document
	require.NoError(t, yaml.Unmarshal(openAPI, &d))
	return d
}

// named follows a reference.
func (d document) named(t *testing.T, s schema) schema {
	t.Helper()
	if s.Ref == "" {
		return s
	}
	found, ok := d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	require.True(t, ok, s.Ref)
	return found
}

// types are the Go types of what each operation takes and gives.
var types = map[string]struct{ request, answer any }{
	"status":                     {operations.Nothing{}, status.Status{}},
	"log.tail":                   {operations.LogRequest{}, operations.List[operations.LogLine]{}},
	"waiting":                    {operations.Nothing{}, operations.List[status.Waiting]{}},
	"contacts.sync":              {operations.SyncRequest{}, operations.Outcome{}},
	"contacts.import":            {operations.ImportRequest{}, operations.Outcome{}},
	"contacts.link":              {operations.LinkRequest{}, operations.Linked{}},
	"contacts.unlink":            {operations.UnlinkRequest{}, operations.Outcome{}},
	"contacts.leave-out":         {operations.LeaveOutRequest{}, operations.LeftOut{}},
	"contacts.take-in":           {operations.TakeInRequest{}, operations.Outcome{}},
	"contacts.left-out":          {operations.Page{}, operations.List[operations.LeftOut]{}},
	"contacts.bulk-sync":         {operations.BulkSyncRequest{}, operations.BulkSyncResult{}},
	"contacts.bulk-import":       {operations.BulkImportRequest{}, operations.BulkImportResult{}},
	"mappings.import":            {operations.ImportPairsRequest{}, operations.ImportPairsResult{}},
	"contacts.merge":             {operations.MergeRequest{}, operations.Merge{}},
	"contacts.duplicates":        {operations.DuplicatesRequest{}, operations.Duplicates{}},
	"merges.list":                {operations.MergesRequest{}, operations.List[operations.Merge]{}},
	"merges.undo":                {operations.EntryRequest{}, operations.Merge{}},
	"history.list":               {operations.HistoryRequest{}, operations.List[operations.HistoryEntry]{}},
	"history.undo":               {operations.UndoRequest{}, operations.UndoResult{}},
	"contacts.why":               {operations.WhyRequest{}, operations.Why{}},
	"contacts.list":              {operations.ContactsRequest{}, operations.List[operations.ListedContact]{}},
	"contacts.show":              {operations.ContactRequest{}, operations.ContactPage{}},
	"contacts.status":            {operations.ContactRequest{}, operations.ContactStatus{}},
	"contacts.mappings":          {operations.MappingRequest{}, operations.Mapping{}},
	"jobs.list":                  {operations.Page{}, operations.List[operations.Job]{}},
	"jobs.show":                  {operations.JobRequest{}, operations.Job{}},
	"jobs.retry":                 {operations.EntryRequest{}, operations.Job{}},
	"jobs.cancel":                {operations.EntryRequest{}, operations.Job{}},
	"review.list":                {operations.ReviewRequest{}, operations.FirstMatches{}},
	"review.approve":             {operations.ApproveRequest{}, operations.Outcome{}},
	"review.approve-all":         {operations.ApproveAllRequest{}, operations.ApproveAllResult{}},
	"contacts.unclear":           {operations.Page{}, operations.List[operations.UnclearMatch]{}},
	"conflicts.list":             {operations.JournalRequest{}, operations.List[operations.Conflict]{}},
	"conflicts.resolve":          {operations.ResolveRequest{}, operations.Decided[operations.Conflict]{}},
	"conflicts.undo":             {operations.EntryRequest{}, operations.Decided[operations.Conflict]{}},
	"deletions.list":             {operations.JournalRequest{}, operations.List[operations.Deletion]{}},
	"deletions.approve":          {operations.EntryRequest{}, operations.Decided[operations.Deletion]{}},
	"deletions.reject":           {operations.EntryRequest{}, operations.Decided[operations.Deletion]{}},
	"dead-letters.list":          {operations.Page{}, operations.List[operations.DeadLetter]{}},
	"dead-letters.retry":         {operations.EntryRequest{}, operations.DeadLetter{}},
	"mappings.orphans":           {operations.OrphansRequest{}, operations.List[operations.Orphan]{}},
	"mappings.prune":             {operations.Nothing{}, operations.Pruned{}},
	"check":                      {check.CheckRequest{}, check.CheckReport{}},
	"partners.list":              {operations.PartnersRequest{}, operations.List[operations.Partner]{}},
	"contacts.preview":           {operations.PreviewRequest{}, syncer.Preview{}},
	"contacts.dismiss-duplicate": {operations.DismissRequest{}, operations.Dismissed{}},
	"dead-letters.retry-group":   {operations.DeadLetterGroupRequest{}, operations.DeadLetterGroup{}},
	"dead-letters.discard":       {operations.DiscardRequest{}, operations.DeadLetter{}},
	"sending.pause":              {operations.SendingRequest{}, operations.Sending{}},
	"sending.resume":             {operations.SendingRequest{}, operations.Sending{}},
}

func TestDescriptionNamesEveryRouteAndNoOther(t *testing.T) {
	t.Parallel()
	d := read(t)
	require.Equal(t, "3.1.0", d.OpenAPI)
	described, served := map[string]bool{}, map[string]bool{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			described[strings.ToUpper(method)+" "+path] = true
			require.NotEmpty(t, op.OperationID)
			require.Equal(t, "#/components/responses/Error", op.Responses["default"].Ref)
		}
	}
	for _, rt := range routes() {
		served[rt.method+" "+prefix+rt.path] = true
	}
	require.Equal(t, served, described)
}

// TestThePageOfCallsNamesEveryRouteAndNoOther: so does docs/http.md, with the parameters
// that each takes.
func TestThePageOfCallsNamesEveryRouteAndNoOther(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/http.md")
	require.NoError(t, err)
	served, named := map[string][]string{}, map[string]bool{}
	for _, rt := range routes() {
		var takes []string
		for _, p := range rt.query {
			takes = append(takes, p.name)
		}
		served[rt.method+" "+prefix+strings.ReplaceAll(rt.path, "{id}", "<id>")] = takes
	}

	call := regexp.MustCompile("`([A-Z]+ " + prefix + "[^`?]*)`")
	parameter := regexp.MustCompile(`[?&](\w+)=`)
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, " | ")
		var takes []string
		for _, found := range call.FindAllStringSubmatch(cells[0], -1) {
			require.Contains(t, served, found[1])
			takes = append(takes, served[found[1]]...)
			named[found[1]] = true
		}
		if len(takes) > 0 && len(cells) > 1 {
			for _, found := range parameter.FindAllStringSubmatch(cells[1], -1) {
				require.Contains(t, takes, found[1], line)
			}
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(served)), slices.Collect(maps.Keys(named)))
}

func TestDescriptionIsOfTheOperationsTypes(t *testing.T) {
	t.Parallel()
	d := read(t)
	for _, rt := range routes() {
		op := d.Paths[prefix+rt.path][strings.ToLower(rt.method)]
		want, known := types[rt.op.Subject()]
		require.True(t, known, rt.op.Subject())
		if rt.stream {
			d.describes(t, rt.path, op.Responses["200"].Content["text/event-stream"].Schema, reflect.TypeOf(want.answer))
		} else {
			answer := op.Responses["200"].Content["application/json"].Schema
			d.describes(t, rt.path, d.named(t, answer).Properties["data"], reflect.TypeOf(want.answer))
		}
		if rt.later != nil {
			require.Equal(t, "#/components/responses/Accepted", op.Responses["202"].Ref)
		}
		if rt.queues {
			require.Equal(t, op.Responses["200"].Content, op.Responses["202"].Content)
		}
		if rt.method == "POST" {
			body := d.named(t, op.RequestBody.Content["application/json"].Schema)
			require.Equal(t, false, body.Additional)
			require.Equal(t, withoutSigner(fields(reflect.TypeOf(want.request))), slices.Sorted(maps.Keys(body.Properties)))
			d.describesFields(t, rt.path, body, reflect.TypeOf(want.request))
			continue
		}
		var described, served []string
		for _, p := range op.Parameters {
			if p.In == "query" || p.In == "path" {
				described = append(described, p.Name)
			}
		}
		for _, p := range rt.query {
			served = append(served, p.name)
			require.Contains(t, fields(reflect.TypeOf(want.request)), p.name)
		}
		require.Equal(t, served, described)
	}
}

// fields are the names of a struct's fields in JSON.
func fields(typ reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(typ) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && !f.Anonymous && name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// withoutSigner leaves out who asks, which over HTTP the token says.
func withoutSigner(names []string) []string {
	signer := "by"
	if slices.Contains(names, "askedBy") { // by is who asked for what is undone
		signer = "askedBy"
	}
	return slices.DeleteFunc(names, func(n string) bool { return n == signer })
}

// describes compares a schema with a type.
func (d document) describes(t *testing.T, path string, s schema, typ reflect.Type) {
	t.Helper()
	s = d.named(t, s)
	kinds := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Slice: "array", reflect.Struct: "object", reflect.Map: "object"}
	switch typ.Kind() {
	case reflect.Uint64, reflect.Int64:
		typ = reflect.TypeFor[int]()
	case reflect.Float64:
		require.Equal(t, "number", s.Type, path)
		return
	default:
	}
	if typ == reflect.TypeFor[*coded.Text]() || strings.HasSuffix(path, ".more") {
		return // one within one
	}
	if typ.Kind() == reflect.Pointer {
		kind := "string" // a time
		if typ.Elem().Kind() == reflect.Int64 {
			kind = "integer"
		}
		require.Equal(t, []any{kind, "null"}, s.Type, path)
		return
	}
	if typ == reflect.TypeFor[json.RawMessage]() {
		require.Nil(t, s.Type, path) // anything
		return
	}
	if typ.PkgPath() == "time" {
		require.Equal(t, "string", s.Type, path)
		return
	}
	require.Equal(t, kinds[typ.Kind()], s.Type, path)
	switch typ.Kind() {
	case reflect.Slice:
		d.describes(t, path+"[]", *s.Items, typ.Elem())
	case reflect.Struct:
		require.Equal(t, fields(typ), slices.Sorted(maps.Keys(s.Properties)), path)
		d.describesFields(t, path, s, typ)
	default:
	}
}

func (d document) describesFields(t *testing.T, path string, s schema, typ reflect.Type) {
	t.Helper()
	for _, f := range reflect.VisibleFields(typ) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "by" || name == "askedBy" || name == "-" {
			continue
		}
		require.Equal(t, !strings.Contains(options, "omit"), slices.Contains(s.Required, name), path+"."+name)
		d.describes(t, path+"."+name, s.Properties[name], f.Type)
	}
}
