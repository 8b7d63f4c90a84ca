package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/crmmind/mksync/syncer/operations"
)

// Door lets people in who sign in with a token, by the rules of the API: the same tokens,
// the same bounds, and the same words in the log for those who are kept out.
type Door struct{ s *Server }

// Refusal is why somebody is kept out, for whoever shows it in words of their own.
type Refusal struct {
	Kind RefusalKind
	Wait int // seconds until it may be tried again; 0: at once
}

// RefusalKind says why a token lets nobody in.
type RefusalKind string

// The kinds of refusals.
const (
	RefusedToken   RefusalKind = "token"    // no such token
	RefusedExpired RefusalKind = "expired"  // it was one
	RefusedRole    RefusalKind = "role"     // it is genuine, and its holder may not ask
	RefusedTooMany RefusalKind = "too_many" // too many tries from this address
	RefusedNoKeys  RefusalKind = "no_keys"  // what it is checked with cannot be read now
	refusedNobody  RefusalKind = ""         // let in
)

// Open reports whether anybody could be let in.
func (d Door) Open() bool { return d.s.guard.open() }

// Stopping is closed when the server stops: whoever streams ends then.
func (d Door) Stopping() <-chan struct{} { return d.s.stopping }

// SignIn is who holds the token that a request brings in its form, and when the token ends;
// zero: never.
func (d Door) SignIn(r *http.Request, token string) (who operations.Caller, until time.Time, refused Refusal) {
	who, until, err := d.s.guard.holder(r.Context(), token)
	if err == nil {
		noteCaller(r, who.Name)
		return who, until, Refusal{}
	}
	if wait := d.s.strangers.note(r, err); wait > 0 {
		return who, until, Refusal{RefusedTooMany, wait}
	}
	return who, until, Refusal{Kind: refusalOf(err)}
}

// Allow is how many seconds one more request of somebody has to wait; 0: it need not.
func (d Door) Allow(r *http.Request, name string) (wait int) {
	noteCaller(r, name)
	return d.s.limits.allow(name)
}

func refusalOf(err error) RefusalKind {
	var role *roleError
	switch {
	case errors.As(err, &role):
		return RefusedRole
	case errors.Is(err, jwt.ErrTokenExpired):
		return RefusedExpired
	case errors.Is(err, errNoKeys):
		return RefusedNoKeys
	}
	return RefusedToken
}

// Refused reports whether somebody is kept out.
func (r Refusal) Refused() bool { return r.Kind != refusedNobody }
