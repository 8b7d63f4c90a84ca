package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

const (
	crmToken     = "crm-token-0123456789"
	billingToken = "billing-token-9876543210"
)

// client calls a running service's HTTP API.
type client struct {
	t     testing.TB
	base  string
	token string
}

// reply is an answer of the API.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// api starts a service with tokens and returns a client of its API. Without
// roles nothing but the API runs.
func (w *world) api(roles ...string) (*service.Service, client) {
	w.t.Helper()
	s, c, _ := w.apiUntil(roles...)
	return s, c
}

// apiUntil is api with a way to stop the service.
func (w *world) apiUntil(roles ...string) (s *service.Service, c client, stop func()) {
	w.t.Helper()
	w.cfg.APIToken = config.Secret("crm:" + crmToken + ",billing:" + billingToken)
	w.cfg.APIRate = 1e6 // who waits for a job asks again and again
	s, stop = w.start(append(slices.Clone(roles), service.RoleAPI)...)
	w.eventually(func() error {
		if s.HTTPAddr() == "" {
			return fmt.Errorf("no HTTP yet")
		}
		return nil
	})
	return s, client{w.t, "http://" + s.HTTPAddr(), crmToken}, stop
}

func (c client) do(method, path, body string, headers ...string) reply {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	require.NoError(c.t, err)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(c.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	http.DefaultClient.CloseIdleConnections()
	return reply{c.t, res.StatusCode, res.Header, string(text)}
}

func (c client) post(path, body string) reply {
	c.t.Helper()
	return c.do(http.MethodPost, "/api/metakocka/"+path, body)
}

func (c client) get(path string) reply {
	c.t.Helper()
	return c.do(http.MethodGet, "/api/metakocka/"+path, "")
}

// data reads what a request that went well brought.
func (r reply) data(into any) {
	r.t.Helper()
	require.Less(r.t, r.status, 300, r.body)
	var a operations.Reply
	require.NoError(r.t, json.Unmarshal([]byte(r.body), &a), r.body)
	require.True(r.t, a.Success)
	require.Nil(r.t, a.Error)
	require.NoError(r.t, json.Unmarshal(a.Data, into), r.body)
}

// refused checks an error.
func (r reply) refused(status int, code string, words ...string) {
	r.t.Helper()
	require.Equal(r.t, status, r.status, r.body)
	require.Equal(r.t, "application/json", r.header.Get("Content-Type"))
	var a map[string]any
	require.NoError(r.t, json.Unmarshal([]byte(r.body), &a), r.body)
	require.Equal(r.t, false, a["success"])
	e, _ := a["error"].(map[string]any)
	require.Equal(r.t, code, e["code"], r.body)
	for _, word := range words {
		require.Contains(r.t, e["message"], word)
	}
}

func jsonList(ids []string) string {
	text, _ := json.Marshal(ids)
	return string(text)
}

func TestAPISyncsAndLooksUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	_, c := w.api()
	id := w.insert("Ana Novak", "ana@novak.si")
	var synced map[string]any
	c.post("contacts/sync", `{"contactId":"`+strings.ToUpper(id)+`"}`).data(&synced)
	p := w.partner(id)
	require.Equal(t, p.MKID, synced["metakockaId"])
	require.Equal(t, w.one("SELECT id::text FROM metakocka_contact_mappings"), synced["mappingId"])
	require.Equal(t, "crm crm", w.one("SELECT created_by || ' ' || updated_by FROM metakocka_contact_mappings"))

	for _, query := range []string{"contactId=" + id, "metakockaId=" + p.MKID} {
		var m map[string]any
		c.get("contacts/mappings?" + query).data(&m)
		require.Equal(t, []any{synced["mappingId"], id, p.MKID, "partner", "synced", ""},
			[]any{m["id"], m["contactId"], m["metakockaId"], m["metakockaType"], m["syncStatus"], m["lastError"]})
		require.NotEmpty(t, m["lastSyncedAt"])
	}
	c.token = billingToken
	var again map[string]any
	c.post("contacts/sync", `{"contactId":"`+id+`"}`).data(&again)
	require.Equal(t, synced, again)
	require.Len(t, w.erp.Partners(), 1)

	c.get("contacts/mappings?contactId="+uuid.NewString()).refused(404, "not_found", "has no mapping")
	c.get("contacts/mappings?metakockaId=4711").refused(404, "not_found", "no mapping names partner 4711")
	c.post("contacts/sync", `{"contactId":"`+uuid.NewString()+`"}`).refused(404, "not_found", "there is no contact")
	bad := w.insert(" ", "bor@novak.si")
	c.post("contacts/sync", `{"contactId":"`+bad+`"}`).refused(422, "refused", "name: is required")
	c.post("contacts/import", `{"metakockaId":"4711"}`).refused(404, "not_found", "MetaKocka has no partner 4711")
}

