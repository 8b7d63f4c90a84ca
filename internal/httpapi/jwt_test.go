package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const jwtSecret = "a secret that is thirty-two bytes or more"

func signedToken(t *testing.T, method jwt.SigningMethod, key any, c jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, c).SignedString(key)
	require.NoError(t, err)
	return token
}

func TestJWTsOfUsersAreLetIn(t *testing.T) {
	t.Parallel()
	const user = "6e0f2c8e-9a55-4a55-8f2c-0b8c8a0b7f10"
	soon := time.Now().Add(time.Hour).Unix()
	valid := func(more jwt.MapClaims) jwt.MapClaims {
		c := jwt.MapClaims{"sub": user, "role": "authenticated", "aud": "authenticated", "exp": soon, "email": "ana@novak.si"}
		for k, v := range more {
			c[k] = v
		}
		return c
	}
	hs256, key := jwt.SigningMethodHS256, []byte(jwtSecret)
	good := signedToken(t, hs256, key, valid(nil))
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	for name, c := range map[string]struct{ token, who string }{
		"a user":                  {good, user},
		"the service":             {signedToken(t, hs256, key, jwt.MapClaims{"role": "service_role", "exp": soon}), "service_role"},
		"the public token":        {signedToken(t, hs256, key, jwt.MapClaims{"role": "anon", "exp": soon}), ""},
		"an anonymous user":       {signedToken(t, hs256, key, valid(jwt.MapClaims{"is_anonymous": true})), ""},
		"no role":                 {signedToken(t, hs256, key, valid(jwt.MapClaims{"role": ""})), ""},
		"expired":                 {signedToken(t, hs256, key, valid(jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()})), ""},
		"not yet valid":           {signedToken(t, hs256, key, valid(jwt.MapClaims{"nbf": soon})), ""},
		"never expires":           {signedToken(t, hs256, key, jwt.MapClaims{"sub": user, "role": "authenticated"}), ""},
		"no subject":              {signedToken(t, hs256, key, valid(jwt.MapClaims{"sub": ""})), ""},
		"a subject with a line":   {signedToken(t, hs256, key, valid(jwt.MapClaims{"sub": "a\nb"})), ""},
		"another secret":          {signedToken(t, hs256, []byte(jwtSecret+"x"), valid(nil)), ""},
		"another algorithm":       {signedToken(t, jwt.SigningMethodHS512, key, valid(nil)), ""},
		"not signed":              {signedToken(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, valid(nil)), ""},
		"its signature cut off":   {header + "." + payload + ".", ""},
		"another's signature":     {header + "." + payload + "." + signature[1:] + "A", ""},
		"the secret itself":       {jwtSecret, ""},
		"not a token at all":      {"a.b.c", ""},
		"a token of the old kind": {"secret-token", "crm"},
	} {
		var by string
		s, log := server(t, func(context.Context, string, []byte) ([]byte, error) { return []byte("{}"), nil }, Config{JWTSecret: jwtSecret})
		r := httptest.NewRequest(http.MethodGet, "/api/metakocka/contacts/mappings", nil)
		r.Header.Set("Authorization", "Bearer "+c.token)
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			_, after, _ := strings.Cut(log.String(), " by=")
			by, _, _ = strings.Cut(after, " ")
		} else {
			require.Equal(t, http.StatusUnauthorized, w.Code, name)
		}
		require.Equal(t, c.who, by, name)
		require.NotContains(t, log.String(), c.token)
	}
}

func TestAJWTSecretAloneOpensTheAPI(t *testing.T) {
	t.Parallel()
	for secret, status := range map[string]int{"": http.StatusServiceUnavailable, jwtSecret: http.StatusUnauthorized} {
		s, _ := server(t, nil, Config{Tokens: []Token{}, JWTSecret: secret})
		require.Equal(t, status, ask(s, http.MethodGet, "/api/metakocka/contacts/mappings", "").Code)
	}
}
