package httpapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// prefix begins the path of every operation.
const prefix = "/api/metakocka"

// route is where an operation is asked for. With POST the body is the request;
// with GET and DELETE the query's and the path's parameters are its fields.
type route struct {
	method, path string
	op           operations.Endpoint
	later        operations.Endpoint // takes the same request and gives the job that does it
	queues       bool                // op may answer with the id of a job that does it
	stream       bool                // op is asked again and again, and answered with server-sent events
	query        []param
	fixed        map[string]any // fields that the path stands for
	embedded     bool           // pages of the configured origins may ask, again and again
	spoken       bool           // the answer has sentences, in the language that the caller accepts
}

// param is a parameter of a query or of a path: the field of the request that
// has its name.
type param struct {
	name   string
	number bool
	flag   bool
	inPath bool
}

var (
	page    = []param{{name: "after"}, {name: "limit", number: true}}
	journal = append([]param{{name: "of"}, {name: "all", flag: true}}, page...)
	jobID   = []param{{name: "id", inPath: true}}
	contact = []param{{name: "zone"}, {name: "id", inPath: true}}
)

// jobsPath is where jobs are, below the prefix.
const jobsPath = "/jobs"

// routes are all operations of the API.
func routes() []route { return slices.Concat(ofContacts(), ofWhatWaits(), ofTheService()) }

// ofContacts are the operations on contacts, their partners and what was done to them.
func ofContacts() []route {
	return []route{
		{method: http.MethodPost, path: "/contacts/sync", op: operations.OpSync},
		{method: http.MethodPost, path: "/contacts/bulk-sync", op: operations.OpBulkSync, later: operations.OpStartBulkSync},
		{method: http.MethodPost, path: "/contacts/import", op: operations.OpImport},
		{method: http.MethodPost, path: "/contacts/bulk-import", op: operations.OpBulkImport, later: operations.OpStartBulkImport},
		{method: http.MethodPost, path: "/contacts/link", op: operations.OpLink},
		{method: http.MethodPost, path: "/contacts/unlink", op: operations.OpUnlink},

		{method: http.MethodGet, path: "/contacts/preview", op: operations.OpPreview, query: []param{{name: "contactId"}}},
		{method: http.MethodPost, path: "/contacts/duplicates/dismiss", op: operations.OpDismiss},

		{method: http.MethodPost, path: "/contacts/leave-out", op: operations.OpLeaveOut},
		{method: http.MethodPost, path: "/contacts/take-in", op: operations.OpTakeIn},
		{method: http.MethodGet, path: "/contacts/left-out", op: operations.OpLeftOut, query: page},

		{method: http.MethodGet, path: "/contacts", op: operations.OpContacts, query: append([]param{{name: "search"}, {name: "status"}}, page...)},
		{method: http.MethodGet, path: "/contacts/{id}", op: operations.OpContact, query: contact, spoken: true},
		{method: http.MethodGet, path: "/contacts/{id}/status", op: operations.OpContactStatus, query: contact, spoken: true, embedded: true},
		{method: http.MethodGet, path: "/contacts/mappings", op: operations.OpMapping, query: []param{{name: "contactId"}, {name: "metakockaId"}}},
		{method: http.MethodPost, path: "/contacts/mappings/import", op: operations.OpImportPairs},

		{method: http.MethodPost, path: "/contacts/merge", op: operations.OpMerge},
		{method: http.MethodGet, path: "/contacts/duplicates", op: operations.OpDuplicates, query: []param{{name: "limit", number: true}}},
		{method: http.MethodGet, path: "/merges", op: operations.OpMerges, query: append([]param{{name: "of"}}, page...)},
		{method: http.MethodPost, path: "/merges/undo", op: operations.OpUndoMerge},

		{method: http.MethodGet, path: "/history", op: operations.OpHistory, query: append([]param{
			{name: "contactId"}, {name: "metakockaId"}, {name: "since"}, {name: "until"}, {name: "by"}, {name: "side"}, {name: "job"},
		}, page...)},
		{method: http.MethodPost, path: "/history/undo", op: operations.OpUndo, queues: true},
		{method: http.MethodGet, path: "/contacts/why", op: operations.OpWhy, query: []param{{name: "contactId"}, {name: "field"}}},

		{method: http.MethodGet, path: "/mappings/orphans", op: operations.OpOrphans, query: page},
		{method: http.MethodPost, path: "/mappings/prune", op: operations.OpPrune},
		{method: http.MethodGet, path: "/partners/unsynced", op: operations.OpPartners, query: page, fixed: map[string]any{"unsynced": true}},
	}
}

