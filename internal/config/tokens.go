package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/syncer/operations"
)

// usualCaller is the name of the one token that has none.
const usualCaller = "api"

// minToken is how long a token has to be: it is guessed at by whoever reaches the
// address.
const minToken = 16

// ParseTokens reads MKSYNC_API_TOKEN: one token, or name:token and name:token:role
// separated by commas. Who has no role is an admin. Its errors never quote a token.
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
		return []httpapi.Token{{Name: usualCaller, Secret: items[0], Role: operations.Admin}}, nil
	}

	var tokens []httpapi.Token
	names, secrets := map[string]bool{}, map[string]bool{}
	for i, item := range items {
		name, rest, paired := strings.Cut(item, ":")
		secret, named, given := strings.Cut(rest, ":")
		role, err := parseRole(named, given)
		switch {
		case !paired || secret == "" || strings.Contains(named, ":"):
			return nil, fmt.Errorf("entry %d is not name:token or name:token:role; a token holds neither comma nor colon", i+1)
		case err != nil:
			return nil, fmt.Errorf("the role of entry %d is %w", i+1, err)
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
		tokens = append(tokens, httpapi.Token{Name: name, Secret: secret, Role: role})
	}
	return tokens, nil
}

var errShortToken = fmt.Errorf("a token has %d characters at least; `openssl rand -hex 32` makes one", minToken)

// parseRole is the role that is given to somebody; none is given to an admin.
func parseRole(name string, given bool) (operations.Role, error) {
	role := operations.Role(strings.TrimSpace(name))
	switch {
	case !given:
		return operations.Admin, nil
	case slices.Contains(operations.Roles(), role):
		return role, nil
	}
	var names []string
	for _, r := range operations.Roles() {
		names = append(names, string(r))
	}
	return "", fmt.Errorf("none of %s", strings.Join(names, ", "))
}

// jwtRoles are the roles of JSON Web Tokens that are let in, and what each may: those of
// claim=role pairs, and of a claim alone everything.
func (c Config) jwtRoles() (map[string]operations.Role, error) {
	roles := map[string]operations.Role{}
	for item := range strings.SplitSeq(c.APIJWTRoles, ",") {
		claim, named, given := strings.Cut(item, "=")
		claim = strings.TrimSpace(claim)
		role, err := parseRole(named, given)
		switch {
		case claim == "":
			return nil, errors.New("names an empty role; separate roles by commas")
		case claim == httpapi.RolePublic:
			return nil, errors.New("anon is the role of a token that everybody has")
		case roles[claim] != "":
			return nil, fmt.Errorf("%s comes twice", claim)
		case err != nil:
			return nil, fmt.Errorf("the role of %s is %w", claim, err)
		}
		roles[claim] = role
	}
	return roles, nil
}

// JWT is which JSON Web Tokens are let in, by settings that Validate takes.
func (c Config) JWT() httpapi.JWT {
	roles, _ := c.jwtRoles()
	return httpapi.JWT{
		Secret: c.APIJWTSecret.Reveal(), JWKSURL: c.APIJWKSURL, Audience: c.APIJWTAudience, Issuer: c.APIJWTIssuer,
		Roles: roles, RoleClaim: c.APIJWTRoleClaim,
	}
}

// Origins are whose pages may ask where a contact stands, each as a browser names it: scheme
// and host, and the port where it is no usual one.
func (c Config) Origins() ([]string, error) {
	var all []string
	for item := range strings.SplitSeq(c.APIOrigins, ",") {
		origin := strings.TrimSpace(item)
		if origin == "" && c.APIOrigins == "" {
			break
		}
		u, err := url.Parse(origin)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.Scheme+"://"+u.Host != origin || strings.ToLower(origin) != origin {
			return nil, fmt.Errorf("%q is not an origin such as https://crm.example.si: scheme and host in small letters, without a path", origin)
		}
		all = append(all, origin)
	}
	return all, nil
}
