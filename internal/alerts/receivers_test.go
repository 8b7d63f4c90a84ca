package alerts_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/alerts"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="

// received is a message that somebody took.
type received struct {
	id   string
	text string
	body struct {
		Type    string
		At      time.Time
		Reasons []struct {
			Code  string
			Count int
			Text  string
			URL   string
		}
	}
}

// inbox is what a receiver took, and how it behaves: trouble happens to the next messages,
// one each, before the rest is taken.
type inbox struct {
	mu      sync.Mutex
	trouble []func() error
	taken   []received
	tries   int
}

func (b *inbox) fail(trouble ...func() error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trouble = append(b.trouble, trouble...)
}

// next is what happens to the next message.
func (b *inbox) next() error {
	b.mu.Lock()
	b.tries++
	var trouble func() error
	if len(b.trouble) > 0 {
		trouble, b.trouble = b.trouble[0], b.trouble[1:]
	}
	b.mu.Unlock()
	if trouble == nil {
		return nil
	}
	return trouble()
}

func (b *inbox) take(m received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken = append(b.taken, m)
}

// messages are what was taken, each message once; all tells of repeats, too.
func (b *inbox) messages() (once, all []received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.taken {
		if !slices.ContainsFunc(once, func(o received) bool { return o.id == m.id }) {
			once = append(once, m)
		}
	}
	return once, slices.Clone(b.taken)
}

func refuse() error { return errors.New("not now") }

// hook is a receiver of webhooks, which checks each signature as receivers do.
func hook(t *testing.T) (*inbox, *alerts.Webhook) {
	t.Helper()
	b := &inbox{}
	check, err := webhooks.NewWebhook(secret)
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(r.Body)
		if err == nil {
			err = check.Verify(content, r.Header)
		}
		m := received{id: r.Header.Get("webhook-id"), text: string(content)}
		if err == nil {
			err = json.Unmarshal(content, &m.body)
		}
		if err != nil {
			t.Errorf("not a message: %s", err)
		}
		if b.next() != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		b.take(m)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	key, err := alerts.ReadSecret(secret)
	require.NoError(t, err)
	return b, &alerts.Webhook{URL: server.URL + "/a-secret-path", Key: key}
}

// post is a kind of mail server.
type post struct {
	open      func(session) smtp.Session // nil: it takes everything
	tls       *tls.Config                // nil: it offers none
	encrypted bool                       // from the first byte
}

// postbox is a mail server, and who sends there.
func postbox(t *testing.T, p post) (*inbox, *alerts.Mail) {
	t.Helper()
	b := &inbox{}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		if p.open != nil {
			return p.open(session{b}), nil
		}
		return session{b}, nil
	}))
	server.Domain = "localhost"
	server.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	if p.encrypted {
		l = tls.NewListener(l, p.tls)
	} else {
		server.TLSConfig = p.tls
	}

	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return b, &alerts.Mail{
		From: "mksync <mksync@primer.si>", To: []string{"ana@primer.si", "bor@primer.si"},
		SMTP: alerts.SMTP{Host: "127.0.0.1", Port: port, Encrypted: p.encrypted},
	}
}

// session takes mails.
type session struct{ *inbox }

func (s session) Reset()        {}
func (s session) Logout() error { return nil }

func (s session) Mail(string, *smtp.MailOptions) error { return nil }
func (s session) Rcpt(string, *smtp.RcptOptions) error { return nil }

func (s session) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.next(); err != nil {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: err.Error()}
	}
	m, err := netmail.ReadMessage(bytes.NewReader(content))
	if err != nil {
		return err
	}
	s.take(received{id: m.Header.Get("Message-Id"), text: strings.ReplaceAll(string(content), "\r\n", "\n")})
	return nil
}
