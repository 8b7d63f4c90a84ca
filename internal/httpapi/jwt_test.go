package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/syncer/operations"
)

const (
	jwtSecret = "a secret that is thirty-two bytes or more"
	user      = "6e0f2c8e-9a55-4a55-8f2c-0b8c8a0b7f10"
)

// supabase is what is configured for a project whose users may ask.
func supabase() JWT {
	return JWT{Secret: jwtSecret, Audience: "authenticated", Roles: all("authenticated", RoleService)}
}

func signedToken(t *testing.T, method jwt.SigningMethod, key any, c jwt.MapClaims) string {
	t.Helper()
	return signedWith(t, method, key, "", c)
}

func signedWith(t *testing.T, method jwt.SigningMethod, key any, id string, c jwt.MapClaims) string {
	t.Helper()
	j := jwt.NewWithClaims(method, c)
	if id != "" {
		j.Header["kid"] = id
	}
	token, err := j.SignedString(key)
	require.NoError(t, err)
	return token
}

// userClaims are those of a signed-in user, changed.
func userClaims(more jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{
		"iss": "https://abcd.supabase.co/auth/v1", "sub": user, "role": "authenticated", "aud": "authenticated",
		"exp": time.Now().Add(time.Hour).Unix(), "email": "ana@novak.si", "is_anonymous": false,
		"app_metadata": map[string]any{"role": "crm-admin", "roles": []string{"reader", "importer"}},
	}
	maps.Copy(c, more)
	return c
}

// answering is a server that answers everybody it lets in.
func answering(t *testing.T, cfg Config) (s *Server, log interface{ String() string }) {
	t.Helper()
	return server(t, func(context.Context, string, []byte) ([]byte, error) { return []byte("{}"), nil }, cfg)
}

// all are roles that may everything.
func all(claims ...string) map[string]operations.Role {
	roles := map[string]operations.Role{}
	for _, claim := range claims {
		roles[claim] = operations.Admin
	}
	return roles
}

// letIn asks with a token: who was let in, or the status and the reason.
func letIn(t *testing.T, cfg JWT, token string) (who string, status int, reason string) {
	t.Helper()
	s, log := answering(t, Config{JWT: cfg})
	w := askAs(s, token)
	require.NotContains(t, log.String(), token)
	require.NotContains(t, w.Body.String(), token)
	if w.Code == http.StatusOK {
		_, after, _ := strings.Cut(log.String(), " by=")
		who, _, _ = strings.Cut(after, " ")
		return who, w.Code, ""
	}
	var a struct{ Error struct{ Message string } }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a))
	return "", w.Code, a.Error.Message
}