// ofWhatWaits are the operations on what waits for a person.
func ofWhatWaits() []route {
	return []route{
		{method: http.MethodPost, path: "/deadletters/retry-group", op: operations.OpRetryDeadLetters},
		{method: http.MethodPost, path: "/deadletters/discard", op: operations.OpDiscardDeadLetter},
		{method: http.MethodGet, path: "/unclear", op: operations.OpUnclear, query: page},
		{method: http.MethodGet, path: "/review", op: operations.OpReview, query: append([]param{{name: "does"}, {name: "contactId"}, {name: "metakockaId"}}, page...)},
		{method: http.MethodPost, path: "/review/approve", op: operations.OpApprove},
		{method: http.MethodPost, path: "/review/approve-all", op: operations.OpApproveAll, later: operations.OpStartApproveAll},
		{method: http.MethodGet, path: "/conflicts", op: operations.OpConflicts, query: journal},
		{method: http.MethodPost, path: "/conflicts/resolve", op: operations.OpResolveConflict},
		{method: http.MethodPost, path: "/conflicts/undo", op: operations.OpUndoConflict},
		{method: http.MethodGet, path: "/deletions", op: operations.OpDeletions, query: journal},
		{method: http.MethodPost, path: "/deletions/approve", op: operations.OpApproveDeletion},
		{method: http.MethodPost, path: "/deletions/reject", op: operations.OpRejectDeletion},
		{method: http.MethodGet, path: "/deadletters", op: operations.OpDeadLetters, query: page},
		{method: http.MethodPost, path: "/deadletters/retry", op: operations.OpRetryDeadLetter},
	}
}

// ofTheService are the operations on the service as a whole, and on its jobs.
func ofTheService() []route {
	return []route{
		{method: http.MethodPost, path: "/pause", op: operations.OpPause},
		{method: http.MethodPost, path: "/resume", op: operations.OpResume},
		{method: http.MethodPost, path: "/check", op: operations.OpCheck},
		{method: http.MethodGet, path: "/status", op: operations.OpStatus},
		{method: http.MethodGet, path: "/waiting", op: operations.OpWaiting},
		{method: http.MethodGet, path: "/log", op: operations.OpLog, query: []param{{name: "limit", number: true}}},
		{method: http.MethodGet, path: jobsPath, op: operations.OpJobs, query: page},
		{method: http.MethodGet, path: jobsPath + "/{id}", op: operations.OpJob, query: append([]param{{name: "brief", flag: true}, {name: "failed", flag: true}}, append(page, jobID...)...)},
		{method: http.MethodGet, path: jobsPath + "/{id}/events", op: operations.OpJob, stream: true, query: jobID, fixed: map[string]any{"brief": true}},
		{method: http.MethodPost, path: jobsPath + "/retry", op: operations.OpRetryJob},
		{method: http.MethodDelete, path: jobsPath + "/{id}", op: operations.OpCancelJob, query: jobID},
	}
}

// request is the operation's request, in JSON.
func (rt route) request(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if rt.method == http.MethodPost {
		if r.URL.RawQuery != "" {
			return nil, syncer.Refuse(syncer.CodeMalformed, "request.in_address", "the request goes into the body, not into the address")
		}
		return readBody(w, r)
	}
	return rt.fromAddress(r)
}

// fromAddress makes the request of the path's and the query's parameters.
func (rt route) fromAddress(r *http.Request) ([]byte, error) {
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, syncer.Refuse(syncer.CodeMalformed, "request.address", "the address's parameters cannot be read")
	}

	fields := map[string]any{}
	for name, value := range rt.fixed {
		fields[name] = value
	}

	if rt.spoken {
		fields["language"] = phrases.Choose(strings.Join(r.Header.Values("Accept-Language"), ","))
	}
	for _, p := range rt.query {
		values := []string{r.PathValue(p.name)}
		if !p.inPath {
			values = given[p.name]
			delete(given, p.name)
		}
		switch {
		case len(values) > 1:
			return nil, syncer.Refuse(syncer.CodeMalformed, "request.twice", "{which}: is given twice", p.name)
		case len(values) == 1:
			if fields[p.name], err = p.value(values[0]); err != nil {
				return nil, err
			}
		}
	}

	// Whatever is left was given and means nothing here.
	for name := range given {
		return nil, syncer.Refuse(syncer.CodeMalformed, "request.parameter", "{which}: is not a parameter of this address; known: {known}", clip(name), rt.known())
	}
	return json.Marshal(fields)
}

// known names the query's parameters.
func (rt route) known() string {
	var names []string
	for _, p := range rt.query {
		if !p.inPath {
			names = append(names, p.name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (p param) value(text string) (any, error) {
	switch {
	case p.flag && (text == "true" || text == "false"):
		return text == "true", nil
	case p.flag:
		return nil, syncer.Refuse(syncer.CodeMalformed, "request.flag", "{which}: must be true or false", p.name)
	case !p.number:
		return text, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return nil, syncer.Refuse(syncer.CodeMalformed, "request.number", "{which}: must be a whole number of at least 1", p.name)
	}
	return n, nil
}

// clip is a name that somebody else chose, fit for a message.
func clip(name string) string {
	const most = 60
	if r := []rune(name); len(r) > most {
		return string(r[:most]) + "…"
	}
	return name
}

// prefersAsync reads the Prefer header of RFC 7240.
func prefersAsync(r *http.Request) bool {
	for _, line := range r.Header.Values("Prefer") {
		if slices.ContainsFunc(strings.Split(line, ","), func(p string) bool {
			name, _, _ := strings.Cut(p, ";")
			return strings.EqualFold(strings.TrimSpace(name), "respond-async")
		}) {
			return true
		}
	}
	return false
}
