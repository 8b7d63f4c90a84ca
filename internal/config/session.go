package config

import (
	"crypto/hkdf"
	"crypto/sha256"
	"strings"
)

// SessionKey signs the sessions of the console. It is made of what people are let in by, so
// that whoever changes one of these ends all sessions, and of a secret that every
// installation has; so the processes of one installation have the same.
func (c Config) SessionKey() (key [32]byte) {
	secrets := []string{
		c.APIToken.Reveal(), c.APIJWTSecret.Reveal(), c.APIJWKSURL, c.APIJWTAudience, c.APIJWTIssuer, c.APIJWTRoles, c.APIJWTRoleClaim,
		c.MetaKockaSecretKey.Reveal(), c.MetaKockaCompanyID, c.DatabaseURL.Reveal(),
	}
	derived, err := hkdf.Key(sha256.New, []byte(strings.Join(secrets, "\x00")), nil, "mksync console session", len(key))
	if err != nil {
		panic(err) // of a length that there is not
	}
	copy(key[:], derived)
	return key
}
