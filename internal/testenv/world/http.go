package world

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/syncer/operations"
)

// The tokens of two users of the API.
const (
	CRMToken     = "crm-token-0123456789"
	BillingToken = "billing-token-9876543210"
)

// Client calls a running service's HTTP API.
type Client struct {
	T     testing.TB
	Base  string
	Token string
}

// Reply is an answer of the API.
type Reply struct {
	T      testing.TB
	Status int
	Header http.Header
	Body   string
}

// API starts a service with tokens and returns a client of its API. Without
// roles nothing but the API runs.
func (w *World) API(roles ...string) (*service.Service, Client) {
	w.T.Helper()
	s, c, _ := w.APIUntil(roles...)
	return s, c
}

// APIUntil is API with a way to stop the service.
func (w *World) APIUntil(roles ...string) (s *service.Service, c Client, stop func()) {
	w.T.Helper()
	w.Config.APIToken = config.Secret("crm:" + CRMToken + ",billing:" + BillingToken)
	w.Config.APIRate = 1e6 // who waits for a job asks again and again
	s, stop = w.Start(append(slices.Clone(roles), service.RoleAPI)...)
	w.Eventually(func() error {
		if s.HTTPAddr() == "" {
			return fmt.Errorf("no HTTP yet")
		}
		return nil
	})
	return s, Client{T: w.T, Base: "http://" + s.HTTPAddr(), Token: CRMToken}, stop
}

// Do sends a request; headers are names and values in turn.
func (c Client) Do(method, path, body string, headers ...string) Reply {
	c.T.Helper()
	req, err := http.NewRequestWithContext(c.T.Context(), method, c.Base+path, strings.NewReader(body))
	require.NoError(c.T, err)
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(c.T, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(c.T, err)
	http.DefaultClient.CloseIdleConnections()
	return Reply{c.T, res.StatusCode, res.Header, string(text)}
}

// Post asks for an operation by its path below /api/metakocka/.
func (c Client) Post(path, body string) Reply {
	c.T.Helper()
	return c.Do(http.MethodPost, "/api/metakocka/"+path, body)
}

// Get reads from a path below /api/metakocka/.
func (c Client) Get(path string) Reply {
	c.T.Helper()
	return c.Do(http.MethodGet, "/api/metakocka/"+path, "")
}

// Data reads what a request that went well brought.
func (r Reply) Data(into any) {
	r.T.Helper()
	require.Less(r.T, r.Status, 300, r.Body)
	var a operations.Reply
	require.NoError(r.T, json.Unmarshal([]byte(r.Body), &a), r.Body)
	require.True(r.T, a.Success)
	require.Nil(r.T, a.Error)
	require.NoError(r.T, json.Unmarshal(a.Data, into), r.Body)
}

// Refused checks an error.
func (r Reply) Refused(status int, code string, words ...string) {
	r.T.Helper()
	require.Equal(r.T, status, r.Status, r.Body)
	require.Equal(r.T, "application/json", r.Header.Get("Content-Type"))
	var a map[string]any
	require.NoError(r.T, json.Unmarshal([]byte(r.Body), &a), r.Body)
	require.Equal(r.T, false, a["success"])
	e, _ := a["error"].(map[string]any)
	require.Equal(r.T, code, e["code"], r.Body)
	for _, word := range words {
		require.Contains(r.T, e["message"], word)
	}
}

// JSONList is a list of ids in JSON.
func JSONList(ids []string) string {
	text, _ := json.Marshal(ids)
	return string(text)
}

// Get asks the running service over HTTP.
func Get(t testing.TB, s *service.Service, path string) (status int, body string) {
	t.Helper()
	addr := s.HTTPAddr()
	if addr == "" {
		return 0, ""
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, http.NoBody)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// Ready waits until readiness is as wanted and its text holds words.
func (w *World) Ready(s *service.Service, want int, words string) {
	w.T.Helper()
	w.Eventually(func() error {
		status, body := Get(w.T, s, "/readyz")
		if status != want || !strings.Contains(body, words) {
			return fmt.Errorf("readyz is %d %s", status, body)
		}
		return nil
	})
}
