package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAlertsAreTriedByCommand: each way by itself, without a service and a database, and no
// secret of it is shown.
func TestAlertsAreTriedByCommand(t *testing.T) {
	t.Parallel()
	var got string
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = string(body)
	}))
	t.Cleanup(hook.Close)
	tries := func(environ ...string) (stdout string, err error) {
		var out, notes bytes.Buffer
		root := newRootCommand(&cliEnv{stdout: &out, stderr: &notes, environ: environ})
		root.SetArgs([]string{"alerts", "test"})
		err = root.ExecuteContext(t.Context())
		require.NotContains(t, out.String()+notes.String(), "hunter2")
		return out.String(), err
	}

	_, err := tries()
	require.ErrorContains(t, err, "nobody is told: set alerts.webhook_url")
	webhook := []string{"MKSYNC_ALERTS_WEBHOOK_URL=" + hook.URL + "/hunter2", "MKSYNC_ALERTS_WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	stdout, err := tries(webhook...)
	require.NoError(t, err)
	require.Equal(t, "webhook to "+hook.Listener.Addr().String()+": sent\n", stdout)
	require.Contains(t, got, `"type":"attention.test"`)

	stdout, err = tries(append(webhook, "MKSYNC_ALERTS_MAIL_TO=ana@primer.si", "MKSYNC_ALERTS_MAIL_FROM=m@primer.si", "MKSYNC_ALERTS_SMTP_URL=smtp://u:hunter2@127.0.0.1:1")...)
	require.EqualError(t, err, "1 of 2 ways do not work")
	require.Contains(t, stdout, "mail to ana@primer.si by way of 127.0.0.1:1: FAILED: ")
}
