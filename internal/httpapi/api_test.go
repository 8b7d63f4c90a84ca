package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

func TestAPISyncsAndLooksUp(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	_, c := w.API()
	id := w.Insert("Ana Novak", "ana@novak.si")
	var synced map[string]any
	c.Post("contacts/sync", `{"contactId":"`+strings.ToUpper(id)+`"}`).Data(&synced)
	p := w.Partner(id)
	require.Equal(t, p.MKID, synced["metakockaId"])
	require.Equal(t, w.One("SELECT id::text FROM metakocka_contact_mappings"), synced["mappingId"])
	require.Equal(t, "crm crm", w.One("SELECT created_by || ' ' || updated_by FROM metakocka_contact_mappings"))

	for _, query := range []string{"contactId=" + id, "metakockaId=" + p.MKID} {
		var m map[string]any
		c.Get("contacts/mappings?" + query).Data(&m)
		require.Equal(t, []any{synced["mappingId"], id, p.MKID, "partner", "synced", ""},
			[]any{m["id"], m["contactId"], m["metakockaId"], m["metakockaType"], m["syncStatus"], m["lastError"]})
		require.NotEmpty(t, m["lastSyncedAt"])
	}
	c.Token = world.BillingToken
	var again map[string]any
	c.Post("contacts/sync", `{"contactId":"`+id+`"}`).Data(&again)
	require.Equal(t, synced, again)
	require.Len(t, w.ERP.Partners(), 1)

	c.Get("contacts/mappings?contactId="+uuid.NewString()).Refused(404, "not_found", "has no mapping")
	c.Get("contacts/mappings?metakockaId=4711").Refused(404, "not_found", "no mapping names partner 4711")
	c.Post("contacts/sync", `{"contactId":"`+uuid.NewString()+`"}`).Refused(404, "not_found", "there is no contact")
	bad := w.Insert(" ", "bor@novak.si")
	c.Post("contacts/sync", `{"contactId":"`+bad+`"}`).Refused(422, "refused", "name: is required")
	c.Post("contacts/import", `{"metakockaId":"4711"}`).Refused(404, "not_found", "MetaKocka has no partner 4711")
}

func TestAPIImports(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{
		world.Person("7001", "Ana", "", "ana@partner.si"), world.Person("7002", "Bor", "", "bor@partner.si"), world.Person("7003", "Cene", "", ""),
	}})
	_, c := w.API(service.RolePoller)
	w.Polls(1)
	var unsynced operations.List[operations.Partner]
	c.Get("partners/unsynced?limit=2").Data(&unsynced)
	require.Len(t, unsynced.Items, 2)
	c.Get("partners/unsynced?after=" + unsynced.Next).Data(&unsynced)
	require.Len(t, unsynced.Items, 1)

	var first, second map[string]any
	c.Post("contacts/import", `{"metakockaId":"7001"}`).Data(&first)
	c.Post("contacts/import", `{"metakockaId":"7001"}`).Data(&second)
	require.Equal(t, first, second)
	require.Equal(t, "Ana", w.One("SELECT name FROM contacts WHERE id = $1::uuid", first["contactId"]))
	require.Equal(t, "crm", w.One("SELECT created_by FROM metakocka_contact_mappings WHERE id = $1::uuid", first["mappingId"]))

	many := operations.BulkImportResult{}
	c.Post("contacts/bulk-import", `{"metakockaIds":["7002","4711","7001","7002"]}`).Data(&many)
	require.Equal(t, []int{4, 3, 1}, []int{many.Total, many.Imported, many.Failed})
	require.Equal(t, []string{"7002", "4711", "7001", "7002"}, []string{
		many.Results[0].MetaKockaID, many.Results[1].MetaKockaID, many.Results[2].MetaKockaID, many.Results[3].MetaKockaID,
	})
	require.Equal(t, "MetaKocka has no partner 4711", many.Results[1].Error)
	require.Equal(t, first["contactId"], many.Results[2].ContactID)
	require.Equal(t, many.Results[0], many.Results[3])
	require.Equal(t, 2, w.Count("SELECT count(*) FROM contacts"))

	_, err := w.ERP.AddPartner(world.Person("7004", "Darja", "", "darja@partner.si"))
	require.NoError(t, err)
	c.Post("contacts/bulk-import", `{"importAll":true}`).Data(&many)
	require.Equal(t, []int{2, 2, 0}, []int{many.Total, many.Imported, many.Failed})
	require.Equal(t, 4, w.Count("SELECT count(*) FROM contacts"))
	many = operations.BulkImportResult{}
	c.Post("contacts/bulk-import", `{"importAll":true}`).Data(&many)
	require.Equal(t, operations.BulkImportResult{Counts: map[match.Verdict]int{}, Results: []operations.BulkItem{}}, many)
}

