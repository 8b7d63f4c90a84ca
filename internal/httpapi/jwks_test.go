package httpapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// issuer serves the public keys of whoever signs tokens.
type issuer struct {
	server *httptest.Server

	mu    sync.Mutex
	set   jose.JSONWebKeySet
	down  bool
	body  string // in place of the set
	asked int
	hold  chan struct{} // answers wait until it is closed
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	i.server = httptest.NewServer(i)
	t.Cleanup(i.server.Close)
	return i
}

func (i *issuer) url() string { return i.server.URL + "/auth/v1/.well-known/jwks.json" }

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.asked++
	hold, down := i.hold, i.down
	i.mu.Unlock()
	if hold != nil {
		<-hold
	}
	switch {
	case down:
		http.Error(w, "away", http.StatusBadGateway)
	case r.URL.Path == "/moved":
		http.Redirect(w, r, i.url(), http.StatusFound)
	default:
		_, _ = w.Write([]byte(i.text()))
	}
}

func (i *issuer) text() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.body != "" {
		return i.body
	}
	text, _ := json.Marshal(i.set)
	return string(text)
}

func (i *issuer) times() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

func (i *issuer) change(to func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	to()
}

func (i *issuer) add(id, alg string, key any) {
	i.change(func() {
		i.set.Keys = append(i.set.Keys, jose.JSONWebKey{KeyID: id, Algorithm: alg, Use: "sig", Key: key})
	})
}

// es256 adds a key and returns what signs with it.
func (i *issuer) es256(t *testing.T, id string) (sign func() string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	i.add(id, "ES256", &key.PublicKey)
	return func() string { return signedWith(t, jwt.SigningMethodES256, key, id, userClaims(nil)) }
}

func withKeys(i *issuer) Config {
	return Config{JWT: JWT{JWKSURL: i.url(), Audience: "authenticated", Roles: all("authenticated")}, Rate: 1e6}
}

func TestJWTsAreCheckedWithPublishedKeys(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	sign := i.es256(t, "one")
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s, _ := answering(t, withKeys(i))
	require.Equal(t, 200, askAs(s, sign()).Code)
	require.Equal(t, 1, i.times())
	for _, id := range []string{"one", "two", ""} {
		require.Equal(t, 401, askAs(s, signedWith(t, jwt.SigningMethodES256, stranger, id, userClaims(nil))).Code, id)
	}
	require.Equal(t, 401, askAs(s, signedToken(t, jwt.SigningMethodHS256, []byte(jwtSecret), userClaims(nil))).Code, "no secret is configured")
	require.Equal(t, 1, i.times(), "keys that are not there are not looked for at once again")
}

// TestUnknownKeysAreLookedForNotTooOften: a new key is found, and nobody can make
// the service ask its issuer again and again.
func TestUnknownKeysAreLookedForNotTooOften(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	first := i.es256(t, "one")
	s, _ := answering(t, withKeys(i))
	keys := s.guard.jwts.keys
	s.strangers.limits = newLimits(usualRate)
	require.Equal(t, 200, askAs(s, first()).Code)
	second := i.es256(t, "two")
	for range 50 {
		require.Equal(t, 401, askAs(s, second()).Code)
	}
	require.Equal(t, 1, i.times())
	keys.every = 0
	require.Equal(t, 200, askAs(s, second()).Code)
	require.Equal(t, 2, i.times())
	keys.every = time.Hour
	i.change(func() { i.set.Keys = i.set.Keys[1:] })
	keys.renew = 0 // the keys are old
	require.Equal(t, 200, askAs(s, first()).Code)
	keys.every = 0
	require.Equal(t, 401, askAs(s, first()).Code, "a key that was taken back")
	require.Equal(t, 200, askAs(s, second()).Code)
}

// TestManyWaitForOneRead: who comes while the keys are read does not read them, too.
func TestManyWaitForOneRead(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	sign := i.es256(t, "one")
	hold := make(chan struct{})
	i.hold = hold
	s, _ := answering(t, withKeys(i))
	codes := make(chan int, 20)
	for range cap(codes) {
		token := sign()
		go func() { codes <- askAs(s, token).Code }()
	}
	close(hold)
	for range cap(codes) {
		require.Equal(t, 200, <-codes)
	}
	require.Equal(t, 1, i.times())
}