func TestAPIImports(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{Partners: []metakocka.Partner{
		person("7001", "Ana", "", "ana@partner.si"), person("7002", "Bor", "", "bor@partner.si"), person("7003", "Cene", "", ""),
	}})
	_, c := w.api(service.RolePoller)
	w.polls(1)
	var unsynced operations.List[operations.Partner]
	c.get("partners/unsynced?limit=2").data(&unsynced)
	require.Len(t, unsynced.Items, 2)
	c.get("partners/unsynced?after=" + unsynced.Next).data(&unsynced)
	require.Len(t, unsynced.Items, 1)

	var first, second map[string]any
	c.post("contacts/import", `{"metakockaId":"7001"}`).data(&first)
	c.post("contacts/import", `{"metakockaId":"7001"}`).data(&second)
	require.Equal(t, first, second)
	require.Equal(t, "Ana", w.one("SELECT name FROM contacts WHERE id = $1::uuid", first["contactId"]))
	require.Equal(t, "crm", w.one("SELECT created_by FROM metakocka_contact_mappings WHERE id = $1::uuid", first["mappingId"]))

	many := operations.BulkImportResult{}
	c.post("contacts/bulk-import", `{"metakockaIds":["7002","4711","7001","7002"]}`).data(&many)
	require.Equal(t, []int{4, 3, 1}, []int{many.Total, many.Imported, many.Failed})
	require.Equal(t, []string{"7002", "4711", "7001", "7002"}, []string{
		many.Results[0].MetaKockaID, many.Results[1].MetaKockaID, many.Results[2].MetaKockaID, many.Results[3].MetaKockaID,
	})
	require.Equal(t, "MetaKocka has no partner 4711", many.Results[1].Error)
	require.Equal(t, first["contactId"], many.Results[2].ContactID)
	require.Equal(t, many.Results[0], many.Results[3])
	require.Equal(t, 2, w.count("SELECT count(*) FROM contacts"))

	_, err := w.erp.AddPartner(person("7004", "Darja", "", "darja@partner.si"))
	require.NoError(t, err)
	c.post("contacts/bulk-import", `{"importAll":true}`).data(&many)
	require.Equal(t, []int{2, 2, 0}, []int{many.Total, many.Imported, many.Failed})
	require.Equal(t, 4, w.count("SELECT count(*) FROM contacts"))
	many = operations.BulkImportResult{}
	c.post("contacts/bulk-import", `{"importAll":true}`).data(&many)
	require.Equal(t, operations.BulkImportResult{Counts: map[match.Verdict]int{}, Results: []operations.BulkItem{}}, many)
}

func TestAPIBulkSyncFailsInPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	_, c := w.api()
	ana, bor := w.insert("Ana", "ana@novak.si"), w.insert(" ", "bor@novak.si")
	nobody := uuid.NewString()
	asked := []string{ana, bor, nobody, strings.ToUpper(ana)}
	var got operations.BulkSyncResult
	c.post("contacts/bulk-sync", `{"contactIds":`+jsonList(asked)+`}`).data(&got)
	require.Equal(t, []int{4, 2, 2}, []int{got.Total, got.Succeeded, got.Failed})
	for i, id := range asked {
		require.Equal(t, id, got.Results[i].ContactID)
	}
	require.Equal(t, w.partner(ana).MKID, got.Results[0].MetaKockaID)
	require.Contains(t, got.Results[1].Error, "name: is required")
	require.Contains(t, got.Results[2].Error, "there is no contact")
	require.True(t, got.Results[3].Success)
	require.Len(t, w.erp.Partners(), 1)

	require.NoError(t, w.erp.SetFaults(sim.Faults{Down: true}))
	c.post("contacts/sync", `{"contactId":"`+ana+`"}`).refused(502, "unreachable")
	c.post("contacts/bulk-sync", `{"contactIds":`+jsonList(asked[:1])+`}`).data(&got)
	require.Equal(t, 1, got.Failed)
	require.NotEmpty(t, got.Results[0].Error)
	c.post("contacts/bulk-import", `{"importAll":true}`).refused(502, "unreachable")
}

