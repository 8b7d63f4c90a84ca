package sim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a simulator behind a real HTTP server.
type rig struct {
	*sim.Server
	t   *testing.T
	url string
	web *http.Client
}

func start(t *testing.T, opts sim.Options) *rig {
	t.Helper()
	s := sim.New(opts)
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})
	return &rig{Server: s, t: t, url: server.URL, web: server.Client()}
}

func (r *rig) client() *metakocka.Client {
	r.t.Helper()
	c, err := metakocka.New(metakocka.Config{
		URL: r.url + sim.BasePath, CompanyID: sim.DefaultCompanyID, SecretKey: sim.DefaultSecretKey,
		Timeout: 10 * time.Second, BreakerFailures: 1000, Concurrency: 8,
	}, slog.New(slog.DiscardHandler))
	require.NoError(r.t, err)
	r.t.Cleanup(c.Close)
	return c
}

// send makes one request and gives status and body.
func (r *rig) send(method, path, body string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, bytes.NewBufferString(body))
	require.NoError(r.t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.web.Do(req)
	require.NoError(r.t, err)
	defer func() { require.NoError(r.t, resp.Body.Close()) }()
	data, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return resp.StatusCode, string(data)
}

// call calls an endpoint with the right credentials.
func (r *rig) call(endpoint string, args map[string]any) map[string]any {
	r.t.Helper()
	all := map[string]any{"secret_key": sim.DefaultSecretKey, "company_id": sim.DefaultCompanyID}
	maps.Copy(all, args)
	body, err := json.Marshal(all)
	require.NoError(r.t, err)
	status, answer := r.send(http.MethodPost, sim.BasePath+"/"+endpoint, string(body))
	require.Equal(r.t, http.StatusOK, status)
	var out map[string]any
	require.NoError(r.t, json.Unmarshal([]byte(answer), &out), answer)
	return out
}

func (r *rig) add(attributes map[string]any) map[string]any {
	r.t.Helper()
	partner := map[string]any{"customer": "Ana", "street": "Test, 4", "post_number": "1000", "place": "Ljubljana", "country": "Slovenia"}
	maps.Copy(partner, attributes)
	return r.call("add_partner", map[string]any{"partner": partner})
}

func (r *rig) update(id any, attributes map[string]any) map[string]any {
	r.t.Helper()
	partner := map[string]any{"mk_id": id}
	maps.Copy(partner, attributes)
	return r.call("update_partner", map[string]any{"partner": partner})
}

func (r *rig) only() metakocka.Partner {
	r.t.Helper()
	all := r.Partners()
	require.Len(r.t, all, 1)
	return all[0]
}

func ana() metakocka.Partner {
	return metakocka.Partner{
		Customer: "Ana Novak", TaxIDNumber: "SI12345678", RegistrationNumber: "55",
		Contacts:  []metakocka.Contact{{Name: "Ana Novak", Email: "Ana@example.com", GSM: "041234567"}},
		Addresses: []metakocka.Address{{Street: "Test, 4", PostNumber: "1000", City: "Ljubljana", Country: "Slovenija"}},
	}
}
