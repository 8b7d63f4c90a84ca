package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// bad is a request that is refused, and words of the reason.
type bad struct{ body, words string }

// badFor is what every operation refuses, made from the fields of its request.
func badFor(e operations.Endpoint) []bad {
	all := []bad{
		{"{", "not JSON"},
		{"nonsense", "must be a JSON object"},
		{`[]`, "must be a JSON object"},
		{`"a"`, "must be a JSON object"},
		{`5`, "must be a JSON object"},
		{`null`, "must be a JSON object"},
		{`{} {}`, "something follows the object"},
		{`{}]`, "not JSON"},
		{`{"zzz":1}`, "zzz: is not a field of this request"},
		{`{"":1}`, ": is not a field of this request"},
		{`{"` + strings.Repeat("y", 500) + `":1}`, strings.Repeat("y", 60) + "…: is not a field"},
		{`{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, "a: is not a field"},
		{"{\"\xff\":1}", "is not UTF-8"},
		{"{\x00}", "not JSON"},
		{"\xef\xbb\xbf{}", "must be a JSON object"},
	}
	request, _ := e.Types()
	for _, f := range reflect.VisibleFields(request) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() {
			continue
		}
		value, wrong := `"x"`, []string{`5`, `true`, `["x"]`, `{}`, `1e999`}
		switch f.Type.Kind() {
		case reflect.Bool:
			value, wrong = "true", []string{`"true"`, `1`, `[]`, `{}`}
		case reflect.Int:
			value, wrong = "1", []string{`"1"`, `1.5`, `99999999999999999999999`, `1e400`, `true`, `[1]`}
			all = append(all, bad{`{"` + name + `":-1}`, name + ": must be"}, bad{`{"` + name + `":1001}`, name + ": must be"})
		case reflect.Slice:
			value, wrong = `["x"]`, []string{`"x"`, `5`, `{}`, `[5]`, `["x",{}]`, `["x",["y"]]`, strings.Repeat("[", 5000) + strings.Repeat("]", 5000)}
		default:
			all = append(all, bad{"{\"" + name + "\":\"a\xffb\"}", name + ": is not UTF-8"})
			if name != "after" {
				all = append(all, bad{`{"` + name + `":"` + strings.Repeat("x", 10000) + `"}`, ""})
			}
			all = append(all, bad{`{"` + name + `":"a\u0000b"}`, ""}, bad{`{"` + name + `":"\ud800"}`, ""})
		}
		for _, w := range wrong {
			words := name
			if len(w) > 1000 {
				words = "nested too deep"
			}
			all = append(all, bad{`{"` + name + `":` + w + `}`, words})
		}
		all = append(all,
			bad{`{"` + name + `":` + value + `,"` + name + `":` + value + `}`, name + ": is given twice"},
			bad{`{"` + strings.ToUpper(name) + `":` + value + `}`, strings.ToUpper(name) + ": is not a field"})
	}
	return all
}

// badIDs are operations' own rules.
func badIDs() map[string][]bad {
	many := world.JSONList(make([]string, 30001))
	id := uuid.NewString()
	contact := []bad{{`{}`, "contactId: is missing"}, {`{"contactId":null}`, "contactId: is missing"}, {`{"contactId":""}`, "contactId: is missing"}, {`{"contactId":"x"}`, `contactId: "x" is not a uuid`}}
	entry := []bad{{`{}`, "id: is missing"}, {`{"id":null}`, "id: is missing"}, {`{"id":" "}`, "id: is missing"}}
	bulk := func(field, all string) []bad {
		return []bad{
			{`{}`, field + ": either name some or ask for all"},
			{`{"` + field + `":[]}`, field + ": either name some or ask for all"},
			{`{"` + field + `":null}`, field + ": either name some or ask for all"},
			{`{"` + field + `":["` + id + `"],"` + all + `":true}`, field + ": either name some or ask for all"},
			{`{"` + field + `":["` + id + `"],"dryRun":true}`, "dryRun: is for all"},
			{`{"` + field + `":["` + id + `",""]}`, field + "[1]: is missing"},
			{`{"` + field + `":["` + id + `",null]}`, field + "[1]: is missing"},
			{`{"` + field + `":["` + id + `","a\u0000"]}`, field + "[1]: is not an id"},
			{`{"` + field + `":["` + id + `","` + strings.Repeat("x", 256) + `"]}`, field + "[1]: is not an id"},
			{"{\"" + field + "\":[\"" + id + "\",\"\xff\"]}", field + "[1]: is not UTF-8"},
			{`{"` + field + `":` + many + `}`, field + ": at most 30000"},
		}
	}
	sync := append(bulk("contactIds", "syncAll"), bad{`{"contactIds":["` + id + `","7"]}`, `contactIds[1]: "7" is not a uuid`})
	imports := bulk("metakockaIds", "importAll")
	return map[string][]bad{
		"contacts.sync": contact, "contacts.import": {{`{}`, "metakockaId: is missing"}, {`{"metakockaId":"a b"}`, "metakockaId: is not an id"}},
		"contacts.bulk-sync": sync, "jobs.bulk-sync": sync, "contacts.bulk-import": imports, "jobs.bulk-import": imports,
		"contacts.mappings": {{`{}`, "exactly one of them"}, {`{"contactId":"` + id + `","metakockaId":"1"}`, "exactly one of them"}, {`{"contactId":"x"}`, "contactId: "}},
		"mappings.list":     {{`{"status":"x"}`, "status: "}, {`{"contactId":"x"}`, "contactId: "}, {`{"after":"x"}`, "after: "}},
		"mappings.orphans":  {{`{"after":"x"}`, "after: "}}, "jobs.list": {{`{"after":"x"}`, "after: "}},
		"conflicts.list": {{`{"after":"x"}`, "after: "}, {`{"after":"-1"}`, "after: "}}, "deletions.list": {{`{"after":"99999999999999999999"}`, "after: "}},
		"dead-letters.list": {{`{"after":"x"}`, "after: "}},
		"jobs.show":         append(entry, bad{`{"id":"x"}`, "id: "}), "jobs.cancel": append(entry, bad{`{"id":"x"}`, "id: "}),
		"conflicts.show": entry, "conflicts.undo": entry, "conflicts.resolve": append([]bad{{`{"take":"crm"}`, "id: is missing"}}, bad{`{"id":"1"}`, "take: "}, bad{`{"id":"1","take":"x"}`, "take: "}),
		"deletions.approve": entry, "deletions.reject": entry, "dead-letters.retry": entry,
	}
}

// untouched is everything that a refused request must leave as it is.
func untouched(w *world.World) string {
	w.T.Helper()
	all := fmt.Sprint(w.ERP.Calls())
	for _, table := range []string{"contacts", "metakocka_contact_mappings", "mksync_conflicts", "mksync_deletions", "mksync_jobs", "mksync_job_items"} {
		all += " " + w.One("SELECT coalesce(string_agg(xmin::text || ctid::text, ',' ORDER BY ctid), '') FROM "+table)
	}
	return all
}

// TestBadRequestsChangeNothing: every operation refuses what it cannot read, over
// NATS and HTTP, names where it is wrong, and tells nothing of anybody else. In the short
// form each operation gets another third of what is made from its fields.
func TestBadRequestsChangeNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Skrivni Partner", "", "skrivni@partner.si")}})
	w.Config.APIRate = 1e6
	s, c := w.API()
	c.Post("contacts/sync", `{"contactId":"`+w.Insert("Skrivna Oseba", "skrivna@oseba.si")+`"}`).Data(&struct{}{})
	before := untouched(w)
	refused := func(e operations.Endpoint, b bad, status string, body string) {
		t.Helper()
		var a operations.Reply
		require.NoError(t, json.Unmarshal([]byte(body), &a), "%s %.200s: %s", e.Subject(), b.body, body)
		where := fmt.Sprintf("%s %.200q: %.300s", e.Subject(), b.body, body)
		require.NotNil(t, a.Error, where)
		require.Contains(t, []string{"400", "404", "413"}, status, where)
		require.Contains(t, a.Error.Message, b.words, where)
		for _, secret := range []string{"Skriv", "skriv", world.CRMToken, sim.DefaultSecretKey, "SQLSTATE", "goroutine"} {
			require.NotContains(t, body, secret, where)
		}
		require.Less(t, len(body), 2000, where)
	}
	own := badIDs()
	for i, e := range operations.Endpoints() {
		for _, b := range append(long.Share(i, 3, badFor(e)), own[e.Subject()]...) {
			m, err := s.Conn.Request("mksync."+e.Subject(), []byte(b.body), waits.Stretch(20*time.Second))
			require.NoError(t, err)
			refused(e, b, m.Header.Get("Nats-Service-Error-Code"), string(m.Data))
		}
	}
	require.Equal(t, before, untouched(w))

	for path, e := range map[string]operations.Endpoint{
		"contacts/sync": operations.OpSync, "contacts/import": operations.OpImport,
		"contacts/bulk-sync": operations.OpBulkSync, "contacts/bulk-import": operations.OpBulkImport,
	} {
		for _, b := range append(long.Share(1, 3, badFor(e)), own[e.Subject()]...) {
			for _, headers := range [][]string{nil, {"Prefer", "respond-async"}} {
				r := c.Do(http.MethodPost, "/api/metakocka/"+path, b.body, headers...)
				refused(e, b, fmt.Sprint(r.Status), r.Body)
			}
		}
		large := `{"contactId":"` + strings.Repeat("x", 1<<20) + `"}`
		c.Post(path, large).Refused(413, "too_large", "1 MiB")
		c.Get(path).Refused(405, "method_not_allowed", "POST")
		c.Do(http.MethodPut, "/api/metakocka/"+path, "{}").Refused(405, "method_not_allowed", "POST")
		c.Do(http.MethodPost, "/api/metakocka/"+path+"?x=1", "{}").Refused(400, "malformed", "into the body")
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/json, text/html", ";"} {
			c.Do(http.MethodPost, "/api/metakocka/"+path, "{}", "Content-Type", kind).Refused(400, "malformed", "Content-Type")
		}
	}
	for _, path := range []string{
		"contacts/mappings?contactId=%00", "contacts/mappings?contactId=%ff", "contacts/mappings?metakockaId=%ff", "contacts/mappings?metakockaId=" + strings.Repeat("9", 5000),
		"contacts/mappings?contactId=%zz", "contacts/mappings?contactId=1;metakockaId=2", "partners/unsynced?limit=-1", "partners/unsynced?limit=1e9",
		"partners/unsynced?limit=99999999999999999999", "partners/unsynced?after=%00", "partners/unsynced?unsynced=false", "jobs?after=x", "jobs/%00", "jobs/x/events", "status?x=1", "jobs/" + strings.Repeat("x", 5000),
	} {
		r := c.Get(path)
		r.Refused(400, "malformed")
		require.NotContains(t, r.Body, "SQLSTATE")
	}
	require.Equal(t, before, untouched(w))
}