func TestAPIBulkSyncFailsInPart(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	_, c := w.API()
	ana, bor := w.Insert("Ana", "ana@novak.si"), w.Insert(" ", "bor@novak.si")
	nobody := uuid.NewString()
	asked := []string{ana, bor, nobody, strings.ToUpper(ana)}
	var got operations.BulkSyncResult
	c.Post("contacts/bulk-sync", `{"contactIds":`+world.JSONList(asked)+`}`).Data(&got)
	require.Equal(t, []int{4, 2, 2}, []int{got.Total, got.Succeeded, got.Failed})
	for i, id := range asked {
		require.Equal(t, id, got.Results[i].ContactID)
	}
	require.Equal(t, w.Partner(ana).MKID, got.Results[0].MetaKockaID)
	require.Contains(t, got.Results[1].Error, "name: is required")
	require.Contains(t, got.Results[2].Error, "there is no contact")
	require.True(t, got.Results[3].Success)
	require.Len(t, w.ERP.Partners(), 1)

	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	c.Post("contacts/sync", `{"contactId":"`+ana+`"}`).Refused(502, "unreachable")
	c.Post("contacts/bulk-sync", `{"contactIds":`+world.JSONList(asked[:1])+`}`).Data(&got)
	require.Equal(t, 1, got.Failed)
	require.NotEmpty(t, got.Results[0].Error)
	c.Post("contacts/bulk-import", `{"importAll":true}`).Refused(502, "unreachable")
}

// TestBulkRequestsDoNotAskForEach: many contacts are matched with partners that
// were enumerated once, and many partners imported from them.
func TestBulkRequestsDoNotAskForEach(t *testing.T) {
	t.Parallel()
	const n = 120
	w := world.New(t, sim.Options{})
	w.Config.PollInterval = time.Hour // the first poll, and that of the request
	var ids []string
	for i := range n {
		email := fmt.Sprintf("oseba%d@partner.si", i)
		ids = append(ids, w.Insert(fmt.Sprintf("Oseba %d", i), email))
		if i%2 == 0 {
			_, err := w.ERP.AddPartner(world.Person("", fmt.Sprintf("Oseba %d", i), "", email))
			require.NoError(t, err)
		}
	}
	_, c := w.API(service.RolePoller)
	w.Eventually(func() error {
		if seen := w.Count("SELECT count(*) FROM mksync_partners"); seen < n/2 {
			return fmt.Errorf("%d partners are seen", seen)
		}
		return nil
	})
	var got operations.BulkSyncResult
	before := w.ERP.Calls().Received[metakocka.EndpointGet]
	c.Post("contacts/bulk-sync", `{"contactIds":`+world.JSONList(ids)+`}`).Data(&got)
	require.Equal(t, n, got.Succeeded, "%+v", got)
	require.Len(t, w.ERP.Partners(), n)
	require.Less(t, w.ERP.Calls().Received[metakocka.EndpointGet]-before, n+n/2) // n/2 are read by id, because they are linked
}

func TestAPIRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	_, c := w.API()
	id := w.Insert("Ana", "ana@novak.si")
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
		c.Post("contacts/sync", body).Refused(400, "malformed", words)
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
		c.Post("contacts/bulk-sync", body).Refused(400, "malformed", words)
	}
	for _, body := range []string{`{}`, `{"importAll":false}`, `{"metakockaIds":[]}`, `{"importAll":true,"metakockaIds":["1"]}`} {
		c.Post("contacts/bulk-import", body).Refused(400, "malformed", "metakockaIds: either name some or ask for all")
	}
	c.Post("contacts/bulk-import", `{"importAll":"yes"}`).Refused(400, "malformed", "importAll: must be true or false, not a text")
	c.Post("contacts/bulk-import", `{"metakockaIds":["1",""]}`).Refused(400, "malformed", "metakockaIds[1]: is missing")

	sync := "/api/metakocka/contacts/sync"
	c.Do("POST", sync, `{"contactId":"`+id+`"}`, "Content-Type", "text/plain").Refused(400, "malformed", "Content-Type")
	c.Do("POST", sync+"?contactId="+id, "").Refused(400, "malformed", "into the body")
	c.Post("contacts/bulk-sync", `{"contactIds":["`+strings.Repeat("x", 1<<20)+`"]}`).Refused(413, "too_large")
	for query, words := range map[string]string{
		"":                                    "exactly one of them is needed",
		"?contactId=" + id + "&metakockaId=1": "exactly one of them is needed",
		"?contactId=x":                        "is not a uuid",
		"?contact=x":                          "contact: is not a parameter of this address; known: contactId, metakockaId",
		"?metakockaId=1&metakockaId=2":        "metakockaId: is given twice",
	} {
		c.Get("contacts/mappings"+query).Refused(400, "malformed", words)
	}
	c.Get("partners/unsynced?limit=many").Refused(400, "malformed", "limit: must be a whole number")
	c.Get("partners/unsynced?limit=1001").Refused(400, "malformed", "limit: must be from 1 to 1000")

	r := c.Get("contacts/sync")
	r.Refused(405, "method_not_allowed", "this address takes POST")
	require.Equal(t, "POST", r.Header.Get("Allow"))
	c.Do("DELETE", "/api/metakocka/contacts/mappings", "").Refused(405, "method_not_allowed")
	c.Do("POST", "/healthz", "").Refused(405, "method_not_allowed")
	for _, path := range []string{"/api/metakocka/contact", "/api/", "/api/metakocka/contacts/sync/", "/nothing"} {
		c.Do("GET", path, "").Refused(404, "not_found")
	}
	require.Empty(t, w.ERP.Partners())
}

