package httpapi

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/golang-jwt/jwt/v5"

	"github.com/crmmind/mksync/syncer"
)

// Codes of errors that only HTTP knows.
const (
	codeUnauthorized syncer.Code = "unauthorized"
	codeMethod       syncer.Code = "method_not_allowed"
	codeRate         syncer.Code = "too_many_requests"
)

// statusOf is a code as a status.
func statusOf(code syncer.Code) int {
	switch code {
	case codeUnauthorized:
		return http.StatusUnauthorized
	case codeMethod:
		return http.StatusMethodNotAllowed
	case codeRate:
		return http.StatusTooManyRequests
	}
	return code.HTTP()
}

// Why a request is let in by nobody's token.
var (
	errNoToken   = syncer.Refuse(codeUnauthorized, "access.token", "a valid token is needed: Authorization: Bearer <token>")
	errPublic    = syncer.Refuse(codeUnauthorized, "access.public", "this token is the public one (anon), or an anonymous user's: it lets nobody in")
	errAudience  = syncer.Refuse(codeUnauthorized, "access.audience", "the token is for another audience (MKSYNC_API_JWT_AUDIENCE)")
	errNoName    = syncer.Refuse(codeUnauthorized, "access.name", "the token names nobody whose name could be stored: sub has letters, digits, _ . @ and - only, at most 64, and is no configured token's name")
	errNoSuchKey = syncer.Refuse(codeUnauthorized, "access.key", "the token's key is not among the configured ones")
)

// errNoKeys: the keys that a token may be signed with are not known now.
var errNoKeys = syncer.Refuse(syncer.CodeUnavailable, "access.keys", "the keys of JSON Web Tokens cannot be read now; the service's log says why")

// Why keys cannot be read.
var (
	errRedirected  = errors.New("it redirects, which is not followed")
	errManyKeys    = errors.New("the answer is too large")
	errNoKeySet    = errors.New("the answer is no JSON Web Key Set")
	errNoUsableKey = errors.New("it holds no public key for ES256 or RS256; a project that signs with a secret (HS256) needs MKSYNC_API_JWT_SECRET")
)

// roleError says that a token is genuine and its holder may not ask.
type roleError struct{ claim string }

func (e *roleError) Error() string { return e.refusal().Error() }

func (e *roleError) refusal() error {
	return syncer.Refuse(syncer.CodeForbidden, "access.role", "whoever has this token may not call this API: its {claim} is none of MKSYNC_API_JWT_ROLES", strconv.Quote(e.claim))
}

// notIn says how somebody is refused who is not let in.
func notIn(err error) error {
	var role *roleError
	switch {
	case errors.As(err, &role):
		return role.refusal()
	case errors.Is(err, jwt.ErrTokenExpired):
		return syncer.Refuse(codeUnauthorized, "access.expired", "the token has expired")
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return syncer.Refuse(codeUnauthorized, "access.not_yet", "the token is not valid yet")
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return syncer.Refuse(codeUnauthorized, "access.issuer", "the token is of another issuer (MKSYNC_API_JWT_ISSUER)")
	}
	for _, known := range []error{errNoKeys, errPublic, errAudience, errNoName, errNoSuchKey} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errNoToken
}
