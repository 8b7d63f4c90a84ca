package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFailedSignInsAreBoundedAndToldOnce(t *testing.T) {
	t.Parallel()
	s, log := server(t, nil, Config{})
	codes := map[int]int{}
	for range 3 * bursts * strangerRate {
		r := httptest.NewRequest(http.MethodGet, "/api/metakocka/jobs", nil)
		r.Header.Set("Authorization", "Bearer guessed-token-0123")
		codes[recorded(s, r).Code]++
	}
	require.GreaterOrEqual(t, codes[401], bursts*strangerRate)
	require.Positive(t, codes[429])
	require.Equal(t, 404, ask(s, "GET", "/api/nothing", "").Code, "a valid token from the same address is let in")

	require.Equal(t, 1, strings.Count(log.String(), "kept out requests without a valid token"))
	require.Contains(t, log.String(), "address=192.0.2.1")
	require.NotContains(t, log.String(), "guessed")
}