// TestBulkRequestsDoNotAskForEach: many contacts are matched with partners that
// were enumerated once, and many partners imported from them.
func TestBulkRequestsDoNotAskForEach(t *testing.T) {
	t.Parallel()
	const n = 120
	w := newWorld(t, sim.Options{})
	w.cfg.PollInterval = time.Hour // the first poll, and that of the request
	var ids []string
	for i := range n {
		email := fmt.Sprintf("oseba%d@partner.si", i)
		ids = append(ids, w.insert(fmt.Sprintf("Oseba %d", i), email))
		if i%2 == 0 {
			_, err := w.erp.AddPartner(person("", fmt.Sprintf("Oseba %d", i), "", email))
			require.NoError(t, err)
		}
	}
	_, c := w.api(service.RolePoller)
	w.eventually(func() error {
		if seen := w.count("SELECT count(*) FROM mksync_partners"); seen < n/2 {
			return fmt.Errorf("%d partners are seen", seen)
		}
		return nil
	})
	var got operations.BulkSyncResult
	before := w.erp.Calls().Received[metakocka.EndpointGet]
	c.post("contacts/bulk-sync", `{"contactIds":`+jsonList(ids)+`}`).data(&got)
	require.Equal(t, n, got.Succeeded, "%+v", got)
	require.Len(t, w.erp.Partners(), n)
	require.Less(t, w.erp.Calls().Received[metakocka.EndpointGet]-before, n+n/2) // n/2 are read by id, because they are linked
}

func TestAPIRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	_, c := w.api()
	id := w.insert("Ana", "ana@novak.si")
	for body, words := range map[string]string{
		``:                                "contactId: is missing",
		`{}`:                              "contactId: is missing",
		`null`:                            "must be a JSON object",
		`[]`:                              "must be a JSON object",
		`{"contactId":5}`:                 "contactId: must be a text, not a number",
		`{"contactId":null}`:              "contactId: is missing",
		`{"contactId":"7"}`:               `contactId: "7" is not a uuid`,
		`{"contactID":"` + id + `"}`:      "contactID: is not a field of this request; known: contactId, new, by",
		`{"contactId":"` + id + `"} {}`:   "something follows the object",
		`{"contactId":"` + id + `"`:       "is not JSON",
		`{"contactId":"a","contactId":1}`: "contactId: is given twice",
		`{"contactId":"` + id + `","by":"somebody"}`: "by: is known by the token",
		"{\"contactId\":\"\xff\"}":                   "contactId: is not UTF-8 text",
	} {
		c.post("contacts/sync", body).refused(400, "malformed", words)
	}
	for body, words := range map[string]string{
		`{}`:                                  "contactIds: either name some or ask for all",
		`{"contactIds":[]}`:                   "contactIds: either name some or ask for all",
		`{"contactIds":"` + id + `"}`:         "contactIds: must be a list, not a text",
		`{"contactIds":{}}`:                   "contactIds: must be a list, not an object",
		`{"contactIds":["` + id + `",7]}`:     "contactIds[1]: must be a text, not a number",
		`{"contactIds":["` + id + `",["a"]]}`: "contactIds[1]: must be a text, not a list",
		`{"contactIds":["` + id + `",{}]}`:    "contactIds[1]: must be a text, not an object",
		`{"contactIds":["` + id + `",null]}`:  "contactIds[1]: is missing",
		`{"contactIds":["` + id + `","x"]}`:   `contactIds[1]: "x" is not a uuid`,
	} {
		c.post("contacts/bulk-sync", body).refused(400, "malformed", words)
	}
	for _, body := range []string{`{}`, `{"importAll":false}`, `{"metakockaIds":[]}`, `{"importAll":true,"metakockaIds":["1"]}`} {
		c.post("contacts/bulk-import", body).refused(400, "malformed", "metakockaIds: either name some or ask for all")
	}
	c.post("contacts/bulk-import", `{"importAll":"yes"}`).refused(400, "malformed", "importAll: must be true or false, not a text")
	c.post("contacts/bulk-import", `{"metakockaIds":["1",""]}`).refused(400, "malformed", "metakockaIds[1]: is missing")

	sync := "/api/metakocka/contacts/sync"
	c.do("POST", sync, `{"contactId":"`+id+`"}`, "Content-Type", "text/plain").refused(400, "malformed", "Content-Type")
	c.do("POST", sync+"?contactId="+id, "").refused(400, "malformed", "into the body")
	c.post("contacts/bulk-sync", `{"contactIds":["`+strings.Repeat("x", 1<<20)+`"]}`).refused(413, "too_large")
	for query, words := range map[string]string{
		"":                                    "exactly one of them is needed",
		"?contactId=" + id + "&metakockaId=1": "exactly one of them is needed",
		"?contactId=x":                        "is not a uuid",
		"?contact=x":                          "contact: is not a parameter of this address; known: contactId, metakockaId",
		"?metakockaId=1&metakockaId=2":        "metakockaId: is given twice",
	} {
		c.get("contacts/mappings"+query).refused(400, "malformed", words)
	}
	c.get("partners/unsynced?limit=many").refused(400, "malformed", "limit: must be a whole number")
	c.get("partners/unsynced?limit=1001").refused(400, "malformed", "limit: must be from 1 to 1000")

	r := c.get("contacts/sync")
	r.refused(405, "method_not_allowed", "this address takes POST")
	require.Equal(t, "POST", r.header.Get("Allow"))
	c.do("DELETE", "/api/metakocka/contacts/mappings", "").refused(405, "method_not_allowed")
	c.do("POST", "/healthz", "").refused(405, "method_not_allowed")
	for _, path := range []string{"/api/metakocka/contacts", "/api/", "/api/metakocka/contacts/sync/", "/", "/nothing"} {
		c.do("GET", path, "").refused(404, "not_found")
	}
	require.Empty(t, w.erp.Partners())
}

func TestAPITokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	_, c := w.api()
	for _, token := range []string{"", "wrong", crmToken + "x", crmToken[:5], "crm:" + crmToken, "crm:" + crmToken + ",billing:" + billingToken} {
		c.token = token
		r := c.get("contacts/mappings?metakockaId=1")
		r.refused(401, "unauthorized")
		require.Equal(t, `Bearer realm="mksync"`, r.header.Get("WWW-Authenticate"))
		c.do("GET", "/api/nothing", "").refused(401, "unauthorized")
	}
	c.do("GET", "/api/metakocka/contacts/mappings?metakockaId=1", "", "Authorization", "Basic "+crmToken).refused(401, "unauthorized")
	c.do("GET", "/api/metakocka/contacts/mappings?metakockaId=1", "", "Authorization", "bearer "+billingToken).refused(404, "not_found")
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/api/openapi.yaml"} {
		require.Equal(t, 200, c.do("GET", path, "").status, path)
	}
}

func TestAPIWithoutATokenRefusesEverythingButHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	s, _ := w.start(service.RoleAPI)
	w.eventually(func() error {
		if s.HTTPAddr() == "" {
			return fmt.Errorf("no HTTP yet")
		}
		return nil
	})
	c := client{t, "http://" + s.HTTPAddr(), "anything"}
	c.get("contacts/mappings?metakockaId=1").refused(503, "unavailable", "MKSYNC_API_TOKEN")
	c.do("GET", "/api/openapi.yaml", "").refused(503, "unavailable")
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		require.Equal(t, 200, c.do("GET", path, "").status, path)
	}
}

func TestBulkRequestsOverNATS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{Partners: []metakocka.Partner{person("7001", "Bor", "", "bor@partner.si")}})
	s, _ := w.api()
	id := w.insert("Ana", "ana@novak.si")
	ask := func(subject, body string) *nats.Msg {
		m, err := s.Conn.Request("mksync."+subject, []byte(body), nats.DefaultTimeout*5)
		require.NoError(t, err)
		return m
	}
	require.Contains(t, string(ask("contacts.bulk-sync", `{"contactIds":["`+id+`"],"by":"nightly"}`).Data), `{"success":true,"data":{"total":1,"succeeded":1,"failed":0,"counts":{},"results":[{"contactId":"`+id+`","metakockaId":"`)
	require.Equal(t, "nightly", w.one("SELECT created_by FROM metakocka_contact_mappings"))
	require.Contains(t, string(ask("contacts.bulk-import", `{"importAll":true}`).Data), `"data":{"total":1,"imported":1,"failed":0,"counts":{"create":1},"results":[{"contactId":"`)
	m := ask("contacts.bulk-sync", `{"contactIds":[5]}`)
	require.Equal(t, "400", m.Header.Get("Nats-Service-Error-Code"))
	require.JSONEq(t, `{"success":false,"error":{"code":"malformed","message":"contactIds[0]: must be a text, not a number"}}`, string(m.Data))
}

func TestTokensAreRead(t *testing.T) {
	t.Parallel()
	one, err := config.ParseTokens(crmToken)
	require.NoError(t, err)
	require.Equal(t, "api", one[0].Name)
	two, err := config.ParseTokens("crm:" + crmToken + ",billing:" + billingToken)
	require.NoError(t, err)
	require.Len(t, two, 2)
	const secret = "a-long-secret-token"
	for text, words := range map[string]string{
		secret + "," + secret: "entry 1 is not a name:token pair", "crm:": "entry 1", "crm:" + secret + ":b": "entry 1", "a b:" + secret: "the name of entry 1",
		"crm:" + secret + ",crm:" + crmToken: "the name crm comes twice", "crm:" + secret + ",b:" + secret: "same token", "crm:" + secret + ",": "entry 2",
		"fifteen-letters": "16 characters at least", "crm:" + secret + ",b:fifteen-letters": "entry 2: a token has 16",
	} {
		_, err := config.ParseTokens(config.Secret(text))
		require.ErrorContains(t, err, words)
		require.NotContains(t, err.Error(), secret)
		require.NotContains(t, err.Error(), "fifteen")
	}
	cfg := config.Default()
	cfg.APIToken = config.Secret("crm:" + crmToken + ",crm:" + billingToken)
	require.ErrorContains(t, cfg.Validate(), "the name crm comes twice")
}