// TestTheServiceRunsWithoutItsKeys: it starts, says so, answers 503 to tokens that
// it cannot check, and lets others in.
func TestTheServiceRunsWithoutItsKeys(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	sign := i.es256(t, "one")
	i.down = true
	s, log := answering(t, withKeys(i))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	keys := s.guard.jwts.keys
	w := askAs(s, sign())
	require.Equal(t, 503, w.Code)
	require.Equal(t, "30", w.Header().Get("Retry-After"))
	require.Contains(t, w.Body.String(), "keys of JSON Web Tokens cannot be read now")
	require.Equal(t, 200, askAs(s, "secret-token").Code)
	require.Equal(t, 401, askAs(s, "nonsense").Code)
	require.Equal(t, 1, i.times())
	keys.mu.Lock()
	keys.every = 0
	keys.mu.Unlock()
	require.Equal(t, 503, askAs(s, sign()).Code)
	i.change(func() { i.down = false })
	require.Equal(t, 200, askAs(s, sign()).Code)
	i.change(func() { i.down = true })
	keys.mu.Lock()
	keys.renew = 0
	keys.mu.Unlock()
	require.Equal(t, 200, askAs(s, sign()).Code, "keys are kept for a while")
	keys.mu.Lock()
	keys.keep = 0
	keys.mu.Unlock()
	require.Equal(t, 503, askAs(s, sign()).Code, "but not for ever")
	stop()
	require.NoError(t, <-done)
	require.Equal(t, 2, strings.Count(log.String(), "cannot be read; tokens"), "said once each time")
	require.Contains(t, log.String(), "502 Bad Gateway")
	require.Contains(t, log.String(), "read the keys of JSON Web Tokens")
}

func TestKeysThatAreNotForUsAreLeftOut(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	i := newIssuer(t)
	i.add("small", "RS256", &small.PublicKey)
	i.add("p384", "ES384", &p384.PublicKey)
	i.add("secret", "HS256", []byte(jwtSecret))
	i.add("private", "RS256", large)
	i.add("pss", "PS256", &large.PublicKey)
	i.set.Keys = append(i.set.Keys, jose.JSONWebKey{KeyID: "enc", Use: "enc", Key: &large.PublicKey})
	_, err = readKeys([]byte(i.text()))
	require.ErrorIs(t, err, errNoUsableKey)
	i.add("good", "", &large.PublicKey)
	i.add("good", "RS256", &small.PublicKey)
	keys, err := readKeys([]byte(strings.Replace(i.text(), `{"keys":[`, `{"keys":[{"kty":"unknown"},5,`, 1)))
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.Equal(t, "RS256", keys["good"].alg)
	for _, text := range []string{"", "<html>", "{}", "[]", `{"keys":5}`, `{"keys":null}`} {
		_, err = readKeys([]byte(text))
		require.ErrorIs(t, err, errNoKeySet, text)
	}
}

func TestKeysAreReadFromOneAddressOnly(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.es256(t, "one")
	for change, reason := range map[string]func(){
		"redirects":    nil,
		"is too large": func() { i.body = strings.Repeat(" ", mostKeys+1) },
	} {
		k := newKeySet(i.url(), nil)
		if reason == nil {
			k.url = i.server.URL + "/moved"
		} else {
			i.change(reason)
		}
		_, err := k.fetch(t.Context())
		require.ErrorContains(t, err, strings.TrimPrefix(change, "is "))
	}
}

func TestJWKSAddresses(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"https://a.supabase.co/auth/v1/.well-known/jwks.json", "http://127.0.0.1:54321/jwks", "http://[::1]/x", "http://localhost:1/x"} {
		require.NoError(t, CheckJWKSURL(good), good)
	}
	for _, bad := range []string{"", "a", "http://a.supabase.co/x", "https:///x", "ftp://localhost/x", "https://u:p@host/x", "http://127.0.0.1.evil.si/x", "https://h/x#y", "http://localhost.evil.si/"} {
		require.Error(t, CheckJWKSURL(bad), bad)
	}
}
