package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/crmmind/mksync/syncer/operations"
)

// Token lets somebody in, who is known by Name from then on.
type Token struct {
	Name, Secret string
	Role         operations.Role
}

// RolesOf are the roles of the tokens' holders, by name.
func RolesOf(tokens []Token) map[string]operations.Role {
	roles := map[string]operations.Role{}
	for _, t := range tokens {
		roles[t.Name] = t.Role
	}
	return roles
}

// guard knows who a request comes from.
type guard struct {
	callers []operations.Caller
	hashes  [][sha256.Size]byte
	jwts    *signatures // nil: none
}

func newGuard(tokens []Token, jwts JWT, log *slog.Logger) *guard {
	g := &guard{}
	var names []string
	for _, t := range tokens {
		names = append(names, t.Name)
		g.callers = append(g.callers, operations.Caller{Name: t.Name, Role: t.Role})
		g.hashes = append(g.hashes, sha256.Sum256([]byte(t.Secret)))
	}
	g.jwts = newSignatures(jwts, names, log)
	return g
}

// warmUp begins to read the keys of JSON Web Tokens, so that it is said at the
// start where that does not work; settled waits for whatever read is under way.
func (g *guard) warmUp() (settled func()) {
	if g.jwts == nil || g.jwts.keys == nil {
		return func() {}
	}
	_, _, _ = g.jwts.keys.look("", true)
	return g.jwts.keys.settled
}

// open reports whether anybody could be let in.
func (g *guard) open() bool { return len(g.hashes) > 0 || g.jwts != nil }

// who is the holder of a request's token. The error is for notIn.
func (g *guard) who(r *http.Request) (operations.Caller, error) {
	token, ok := bearer(r)
	if !ok {
		return operations.Caller{}, errNoToken
	}
	who, _, err := g.holder(r.Context(), token)
	return who, err
}

// holder is the holder of a token, and when the token ends; zero: never. How long it takes
// tells nothing about the tokens there are. The error is for notIn.
func (g *guard) holder(ctx context.Context, token string) (who operations.Caller, until time.Time, err error) {
	given, found := sha256.Sum256([]byte(token)), -1
	for i := range g.hashes {
		same := subtle.ConstantTimeCompare(given[:], g.hashes[i][:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return g.jwts.who(ctx, token)
	}
	return g.callers[found], until, nil
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

// usualRate is what a token may ask for in a second where the configuration does
// not say.
const usualRate = 50

// bursts is for how many seconds' requests at once a token that was quiet may ask.
const bursts = 4

// limits bounds the requests of each token, wherever they come from: behind a
// proxy all come from one address.
type limits struct {
	rate  rate.Limit
	burst int

	mu sync.Mutex
	of map[string]*rate.Limiter
}

func newLimits(perSecond float64) *limits {
	if perSecond <= 0 {
		perSecond = usualRate
	}
	return &limits{rate: rate.Limit(perSecond), burst: max(1, int(bursts*perSecond)), of: map[string]*rate.Limiter{}}
}

// allow is how many seconds one more request of name has to wait; 0: it need not.
func (l *limits) allow(name string) (wait int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[name] == nil {
		l.forgetIdle()
		l.of[name] = rate.NewLimiter(l.rate, l.burst)
	}
	now := time.Now()
	r := l.of[name].ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay > 0 {
		r.CancelAt(now)
	}
	return int(math.Ceil(delay.Seconds()))
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
