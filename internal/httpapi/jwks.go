package httpapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// CheckJWKSURL refuses an address from which keys could come that somebody on
// the way has changed.
func CheckJWKSURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return errors.New("not an address such as https://abcd.supabase.co/auth/v1/.well-known/jwks.json")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return errors.New("must be https: whoever can change the keys on the way lets anybody in")
}

// signingKey is a public key and the one algorithm that it is used with.
type signingKey struct {
	alg string
	key any // *rsa.PublicKey or *ecdsa.PublicKey
}

// keySet are the public keys at an address. They are read when a token needs
// them, however many tokens name a key that is not there at most once in every.
type keySet struct {
	url    string
	log    *slog.Logger
	client *http.Client
	every  time.Duration // between two tries
	renew  time.Duration // age at which the keys are read again
	keep   time.Duration // age up to which they count while that does not work

	mu      sync.Mutex // guards what follows
	keys    map[string]signingKey
	readAt  time.Time
	triedAt time.Time
	err     error         // of the last try
	reading chan struct{} // closed when a try ends; nil: none is under way
}

const (
	// keysTimeout bounds one try.
	keysTimeout = 5 * time.Second
	// mostKeys bounds what is read, in bytes.
	mostKeys = 256 << 10
	// minRSA is how many bits an RSA key has at least.
	minRSA = 2048
)

// newKeySet reads nothing yet. Supabase's own caches hold its keys for ten
// minutes, and a token lives for an hour.
func newKeySet(address string, log *slog.Logger) *keySet {
	return &keySet{
		url: address, log: log, every: 30 * time.Second, renew: 10 * time.Minute, keep: time.Hour,
		client: &http.Client{
			Timeout: keysTimeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirected },
		},
	}
}

// key is the key of an id. Errors: errNoSuchKey, errNoKeys.
func (k *keySet) key(ctx context.Context, id string) (signingKey, error) {
	key, wait, err := k.look(id, true)
	if wait == nil {
		return key, err
	}
	select {
	case <-wait:
	case <-ctx.Done():
		return key, errNoKeys
	}
	key, _, err = k.look(id, false)
	return key, err
}

// look finds a key, or with may what is to be waited for first: a read, which it
// begins where it is time for one.
func (k *keySet) look(id string, may bool) (key signingKey, wait <-chan struct{}, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	age := time.Since(k.readAt)
	key, known := k.keys[id]
	known = known && age < k.keep

	switch {
	case known && (age < k.renew || k.reading != nil):
		return key, nil, nil
	case may && k.reading != nil:
		return key, k.reading, nil
	case may && time.Since(k.triedAt) >= k.every:
		k.triedAt = time.Now()
		k.reading = make(chan struct{})
		go k.read(k.reading)
		return key, k.reading, nil
	case known:
		return key, nil, nil
	case k.err != nil:
		return key, nil, errNoKeys
	}
	return key, nil, errNoSuchKey
}

// read reads the keys, and says so where it stops or begins to work.
func (k *keySet) read(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), keysTimeout)
	defer cancel()
	keys, err := k.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err != nil && k.err == nil:
		k.log.Warn("the keys of JSON Web Tokens cannot be read; tokens whose key is not known are refused until they can", "url", k.url, "error", err)
	case err == nil && (k.err != nil || k.keys == nil):
		k.log.Info("read the keys of JSON Web Tokens", "url", k.url, "keys", len(keys))
	}
	if k.err = err; err == nil {
		k.keys = keys
		k.readAt = time.Now()
	}
	k.reading = nil
	close(done)
}

// settled waits until no read is under way.
func (k *keySet) settled() {
	k.mu.Lock()
	reading := k.reading
	k.mu.Unlock()
	if reading != nil {
		<-reading
	}
}

func (k *keySet) fetch(ctx context.Context) (map[string]signingKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")

	res, err := k.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()

	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer's status is %s", res.Status)
	}

	text, err := io.ReadAll(io.LimitReader(res.Body, mostKeys+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > mostKeys:
		return nil, errManyKeys
	}
	return readKeys(text)
}

// readKeys are the keys of a JSON Web Key Set that ES256 or RS256 signatures can
// be checked with. Others are left out: they are for other algorithms or uses.
func readKeys(text []byte) (map[string]signingKey, error) {
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, errNoKeySet
	}
	keys := map[string]signingKey{}
	for _, one := range set.Keys {
		var k jose.JSONWebKey
		if err := k.UnmarshalJSON(one); err != nil || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
			continue
		}
		alg := algorithmOf(k.Key)
		if _, twice := keys[k.KeyID]; alg != "" && !twice && (k.Algorithm == "" || k.Algorithm == alg) {
			keys[k.KeyID] = signingKey{alg, k.Key}
		}
	}
	if len(keys) == 0 {
		return nil, errNoUsableKey
	}
	return keys, nil
}

// algorithmOf is what a public key is used with; empty: nothing here.
func algorithmOf(key any) string {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return jwt.SigningMethodES256.Alg()
		}
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSA {
			return jwt.SigningMethodRS256.Alg()
		}
	}
	return ""
}
