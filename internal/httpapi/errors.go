package httpapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/golang-jwt/jwt/v5"

	"github.com/crmmind/mksync/syncer"
)

// Codes of errors that only HTTP knows.
const (
	codeUnauthorized syncer.Code = "unauthorized"
	codeMethod       syncer.Code = "method_not_allowed"
	codeRate         syncer.Code = "too_many_requests"
)

// Why a request is let in by nobody's token.
var (
	errNoToken   = errors.New("a valid token is needed: Authorization: Bearer <token>")
	errPublic    = errors.New("this token is the public one (anon), or an anonymous user's: it lets nobody in")
	errAudience  = errors.New("the token is for another audience (MKSYNC_API_JWT_AUDIENCE)")
	errNoName    = errors.New("the token names nobody whose name could be stored: sub has letters, digits, _ . @ and - only, at most 64, and is no configured token's name")
	errNoSuchKey = errors.New("the token's key is not among the configured ones")
)

// errNoKeys: the keys that a token may be signed with are not known now.
var errNoKeys = errors.New("the keys of JSON Web Tokens cannot be read now; the service's log says why")

// Why keys cannot be read.
var (
	errRedirected  = errors.New("it redirects, which is not followed")
	errManyKeys    = errors.New("the answer is too large")
	errNoKeySet    = errors.New("the answer is no JSON Web Key Set")
	errNoUsableKey = errors.New("it holds no public key for ES256 or RS256; a project that signs with a secret (HS256) needs MKSYNC_API_JWT_SECRET")
)

// roleError says that a token is genuine and its holder may not ask.
type roleError struct{ claim string }

func (e *roleError) Error() string {
	return fmt.Sprintf("whoever has this token may not call this API: its %q is none of MKSYNC_API_JWT_ROLES", e.claim)
}

// notIn says how somebody is refused who is not let in.
func notIn(err error) (status int, code syncer.Code, message string) {
	var role *roleError
	switch {
	case errors.As(err, &role):
		return http.StatusForbidden, syncer.CodeForbidden, role.Error()
	case errors.Is(err, errNoKeys):
		return http.StatusServiceUnavailable, syncer.CodeUnavailable, errNoKeys.Error()
	case errors.Is(err, jwt.ErrTokenExpired):
		return http.StatusUnauthorized, codeUnauthorized, "the token has expired"
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return http.StatusUnauthorized, codeUnauthorized, "the token is not valid yet"
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return http.StatusUnauthorized, codeUnauthorized, "the token is of another issuer (MKSYNC_API_JWT_ISSUER)"
	}
	for _, known := range []error{errPublic, errAudience, errNoName, errNoSuchKey} {
		if errors.Is(err, known) {
			return http.StatusUnauthorized, codeUnauthorized, known.Error()
		}
	}
	return http.StatusUnauthorized, codeUnauthorized, errNoToken.Error()
}
