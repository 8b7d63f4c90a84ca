package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

// Token lets somebody in, who is known by Name from then on.
type Token struct{ Name, Secret string }

// guard knows who a request comes from.
type guard struct {
	names  []string
	hashes [][sha256.Size]byte
	jwts   *signatures // nil: none
}

func newGuard(tokens []Token, jwtSecret string) *guard {
	g := &guard{jwts: newSignatures(jwtSecret)}
	for _, t := range tokens {
		g.names = append(g.names, t.Name)
		g.hashes = append(g.hashes, sha256.Sum256([]byte(t.Secret)))
	}
	return g
}

// open reports whether anybody could be let in.
func (g *guard) open() bool { return len(g.hashes) > 0 || g.jwts != nil }

// who names the holder of a request's token. How long it takes tells nothing
// about the tokens there are.
func (g *guard) who(r *http.Request) (name string, known bool) {
	token, ok := bearer(r)
	if !ok {
		return "", false
	}
	given, found := sha256.Sum256([]byte(token)), -1
	for i := range g.hashes {
		same := subtle.ConstantTimeCompare(given[:], g.hashes[i][:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return g.jwts.who(token)
	}
	return g.names[found], true
}

// bearer is the token of a request that has exactly one.
func bearer(r *http.Request) (string, bool) {
	all := r.Header.Values("Authorization")
	if len(all) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(all[0], " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// What a token may ask for where the configuration does not say.
const (
	usualRate  = 50
	usualBurst = 200
)

// limits bounds the requests of each token.
type limits struct {
	rate  rate.Limit
	burst int

	mu sync.Mutex
	of map[string]*rate.Limiter
}

func newLimits(perSecond float64, burst int) *limits {
	if perSecond <= 0 {
		perSecond = usualRate
	}
	if burst <= 0 {
		burst = usualBurst
	}
	return &limits{rate: rate.Limit(perSecond), burst: burst, of: map[string]*rate.Limiter{}}
}

// allow reports whether one more request of name is allowed now.
func (l *limits) allow(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[name] == nil {
		l.forgetIdle()
		l.of[name] = rate.NewLimiter(l.rate, l.burst)
	}
	return l.of[name].Allow()
}

// mostLimits is how many limits are kept before idle ones are forgotten.
const mostLimits = 1000

func (l *limits) forgetIdle() {
	if len(l.of) < mostLimits {
		return
	}
	for name, one := range l.of {
		if one.Tokens() >= float64(l.burst) {
			delete(l.of, name)
		}
	}
}