func TestAPITokens(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	_, c := w.API()
	for _, token := range []string{"", "wrong", world.CRMToken + "x", world.CRMToken[:5], "crm:" + world.CRMToken, "crm:" + world.CRMToken + ",billing:" + world.BillingToken} {
		c.Token = token
		r := c.Get("contacts/mappings?metakockaId=1")
		r.Refused(401, "unauthorized")
		require.Equal(t, `Bearer realm="mksync"`, r.Header.Get("WWW-Authenticate"))
		c.Do("GET", "/api/nothing", "").Refused(401, "unauthorized")
	}
	c.Do("GET", "/api/metakocka/contacts/mappings?metakockaId=1", "", "Authorization", "Basic "+world.CRMToken).Refused(401, "unauthorized")
	c.Do("GET", "/api/metakocka/contacts/mappings?metakockaId=1", "", "Authorization", "bearer "+world.BillingToken).Refused(404, "not_found")
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/api/openapi.yaml"} {
		require.Equal(t, 200, c.Do("GET", path, "").Status, path)
	}
}

func TestAPIWithoutATokenRefusesEverythingButHealth(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	s, _ := w.Start(service.RoleAPI)
	w.Eventually(func() error {
		if s.HTTPAddr() == "" {
			return fmt.Errorf("no HTTP yet")
		}
		return nil
	})
	c := world.Client{T: t, Base: "http://" + s.HTTPAddr(), Token: "anything"}
	c.Get("contacts/mappings?metakockaId=1").Refused(503, "unavailable", "MKSYNC_API_TOKEN")
	c.Do("GET", "/api/openapi.yaml", "").Refused(503, "unavailable")
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		require.Equal(t, 200, c.Do("GET", path, "").Status, path)
	}
}

func TestBulkRequestsOverNATS(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Bor", "", "bor@partner.si")}})
	s, _ := w.API()
	id := w.Insert("Ana", "ana@novak.si")
	ask := func(subject, body string) *nats.Msg {
		m, err := s.Conn.RequestWithContext(waits.Context(t, 20*time.Second), "mksync."+subject, []byte(body))
		require.NoError(t, err)
		return m
	}
	require.Contains(t, string(ask("contacts.bulk-sync", `{"contactIds":["`+id+`"],"by":"nightly"}`).Data), `{"success":true,"data":{"total":1,"succeeded":1,"failed":0,"counts":{},"results":[{"contactId":"`+id+`","metakockaId":"`)
	require.Equal(t, "nightly", w.One("SELECT created_by FROM metakocka_contact_mappings"))
	require.Contains(t, string(ask("contacts.bulk-import", `{"importAll":true}`).Data), `"data":{"total":1,"imported":1,"failed":0,"counts":{"create":1},"results":[{"contactId":"`)
	m := ask("contacts.bulk-sync", `{"contactIds":[5]}`)
	require.Equal(t, "400", m.Header.Get("Nats-Service-Error-Code"))
	require.JSONEq(t, `{"success":false,"error":{"code":"malformed","message":"contactIds[0]: must be a text, not a number","reason":{"code":"refusal.request.type","params":{"which":"contactIds[0]","wanted":"a text","got":", not a number"}}}}`, string(m.Data))
}

func TestTokensAreRead(t *testing.T) {
	t.Parallel()
	one, err := config.ParseTokens(world.CRMToken)
	require.NoError(t, err)
	require.Equal(t, "api", one[0].Name)
	two, err := config.ParseTokens("crm:" + world.CRMToken + ",billing:" + world.BillingToken)
	require.NoError(t, err)
	require.Len(t, two, 2)
	require.Equal(t, operations.Admin, two[1].Role)
	three, err := config.ParseTokens("crm:" + world.CRMToken + ":viewer")
	require.NoError(t, err)
	require.Equal(t, operations.Viewer, three[0].Role)
	const secret = "a-long-secret-token"
	for text, words := range map[string]string{
		secret + "," + secret: "entry 1 is not name:token", "crm:": "entry 1", "crm:" + secret + ":b": "the role of entry 1", "crm:" + secret + ":": "the role of entry 1", "a b:" + secret: "the name of entry 1",
		"crm:" + secret + ",crm:" + world.CRMToken: "the name crm comes twice", "crm:" + secret + ",b:" + secret: "same token", "crm:" + secret + ",": "entry 2",
		"fifteen-letters": "16 characters at least", "crm:" + secret + ",b:fifteen-letters": "entry 2: a token has 16",
	} {
		_, err := config.ParseTokens(config.Secret(text))
		require.ErrorContains(t, err, words)
		require.NotContains(t, err.Error(), secret)
		require.NotContains(t, err.Error(), "fifteen")
	}
	cfg := config.Default()
	cfg.APIToken = config.Secret("crm:" + world.CRMToken + ",crm:" + world.BillingToken)
	require.ErrorContains(t, cfg.Validate(), "the name crm comes twice")
}
