package support

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhatIsCleaned: what may be somebody's becomes a hash, the same for the same; the
// program's own words, times, positions and small numbers stay.
func TestWhatIsCleaned(t *testing.T) {
	t.Parallel()
	c := NewCleaner([]string{"the+key/of the company", "gesloGESLO"}, []string{"public.stiki"})
	for text, want := range map[string]string{
		"MetaKocka refuses every call: 12 of 40 partners": "MetaKocka refuses every call: 12 of 40 partners",
		"read contact in 1.25s at 0/1A2B3C4D":             "read contact in 1.25s at 0/1A2B3C4D",
		"since 2026-11-30T10:00:00Z":                      "since 2026-11-30T10:00:00Z",
		"table public.stiki":                              "table public.stiki",
		"the key is the+key/of the company":               "the key is [secret]",
		"the%2Bkey%2Fof+the+company":                      "[secret]",
		"postgres://u:x@y@gorenjec/stranke":               "postgres://[hidden]@" + c.Hash("gorenjec") + "/" + c.Hash("stranke"),
		"Čretnik":                                         c.Hash("Čretnik"),
		"za ana@novak.si":                                 "za " + c.Hash("ana@novak.si"),
		"+386 41 765 432":                                 c.Hash("+386 41 765 432"),
		"(041) 765-432":                                   "(" + c.Hash("041) 765-432"),
		"SI50223054":                                      c.Hash("SI50223054"),
		"202cbdb0-c06d-4cb1-9365-c0218233cbf8":            c.Hash("202cbdb0-c06d-4cb1-9365-c0218233cbf8"),
		"228000046669":                                    c.Hash("228000046669"),
	} {
		require.Equal(t, want, c.Text(text), text)
	}
	require.NotEqual(t, c.Hash("Čretnik"), NewCleaner(nil, nil).Hash("Čretnik"))

	lines, err := Lines(c, []any{map[string]any{"message": "contact", "ana@novak.si": []any{"Novak", 1234567, true}}})
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(lines), "\n"))
	require.NotContains(t, strings.ToLower(string(lines)), "novak")
	require.Contains(t, string(lines), "1234567")
}

// TestTheMetricsAreAsTheServiceHasThem, but for secrets.
func TestTheMetricsAreAsTheServiceHasThem(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path+" mksync_lag_bytes{slot=\"mksync\"} 1234567 gesloGESLO")
	}))
	t.Cleanup(server.Close)
	c := NewCleaner([]string{"gesloGESLO"}, nil)
	text, err := Metrics(t.Context(), c, strings.TrimPrefix(server.URL, "http://"))
	require.NoError(t, err)
	require.Equal(t, "/metrics mksync_lag_bytes{slot=\"mksync\"} 1234567 [secret]", string(text))
	server.Close()
	_, err = Metrics(t.Context(), c, strings.TrimPrefix(server.URL, "http://"))
	require.ErrorContains(t, err, "ask for the metrics")
}
