package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/syncer/operations"
)

// usualCaller is the name of the one token that has none.
const usualCaller = "api"

// minToken is how long a token has to be: it is guessed at by whoever reaches the
// address.
const minToken = 16

// ParseTokens reads MKSYNC_API_TOKEN: one token, or name:token pairs separated
// by commas. Its errors never quote a token.
func ParseTokens(text Secret) ([]httpapi.Token, error) {
	if text == "" {
		return nil, nil
	}

	// A single token without a name is the usual caller's.
	items := strings.Split(text.Reveal(), ",")
	if len(items) == 1 && !strings.Contains(items[0], ":") {
		if len(items[0]) < minToken {
			return nil, errShortToken
		}
		return []httpapi.Token{{Name: usualCaller, Secret: items[0]}}, nil
	}

	var tokens []httpapi.Token
	names, secrets := map[string]bool{}, map[string]bool{}
	for i, item := range items {
		name, secret, paired := strings.Cut(item, ":")
		switch {
		case !paired || secret == "" || strings.Contains(secret, ":"):
			return nil, fmt.Errorf("entry %d is not a name:token pair; a token holds neither comma nor colon", i+1)
		case len(secret) < minToken:
			return nil, fmt.Errorf("entry %d: %w", i+1, errShortToken)
		case !operations.IsCaller(name):
			return nil, fmt.Errorf("the name of entry %d may have letters, digits, _ . @ and - only, at most 64", i+1)
		case names[name]:
			return nil, fmt.Errorf("the name %s comes twice", name)
		case secrets[secret]:
			return nil, errors.New("two names have the same token")
		}

		names[name], secrets[secret] = true, true
		tokens = append(tokens, httpapi.Token{Name: name, Secret: secret})
	}
	return tokens, nil
}

var errShortToken = fmt.Errorf("a token has %d characters at least; `openssl rand -hex 32` makes one", minToken)

// jwtRoles are the roles whose tokens are let in.
func (c Config) jwtRoles() []string {
	roles := strings.Split(c.APIJWTRoles, ",")
	for i := range roles {
		roles[i] = strings.TrimSpace(roles[i])
	}
	return roles
}

// JWT is which JSON Web Tokens are let in.
func (c Config) JWT() httpapi.JWT {
	return httpapi.JWT{
		Secret: c.APIJWTSecret.Reveal(), JWKSURL: c.APIJWKSURL, Audience: c.APIJWTAudience, Issuer: c.APIJWTIssuer,
		Roles: c.jwtRoles(), RoleClaim: c.APIJWTRoleClaim,
	}
}
