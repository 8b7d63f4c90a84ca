package httpapi

import (
	"regexp"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// MinJWTSecret is how long a secret must be at least: as long as the hash.
const MinJWTSecret = 32

// The roles of Supabase's tokens that are let in. The role `anon` is not: its
// token is public, and signed with the same secret.
const (
	roleUser    = "authenticated"
	roleService = "service_role"
)

// subject is what a user may be called: it goes into created_by.
var subject = regexp.MustCompile(`^[A-Za-z0-9_.@-]{1,64}$`)

// claims are the parts of a token of Supabase that are looked at.
type claims struct {
	jwt.RegisteredClaims
	Role      string `json:"role"`
	Anonymous bool   `json:"is_anonymous"`
}

// signatures knows who a JSON Web Token is from.
type signatures struct {
	secret []byte
	parser *jwt.Parser
}

func newSignatures(secret string) *signatures {
	if secret == "" {
		return nil
	}
	return &signatures{[]byte(secret), jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithExpirationRequired())}
}

// who names the user that a token was issued to: its subject, or the service's
// role. s may be nil.
func (s *signatures) who(token string) (name string, known bool) {
	if s == nil {
		return "", false
	}
	var c claims
	_, err := s.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return s.secret, nil })
	switch {
	case err != nil || c.Anonymous || !slices.Contains([]string{roleUser, roleService}, c.Role):
		return "", false
	case c.Role == roleService && c.Subject == "":
		return roleService, true
	}
	return c.Subject, subject.MatchString(c.Subject)
}
