package httpapi

import (
	"context"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/syncer/operations"
)

// asked asks with headers: names and values in turn.
func asked(s *Server, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return recorded(s, r)
}

// TestPagesOfOtherOriginsMayAskWhereAContactStands, of the configured origins, and nothing
// else; a browser's question whether they may needs no token, an answer does.
func TestPagesOfOtherOriginsMayAskWhereAContactStands(t *testing.T) {
	t.Parallel()
	const crm, status, token = "https://crm.example.si", "/api/metakocka/contacts/a%2Fb/status", "Bearer secret-token"
	s, _ := server(t, func(_ context.Context, name string, request []byte) ([]byte, error) {
		require.Equal(t, operations.OpContactStatus.Name, name)
		return []byte(`{"status":"synced","request":` + string(request) + `}`), nil
	}, Config{Origins: []string{crm}})

	may := asked(s, "OPTIONS", status, "Origin", crm, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization,if-none-match")
	require.Equal(t, 204, may.Code)
	require.Equal(t, []string{crm, "GET", "Authorization, If-None-Match, Accept-Language", "Origin"}, []string{
		may.Header().Get("Access-Control-Allow-Origin"), may.Header().Get("Access-Control-Allow-Methods"), may.Header().Get("Access-Control-Allow-Headers"), may.Header().Get("Vary"),
	})

	got := asked(s, "GET", status, "Origin", crm, "Authorization", token, "Accept-Language", "sl")
	require.Equal(t, 200, got.Code)
	require.JSONEq(t, `{"success":true,"data":{"status":"synced","request":{"id":"a/b","language":"sl"}}}`, got.Body.String())
	require.Equal(t, crm, got.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, "ETag, Retry-After", got.Header().Get("Access-Control-Expose-Headers"))
	require.Equal(t, "private, no-cache", got.Header().Get("Cache-Control"))
	require.Equal(t, []string{"Origin", "Accept-Language, Authorization"}, got.Header().Values("Vary"))
	require.Empty(t, got.Header().Get("Access-Control-Allow-Credentials"))
	tag := got.Header().Get("ETag")
	for _, known := range []string{tag, "W/" + tag, `"x", ` + tag} {
		again := asked(s, "GET", status, "Authorization", token, "Accept-Language", "sl", "If-None-Match", known)
		require.Equal(t, 304, again.Code, known)
		require.Empty(t, again.Body.String())
		require.Equal(t, tag, again.Header().Get("ETag"))
	}
	other := asked(s, "GET", status, "Authorization", token, "Accept-Language", "en", "If-None-Match", tag)
	require.Equal(t, 200, other.Code)

	refused := asked(s, "GET", status, "Origin", crm, "Authorization", "Bearer wrong")
	require.Equal(t, 401, refused.Code)
	require.Equal(t, crm, refused.Header().Get("Access-Control-Allow-Origin"))
	for _, stranger := range []struct{ method, path, origin string }{
		{"GET", status, "https://crm.example.si.evil.si"},
		{"OPTIONS", status, "https://evil.si"},
		{"GET", status, "null"},
		{"GET", "/api/metakocka/contacts/a", crm},
		{"OPTIONS", "/api/metakocka/contacts/sync", crm},
		{"GET", "/api/metakocka/contacts", crm},
	} {
		w := asked(s, stranger.method, stranger.path, "Origin", stranger.origin, "Access-Control-Request-Method", "GET")
		require.Equal(t, 401, w.Code, stranger)
		require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"), stranger)
	}
}

// TestTheElementIsServed to whoever asks, small enough, and needs nothing that a strict
// policy forbids.
func TestTheElementIsServed(t *testing.T) {
	t.Parallel()
	s, _ := server(t, nil, Config{})
	got := asked(s, "GET", elementPath)
	require.Equal(t, 200, got.Code)
	require.LessOrEqual(t, got.Body.Len(), 5*1024)
	require.Equal(t, []string{"*", "text/javascript; charset=utf-8", "nosniff", "cross-origin"}, []string{
		got.Header().Get("Access-Control-Allow-Origin"), got.Header().Get("Content-Type"), got.Header().Get("X-Content-Type-Options"), got.Header().Get("Cross-Origin-Resource-Policy"),
	})
	require.NotRegexp(t, `innerHTML|eval\(|new Function|<style|import\(|\.style\b`, got.Body.String())
	require.Equal(t, 304, asked(s, "GET", elementPath, "If-None-Match", got.Header().Get("ETag")).Code)
	require.Equal(t, 405, asked(s, "POST", elementPath).Code)

	page, err := os.ReadFile("../../docs/embedding/index.html")
	require.NoError(t, err)
	require.Contains(t, string(page), elementPath)
	require.NotRegexp(t, `<script>|<style|style=|unsafe-| on\w+=`, string(page))
}
