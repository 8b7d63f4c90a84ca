package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/crmmind/mksync/syncer/operations"
)

// MinJWTSecret is how long a secret must be at least: as long as the hash.
const MinJWTSecret = 32

// JWT says which JSON Web Tokens let their holders in: signed with Secret
// (HS256), or with a key of the set at JWKSURL (ES256, RS256).
type JWT struct {
	Secret  string
	JWKSURL string
	// Audience has to be among a token's; Issuer has to be its issuer. Empty: any.
	Audience, Issuer string
	// Roles are let in, and what each may here: one of them is the claim RoleClaim, or
	// in the list there. A dot leads into an object; empty: role.
	Roles     map[string]operations.Role
	RoleClaim string
}

// Roles of Supabase's tokens. That of the role anon is public, and signed like
// all others.
const (
	RolePublic  = "anon"
	RoleService = "service_role"
	claimRole   = "role"
)

// leeway is how far the issuer's clock may be off.
const leeway = 30 * time.Second

// claims are the parts of a token that are looked at.
type claims struct {
	jwt.RegisteredClaims
	Role      jwt.ClaimStrings `json:"role"` // one, or a list
	Anonymous bool             `json:"is_anonymous"`

	all map[string]any
}

// UnmarshalJSON keeps all claims besides.
func (c *claims) UnmarshalJSON(text []byte) error {
	type plain claims
	if err := json.Unmarshal(text, (*plain)(c)); err != nil {
		return err
	}
	return json.Unmarshal(text, &c.all)
}

// has reports a role of Supabase's own claim.
func (c *claims) has(role string) bool { return slices.Contains(c.Role, role) }

// at is the texts at a path: one, or those of a list.
func (c *claims) at(path string) []string {
	var value any = c.all
	for name := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	var texts []string
	for _, one := range list {
		if text, ok := one.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// signatures knows who a JSON Web Token is from.
type signatures struct {
	cfg    JWT
	keys   *keySet // nil: none
	taken  []string
	parser *jwt.Parser
}

// newSignatures returns nil where no token could be signed. Nobody is called one
// of the names taken.
func newSignatures(cfg JWT, taken []string, log *slog.Logger) *signatures {
	var methods []string
	s := &signatures{cfg: cfg, taken: taken}

	if s.cfg.RoleClaim == "" {
		s.cfg.RoleClaim = claimRole
	}

	if cfg.Secret != "" {
		methods = append(methods, jwt.SigningMethodHS256.Alg())
	}
	if cfg.JWKSURL != "" {
		s.keys = newKeySet(cfg.JWKSURL, log)
		methods = append(methods, jwt.SigningMethodES256.Alg(), jwt.SigningMethodRS256.Alg())
	}

	if methods == nil {
		return nil
	}

	options := []jwt.ParserOption{jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway)}
	if cfg.Issuer != "" {
		options = append(options, jwt.WithIssuer(cfg.Issuer))
	}
	s.parser = jwt.NewParser(options...)
	return s
}

// who is the user that a token was issued to, by its subject, or the service, by its
// role, and when the token ends. s may be nil. The error is for notIn.
func (s *signatures) who(ctx context.Context, token string) (who operations.Caller, until time.Time, err error) {
	if s == nil {
		return who, until, errNoToken
	}
	var c claims
	_, err = s.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) { return s.key(ctx, t) })
	var role operations.Role
	if err == nil {
		role, err = s.admit(&c)
	}
	switch {
	case err != nil:
		return who, until, err
	case c.has(RoleService) && c.Subject == "":
		return operations.Caller{Name: RoleService, Role: role}, c.ExpiresAt.Time, nil
	case !operations.IsCaller(c.Subject), slices.Contains(s.taken, c.Subject):
		return who, until, errNoName
	}
	return operations.Caller{Name: c.Subject, Role: role}, c.ExpiresAt.Time, nil
}

// key is what a token's signature is checked with. The secret is for HS256 and
// nothing else; a public key is for the one algorithm that it belongs to. So no
// token chooses how it is checked.
func (s *signatures) key(ctx context.Context, t *jwt.Token) (any, error) {
	alg := t.Method.Alg()
	if alg == jwt.SigningMethodHS256.Alg() {
		return []byte(s.cfg.Secret), nil
	}
	id, _ := t.Header["kid"].(string)
	key, err := s.keys.key(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case key.alg != alg:
		return nil, errNoSuchKey
	}
	return key.key, nil
}

// admit says whether the holder of a genuine token may ask, and what: of several roles
// the highest counts. The service's own key of Supabase names no audience.
func (s *signatures) admit(c *claims) (highest operations.Role, err error) {
	public := c.has(RolePublic) || c.Anonymous
	service := c.has(RoleService)
	forUs := s.cfg.Audience == "" || slices.Contains(c.Audience, s.cfg.Audience) || service && len(c.Audience) == 0

	roles := c.at(s.cfg.RoleClaim)
	if service {
		roles = append(roles, RoleService)
	}
	for _, role := range roles {
		if r, let := s.cfg.Roles[role]; let && (highest == "" || r.May(highest)) {
			highest = r
		}
	}

	switch {
	case public:
		return "", errPublic
	case !forUs:
		return "", errAudience
	case highest == "":
		return "", &roleError{s.cfg.RoleClaim}
	}
	return highest, nil
}
