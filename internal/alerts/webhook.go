package alerts

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/crmmind/mksync/mapping/store"
)

// Webhook sends messages to an address, signed as Standard Webhooks prescribes.
type Webhook struct {
	URL string
	Key []byte // of the secret
}

// secretPrefix begins a secret of Standard Webhooks.
const secretPrefix = "whsec_"

// The lengths of a key in bytes that Standard Webhooks allows.
const (
	shortestKey = 24
	longestKey  = 64
)

// ErrSecret says what a secret is.
var ErrSecret = errors.New("not whsec_ and 24 to 64 random bytes in Base64 (`echo whsec_$(openssl rand -base64 32)` makes one)")

// ReadSecret is the key of a secret. Its error does not quote it.
func ReadSecret(secret string) ([]byte, error) {
	text, begins := strings.CutPrefix(secret, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	if !begins || err != nil || len(key) < shortestKey || len(key) > longestKey {
		return nil, ErrSecret
	}
	return key, nil
}

// body is what a webhook's message holds.
type body struct {
	Type    store.AlertType `json:"type"`
	At      time.Time       `json:"at"`
	Reasons []reason        `json:"reasons"`
}

// reason is a kind of thing that needs a person.
type reason struct {
	Code  string `json:"code"`
	Count int    `json:"count"`
	Text  string `json:"text"`
	URL   string `json:"url,omitempty"` // where to decide; where the console's address is known
}

func (w *Webhook) channel() store.AlertChannel { return store.AlertWebhook }

// send implements sender. Anything but 2xx is a failure, a redirection too.
func (w *Webhook) send(ctx context.Context, m letter) (string, error) {
	to := w.host()
	content, err := json.Marshal(m.body)
	if err != nil {
		return to, fmt.Errorf("write the message: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(content))
	if err != nil {
		return to, plainly(err)
	}
	w.sign(r.Header, "msg_"+m.id, time.Now(), content)

	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if err != nil {
		return to, plainly(err)
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.CopyN(io.Discard, answer.Body, 1<<16)
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return to, fmt.Errorf("it answers %s", answer.Status)
	}
	return to, nil
}

// sign sets the headers of Standard Webhooks. The time is when the message is sent, by this
// machine's clock: receivers compare it with theirs.
func (w *Webhook) sign(h http.Header, id string, at time.Time, content []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, w.Key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, stamp, content)

	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "mksync")
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// host is where messages go; the rest of the address may be a secret.
func (w *Webhook) host() string {
	u, err := url.Parse(w.URL)
	if err != nil {
		return ""
	}
	return u.Host
}