func TestJWTsOfUsersAreLetIn(t *testing.T) {
	t.Parallel()
	hs256, key := jwt.SigningMethodHS256, []byte(jwtSecret)
	soon, past := time.Now().Add(time.Hour).Unix(), func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	good := signedToken(t, hs256, key, userClaims(nil))
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	for name, c := range map[string]struct {
		token, who string
		status     int
	}{
		"a user":                   {good, user, 200},
		"the service":              {signedToken(t, hs256, key, jwt.MapClaims{"iss": "supabase", "role": "service_role", "exp": soon}), "service_role", 200},
		"several audiences":        {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"aud": []string{"x", "authenticated"}})), user, 200},
		"expired a moment ago":     {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"exp": past(10 * time.Second)})), user, 200},
		"the public token":         {signedToken(t, hs256, key, jwt.MapClaims{"iss": "supabase", "role": "anon", "exp": soon}), "", 401},
		"the public one, aud":      {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"role": "anon"})), "", 401},
		"an anonymous user":        {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"is_anonymous": true})), "", 401},
		"another audience":         {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"aud": "other"})), "", 401},
		"a user without audience":  {signedToken(t, hs256, key, jwt.MapClaims{"sub": user, "role": "authenticated", "exp": soon}), "", 401},
		"the service for others":   {signedToken(t, hs256, key, jwt.MapClaims{"role": "service_role", "aud": "other", "exp": soon}), "", 401},
		"no role":                  {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"role": ""})), "", 403},
		"another role":             {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"role": "postgres"})), "", 403},
		"a list of roles":          {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"role": []string{"reader", "authenticated"}})), user, 200},
		"the public one in a list": {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"role": []string{"authenticated", "anon"}})), "", 401},
		"a role that is no text":   {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"role": 5})), "", 401},
		"expired":                  {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"exp": past(time.Minute)})), "", 401},
		"not yet valid":            {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"nbf": soon})), "", 401},
		"never expires":            {signedToken(t, hs256, key, jwt.MapClaims{"sub": user, "role": "authenticated", "aud": "authenticated"}), "", 401},
		"no subject":               {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"sub": ""})), "", 401},
		"a subject with a line":    {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"sub": "a\nb"})), "", 401},
		"a configured one's name":  {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"sub": "crm"})), "", 401},
		"another secret":           {signedToken(t, hs256, []byte(jwtSecret+"x"), userClaims(nil)), "", 401},
		"another algorithm":        {signedToken(t, jwt.SigningMethodHS512, key, userClaims(nil)), "", 401},
		"a public-key algorithm":   {"eyJhbGciOiJFUzI1NiJ9." + payload + "." + signature, "", 401},
		"not signed":               {signedToken(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, userClaims(nil)), "", 401},
		"its signature cut off":    {header + "." + payload + ".", "", 401},
		"another's signature":      {header + "." + payload + "." + signature[1:] + "A", "", 401},
		"the secret itself":        {jwtSecret, "", 401},
		"not a token at all":       {"a.b.c", "", 401},
		"a token of the old kind":  {"secret-token", "crm", 200},
		"claims that are a list":   {signedRaw(t, `[]`), "", 401},
		"claims that are no JSON":  {signedRaw(t, `{"sub"`), "", 401},
		"an anonymous text":        {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"is_anonymous": "no"})), "", 401},
		"a date that is too large": {signedToken(t, hs256, key, userClaims(jwt.MapClaims{"exp": 1e300})), "", 401},
	} {
		who, status, reason := letIn(t, supabase(), c.token)
		if name == "a date that is too large" && status == 200 {
			continue // far in the future is valid
		}
		require.Equal(t, c.status, status, "%s: %s", name, reason)
		require.Equal(t, c.who, who, name)
	}
}

// signedRaw signs whatever it is given as claims.
func signedRaw(t *testing.T, claims string) string {
	t.Helper()
	enc := jwt.New(jwt.SigningMethodHS256)
	head, err := enc.SigningString()
	require.NoError(t, err)
	head, _, _ = strings.Cut(head, ".")
	body := head + "." + enc.EncodeSegment([]byte(claims))
	sig, err := jwt.SigningMethodHS256.Sign(body, []byte(jwtSecret))
	require.NoError(t, err)
	return body + "." + enc.EncodeSegment(sig)
}

func TestRolesDecideWhoMayAsk(t *testing.T) {
	t.Parallel()
	token := signedToken(t, jwt.SigningMethodHS256, []byte(jwtSecret), userClaims(nil))
	service := signedToken(t, jwt.SigningMethodHS256, []byte(jwtSecret), jwt.MapClaims{"role": "service_role", "exp": time.Now().Add(time.Hour).Unix()})
	for _, c := range []struct {
		claim  string
		roles  []string
		user   int
		server int
	}{
		{"", []string{"service_role"}, 403, 200}, // the default
		{"", []string{"authenticated"}, 200, 403},
		{"", nil, 403, 403},
		{"app_metadata.role", []string{"crm-admin"}, 200, 403},
		{"app_metadata.roles", []string{"importer", "service_role"}, 200, 200},
		{"app_metadata.roles", []string{"authenticated"}, 403, 403},
		{"app_metadata.role.x", []string{"crm-admin"}, 403, 403},
		{"app_metadata", []string{""}, 403, 403},
		{"nothing.at.all", []string{""}, 403, 403},
	} {
		cfg := supabase()
		cfg.Roles, cfg.RoleClaim = all(c.roles...), c.claim
		_, status, reason := letIn(t, cfg, token)
		require.Equal(t, c.user, status, "%+v", c)
		if status == 403 {
			require.Contains(t, reason, "MKSYNC_API_JWT_ROLES")
		}
		_, status, _ = letIn(t, cfg, service)
		require.Equal(t, c.server, status, "%+v", c)
	}
}

