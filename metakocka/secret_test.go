package metakocka_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// requireNoSecret looks for the key as it is and as parts of the system write it.
func requireNoSecret(t *testing.T, texts ...string) {
	t.Helper()
	quoted, err := json.Marshal(secret)
	require.NoError(t, err)
	for _, text := range texts {
		for _, spelling := range []string{secret, strings.ToUpper(secret), strings.Trim(string(quoted), `"`), url.QueryEscape(secret), html.EscapeString(secret)} {
			require.NotContains(t, text, spelling)
		}
	}
}

func TestTheSecretIsNowhere(t *testing.T) {
	quoted, err := json.Marshal(secret)
	require.NoError(t, err)
	echo := strings.Trim(string(quoted), `"`)
	for name, h := range map[string]http.HandlerFunc{
		"refusal":    writes(`{"opr_code":"1","opr_desc":"Wrong key ` + echo + `"}`),
		"upper case": writes(`{"opr_code":"1","error_desc":"Wrong key ` + strings.ToUpper(echo) + `"}`),
		"in a URL":   writes(`{"opr_code":"1","opr_desc":"GET /?k=` + url.QueryEscape(secret) + `"}`),
		"code":       writes(`{"opr_code":"` + echo + `"}`),
		"long text":  writes(`{"opr_code":"1","opr_desc":"` + strings.Repeat("x", 490) + echo + `"}`),
		"page":       writes(`<html>` + html.EscapeString(secret) + `</html>`),
		"garbage":    writes(`{"secret_key":"` + echo),
		"shape":      writes(`{"partner_list":"` + echo + `"}`),
		"body echo": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.Copy(w, r.Body)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(h)
			t.Cleanup(server.Close)
			var logged logBuffer
			c, err := metakocka.New(metakocka.Config{
				URL: server.URL, CompanyID: "1", SecretKey: secret, Retries: 1, BreakerFailures: 2,
				BackoffInitial: time.Millisecond, BackoffMax: time.Millisecond,
			}, logged.logger())
			require.NoError(t, err)
			t.Cleanup(c.Close)
			for range 3 {
				_, err = c.Get(t.Context(), "1")
				require.Error(t, err)
				requireNoSecret(t, err.Error(), fmt.Sprintf("%#v", errors.Unwrap(err)))
			}
			requireNoSecret(t, logged.String(), c.State().LastError, fmt.Sprintf("%+v %#v", c, c))
		})
	}
}

func writes(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func TestTransportErrorsAreCleared(t *testing.T) {
	c, err := metakocka.New(metakocka.Config{
		CompanyID: "1", SecretKey: secret,
		HTTPClient: &http.Client{Transport: brokenTransport{fmt.Errorf("sent %q", secret)}},
	}, new(logBuffer).logger())
	require.NoError(t, err)
	_, err = c.Get(t.Context(), "1")
	requireNoSecret(t, err.Error(), fmt.Sprintf("%+v", errors.Unwrap(err)))
}

func TestAnEchoInAPartnerIsNotKept(t *testing.T) {
	quoted, err := json.Marshal(secret)
	require.NoError(t, err)
	c := answering(t, 200, `{"mk_id":"1","customer":"Ana","secret_key":`+string(quoted)+`,"request":{"k":`+string(quoted)+`}}`,
		func(cfg *metakocka.Config) { cfg.SecretKey = secret })
	p, err := c.Update(t.Context(), metakocka.Update{MKID: "1"}, nil)
	require.NoError(t, err)
	data, err := json.Marshal(p)
	require.NoError(t, err)
	requireNoSecret(t, string(data))
}

func TestConfigPrintsWithoutTheSecret(t *testing.T) {
	cfg := metakocka.Config{URL: "https://x", CompanyID: "1", SecretKey: secret}
	var logged logBuffer
	logged.logger().Info("starting", "metakocka", cfg)
	requireNoSecret(t, fmt.Sprintf("%v %+v %#v %s", cfg, cfg, cfg, cfg), logged.String())
}

func TestAnEchoingSimulator(t *testing.T) {
	_, c := simulated(t, sim.Options{EchoSecret: true, ListAll: sim.Refused})
	_, err := c.Find(t.Context(), metakocka.Query{All: true})
	require.True(t, metakocka.IsRefusal(err))
	require.NotContains(t, err.Error(), sim.DefaultSecretKey)
	require.Contains(t, err.Error(), "[secret]")
}
