package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// api answers as a test says.
type api func(ctx context.Context, name string, request []byte) ([]byte, error)

func (d api) Answer(ctx context.Context, name string, request []byte) ([]byte, error) {
	return d(ctx, name, request)
}

// server is a Server that does not run, and what it logs.
func server(t *testing.T, d api, cfg Config) (*Server, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	cfg.Addr, cfg.API, cfg.Metrics = "127.0.0.1:0", d, http.NotFoundHandler()
	if cfg.Tokens == nil {
		cfg.Tokens = []Token{{"crm", "secret-token", operations.Admin}}
	}
	s, err := New(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s, &log
}

func ask(s *Server, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer secret-token")
	r.Header.Set("Content-Type", "application/json")
	return recorded(s, r)
}

func TestRequestsAndAnswersAreTheOperations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, path, body, op, request string }{
		{"POST", "/contacts/sync", `{"contactId":"a"}`, "contacts.sync", `{"contactId":"a"}`},
		{"POST", "/contacts/bulk-import", ``, "contacts.bulk-import", ``},
		{"GET", "/contacts/mappings?contactId=a%20b", ``, "contacts.mappings", `{"contactId":"a b"}`},
		{"GET", "/contacts?search=a%20b&limit=7", ``, "contacts.list", `{"limit":7,"search":"a b"}`},
		{"GET", "/contacts/a%2Fb%20%C5%BE?zone=UTC", ``, "contacts.show", `{"id":"a/b ž","language":"en","zone":"UTC"}`},
		{"GET", "/contacts/%2E%2E%2F%25/status", ``, "contacts.status", `{"id":"../%","language":"en"}`},
		{"GET", "/partners/unsynced?limit=7&after=x", ``, "partners.list", `{"after":"x","limit":7,"unsynced":true}`},
	} {
		s, log := server(t, func(_ context.Context, name string, request []byte) ([]byte, error) {
			require.Equal(t, c.op, name)
			require.Equal(t, c.request, string(request))
			return []byte(`{"a":1}`), nil
		}, Config{})
		w := ask(s, c.method, "/api/metakocka"+c.path, c.body)
		require.Equal(t, 200, w.Code)
		require.JSONEq(t, `{"success":true,"data":{"a":1}}`, w.Body.String())
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.Contains(t, log.String(), "by=crm")
		require.NotContains(t, log.String(), "secret-token")
		require.NotContains(t, log.String(), "contactId=")
	}
}

func TestErrorsAreAnswered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		body   string
	}{
		{syncer.Refuse(syncer.CodeRefused, "email.no", "email: {what}", "no"), 422, `{"code":"refused","message":"email: no","reason":{"code":"refusal.email.no","params":{"what":"no"}}}`},
		{&syncer.RejectError{Reason: coded.Words("name: is required")}, 422, `{"code":"refused","message":"name: is required","reason":{"code":"refusal.words","params":{"words":"name: is required"}}}`},
		{context.DeadlineExceeded, 504, `{"code":"timeout","message":"it took too long; what was asked for may still be done","reason":{"code":"refusal.timeout"}}`},
		{errors.New("password of the database"), 500, `{"code":"internal","message":"an internal error; the service's log says which","reason":{"code":"refusal.internal"}}`},
	} {
		s, log := server(t, func(context.Context, string, []byte) ([]byte, error) { return nil, c.err }, Config{})
		w := ask(s, "POST", "/api/metakocka/contacts/sync", "{}")
		require.Equal(t, c.status, w.Code)
		require.JSONEq(t, `{"success":false,"error":`+c.body+`}`, w.Body.String())
		require.Equal(t, c.status == 500, strings.Contains(log.String(), "password of the database"))
	}
}

func TestPanicsAreAnsweredAndLogged(t *testing.T) {
	t.Parallel()
	s, log := server(t, func(context.Context, string, []byte) ([]byte, error) { panic("a mistake") }, Config{})
	w := ask(s, "POST", "/api/metakocka/contacts/sync", "{}")
	require.Equal(t, 500, w.Code)
	require.Contains(t, w.Body.String(), `"code":"internal"`)
	require.NotContains(t, w.Body.String(), "mistake")
	require.Contains(t, log.String(), "a mistake")
	require.Contains(t, log.String(), "httpapi_test.go")
}

func TestEachTokenHasItsOwnLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // no time passes between the requests
		s, _ := server(t, func(context.Context, string, []byte) ([]byte, error) { return []byte("{}"), nil },
			Config{Tokens: []Token{{"crm", "secret-token", operations.Admin}, {"billing", "other", operations.Admin}}, Rate: 0.5})
		for range 2 {
			require.Equal(t, 200, ask(s, "POST", "/api/metakocka/contacts/sync", "{}").Code)
		}
		for range 3 { // and being refused does not make it longer
			w := ask(s, "POST", "/api/metakocka/contacts/sync", "{}")
			require.Equal(t, 429, w.Code)
			require.Equal(t, "2", w.Header().Get("Retry-After"))
			require.Contains(t, w.Body.String(), `"code":"too_many_requests"`)
		}
		require.Equal(t, 200, askAs(s, "other").Code)
	})
}

// askAs asks for a mapping with a token.
func askAs(s *Server, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/api/metakocka/contacts/mappings", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return recorded(s, r)
}

func TestIdleLimitsAreForgotten(t *testing.T) {
	t.Parallel()
	l := newLimits(1e9)
	for i := range 3 * mostLimits {
		require.Zero(t, l.allow(strings.Repeat("x", i)))
	}
	require.LessOrEqual(t, len(l.of), mostLimits)
}

// TestStoppingLetsRequestsFinish: a request that runs is answered before Run returns.
func TestStoppingLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	begun, finish := make(chan struct{}), make(chan struct{})
	s, _ := server(t, func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		close(begun)
		<-finish
		return []byte("{}"), ctx.Err()
	}, Config{})
	ctx, stop := context.WithCancel(t.Context())
	done, answered := make(chan error, 1), make(chan string, 1)
	go func() { done <- s.Run(ctx) }()
	patience := waits.Context(t, 10*time.Second)
	go func() {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		r, _ := http.NewRequestWithContext(patience, http.MethodPost, "http://"+s.Addr()+"/api/metakocka/contacts/sync", strings.NewReader("{}"))
		r.Header.Set("Authorization", "Bearer secret-token")
		res, err := c.Do(r)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer func() { _ = res.Body.Close() }()
		body, _ := io.ReadAll(res.Body)
		answered <- string(body)
	}()
	<-begun
	stop()
	close(finish)
	require.JSONEq(t, `{"success":true,"data":{}}`, <-answered)
	require.NoError(t, <-done)
}

func TestAnswersAreJSONAlsoWhenTheyCannotBeWritten(t *testing.T) {
	t.Parallel()
	s, _ := server(t, nil, Config{})
	w := httptest.NewRecorder()
	s.answer(w, 200, make(chan int))
	require.Equal(t, 500, w.Code)
	require.True(t, json.Valid(w.Body.Bytes()))
}