// TestTheHighestOfSeveralRolesCounts: of a list, and of Supabase's own.
func TestTheHighestOfSeveralRolesCounts(t *testing.T) {
	t.Parallel()
	cfg := supabase()
	cfg.Roles = map[string]operations.Role{"reader": operations.Viewer, "clerk": operations.Operator, "keeper": operations.Decider}
	for want, roles := range map[operations.Role][]string{
		operations.Viewer: {"reader"}, operations.Decider: {"reader", "keeper", "nobody"}, operations.Operator: {"keeper", "clerk", "reader"},
	} {
		var asked operations.Caller
		s, _ := server(t, func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
			asked, _ = operations.CallerOf(ctx)
			return []byte("{}"), nil
		}, Config{JWT: cfg})
		token := signedToken(t, jwt.SigningMethodHS256, []byte(jwtSecret), userClaims(jwt.MapClaims{"role": roles}))
		require.Equal(t, http.StatusOK, askAs(s, token).Code)
		require.Equal(t, operations.Caller{Name: user, Role: want}, asked)
	}
}

func TestTheIssuerIsChecked(t *testing.T) {
	t.Parallel()
	cfg := supabase()
	cfg.Issuer = "https://abcd.supabase.co/auth/v1"
	key := []byte(jwtSecret)
	_, status, _ := letIn(t, cfg, signedToken(t, jwt.SigningMethodHS256, key, userClaims(nil)))
	require.Equal(t, 200, status)
	_, status, reason := letIn(t, cfg, signedToken(t, jwt.SigningMethodHS256, key, userClaims(jwt.MapClaims{"iss": "https://efgh.supabase.co/auth/v1"})))
	require.Equal(t, 401, status)
	require.Contains(t, reason, "MKSYNC_API_JWT_ISSUER")
}

func TestAJWTSecretAloneOpensTheAPI(t *testing.T) {
	t.Parallel()
	for secret, status := range map[string]int{"": http.StatusServiceUnavailable, jwtSecret: http.StatusUnauthorized} {
		s, _ := server(t, nil, Config{Tokens: []Token{}, JWT: JWT{Secret: secret}})
		require.Equal(t, status, ask(s, http.MethodGet, "/api/metakocka/contacts/mappings", "").Code)
	}
}

// TestNoTokenChoosesHowItIsChecked: a public key is known to everybody, so it
// must never be taken for a secret.
func TestNoTokenChoosesHowItIsChecked(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	set := newIssuer(t)
	set.add("rsa", "RS256", &key.PublicKey)
	text := []byte(set.text())
	for _, secret := range []string{"", jwtSecret} {
		cfg := supabase()
		cfg.Secret, cfg.JWKSURL = secret, set.url()
		s, _ := answering(t, Config{JWT: cfg})
		require.Equal(t, 200, askAs(s, signedWith(t, jwt.SigningMethodRS256, key, "rsa", userClaims(nil))).Code)
		for _, known := range [][]byte{public, der, text, key.N.Bytes(), {}} {
			require.Equal(t, 401, askAs(s, signedWith(t, jwt.SigningMethodHS256, known, "rsa", userClaims(nil))).Code)
		}
		for _, method := range []jwt.SigningMethod{jwt.SigningMethodPS256, jwt.SigningMethodRS512} {
			require.Equal(t, 401, askAs(s, signedWith(t, method, key, "rsa", userClaims(nil))).Code)
		}
		require.Equal(t, 401, askAs(s, signedWith(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "rsa", userClaims(nil))).Code)
	}
}
