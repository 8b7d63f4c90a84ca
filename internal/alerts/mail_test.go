package alerts_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/alerts"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// door is a session that asks for a password, which it takes only where nobody else reads it.
type door struct{ session }

func (door) AuthMechanisms() []string { return []string{sasl.Plain} }

func (door) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "mksync" || password != "g/slo" {
			return errors.New("no")
		}
		return nil
	}), nil
}

// choosy refuses a receiver.
type choosy struct{ session }

func (choosy) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "bor") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	}
	return nil
}

// try sends a message to try the way, and says what went wrong.
func try(t *testing.T, m *alerts.Mail, within time.Duration) string {
	t.Helper()
	pace := brisk
	pace.Timeout = within
	tried := alerts.Test(t.Context(), alerts.Config{Mail: m, Language: "sl", Pace: pace}, "7f", time.Now())
	require.Len(t, tried, 1)
	require.Contains(t, tried[0].To, "ana@primer.si, bor@primer.si by way of 127.0.0.1:")
	if tried[0].Err == nil {
		return ""
	}
	return tried[0].Err.Error()
}

// TestAMailGoesByEncryptedWays, from the first byte or as soon as that is offered, and a
// password by no other.
func TestAMailGoesByEncryptedWays(t *testing.T) {
	t.Parallel()
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(certified.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(certified.Certificate())
	offered := &tls.Config{Certificates: certified.TLS.Certificates}
	within := waits.Stretch(10 * time.Second)
	asks := func(s session) smtp.Session { return door{s} }

	for name, p := range map[string]post{
		"as soon as it is offered": {open: asks, tls: offered},
		"from the first byte":      {open: asks, tls: offered, encrypted: true},
	} {
		b, m := postbox(t, p)
		m.User, m.Password = "mksync", "g/slo"
		require.Contains(t, try(t, m, within), "certificate", name)
		m.TLS = &tls.Config{RootCAs: trusted}
		require.Empty(t, try(t, m, within), name)
		m.Password = "another"
		require.Contains(t, try(t, m, within), "AUTH failed", name)

		once, _ := b.messages()
		require.Len(t, once, 1, name)
		for _, line := range []string{
			"Subject: =?UTF-8?q?mksync:_poskusno_sporo=C4=8Dilo?=", "From: \"mksync\" <mksync@primer.si>", "To: <ana@primer.si>, <bor@primer.si>",
			"Message-ID: <7f@primer.si>", "Auto-Submitted: auto-generated",
		} {
			require.Contains(t, "\n"+once[0].text, "\n"+line+"\n", name)
		}
	}

	b, m := postbox(t, post{open: asks})
	m.User, m.Password = "mksync", "g/slo"
	require.NotEmpty(t, try(t, m, within))
	once, _ := b.messages()
	require.Empty(t, once)
}

// TestAMailServerThatDoesNotTakeIt: one that refuses somebody, hangs, or is not there.
func TestAMailServerThatDoesNotTakeIt(t *testing.T) {
	t.Parallel()
	b, m := postbox(t, post{open: func(s session) smtp.Session { return choosy{s} }})
	require.Contains(t, try(t, m, waits.Stretch(10*time.Second)), "no such user")
	once, _ := b.messages()
	require.Empty(t, once, "all get it, or nobody does")

	hang := make(chan struct{})
	b, m = postbox(t, post{})
	t.Cleanup(func() { close(hang) })
	b.fail(func() error { <-hang; return errors.New("too late") })
	require.Equal(t, "the mail server does not answer in time", try(t, m, 200*time.Millisecond))

	m.Port = 1
	require.Contains(t, try(t, m, waits.Stretch(10*time.Second)), "refused")
}
