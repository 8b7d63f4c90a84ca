package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// signIn is a way to sign in to the NATS server.
type signIn struct {
	key   string // the setting that says so
	words string // the settings of it, as a message names them
	set   bool
}

// signIns are the ways that are set: one at most, of settings that Validate takes.
func (c Config) signIns() []signIn {
	return slices.DeleteFunc([]signIn{
		{"nats_url", "the user, password or token in MKSYNC_NATS_URL", strings.Contains(c.NATSURL.Reveal(), "@")},
		{"nats_user", "MKSYNC_NATS_USER and MKSYNC_NATS_PASSWORD", c.NATSUser != "" || c.NATSPassword != ""},
		{"nats_token", "MKSYNC_NATS_TOKEN", c.NATSToken != ""},
		{"nats_nkey_seed", "MKSYNC_NATS_NKEY_SEED", c.NATSNkeySeed != ""},
		{"nats_credentials_file", "MKSYNC_NATS_CREDENTIALS_FILE", c.NATSCredentialsFile != ""},
	}, func(s signIn) bool { return !s.set })
}

// NATSSignIn names the settings by which mksync signs in; empty where none is set.
func (c Config) NATSSignIn() string {
	for _, s := range c.signIns() {
		return s.words
	}
	return ""
}

// NATSEncrypted reports whether a server without TLS is refused, whatever its address begins with.
func (c Config) NATSEncrypted() bool { return c.NATSTLSCAFile != "" || c.NATSTLSCertFile != "" }

// NATSOptions are how every connection to the external NATS server signs in, and whom it
// trusts there. Files are read with each connection, so that what is renewed in place is
// taken without a restart.
func (c Config) NATSOptions() []nats.Option {
	var opts []nats.Option
	add := func(set bool, o nats.Option) {
		if set {
			opts = append(opts, o)
		}
	}

	add(c.NATSUser != "", nats.UserInfo(c.NATSUser, c.NATSPassword.Reveal()))
	add(c.NATSToken != "", nats.Token(c.NATSToken.Reveal()))
	add(c.NATSNkeySeed != "", signWith(c.NATSNkeySeed))
	add(c.NATSCredentialsFile != "", nats.UserCredentials(c.NATSCredentialsFile))

	add(c.NATSTLSCAFile != "", nats.RootCAs(c.NATSTLSCAFile))
	add(c.NATSTLSCertFile != "", nats.ClientCert(c.NATSTLSCertFile, c.NATSTLSKeyFile))
	return opts
}

// signWith proves with an nkey who we are.
func signWith(seed Secret) nats.Option {
	return func(o *nats.Options) error {
		pair, err := nkeys.ParseDecoratedUserNKey([]byte(seed.Reveal()))
		if err != nil {
			return err
		}
		o.Nkey, err = pair.PublicKey()
		o.SignatureCB = pair.Sign
		return err
	}
}

// natsAccess checks how mksync signs in to the NATS server, and the files of it.
func (v *validator) natsAccess(c Config) {
	ways := c.signIns()
	if len(ways) > 1 {
		v.check(false, ways[1].key, "a second way to sign in beside %s; keep one of the two", ways[0].words)
	}
	for _, way := range ways {
		v.check(c.NATSURL != "", way.key, "%s", onlyExternal)
	}
	v.together("nats_user", c.NATSUser != "", "nats_password", c.NATSPassword != "")
	v.together("nats_tls_cert_file", c.NATSTLSCertFile != "", "nats_tls_key_file", c.NATSTLSKeyFile != "")
	if c.NATSNkeySeed != "" {
		_, err := nkeys.ParseDecoratedUserNKey([]byte(c.NATSNkeySeed.Reveal()))
		v.check(err == nil, "nats_nkey_seed", "not the seed of a user, which begins with SU (`nk -gen user` makes one)")
	}

	for _, f := range c.natsFiles() {
		if f.path == "" {
			continue
		}
		v.check(c.NATSURL != "", f.key, "%s", onlyExternal)
		text, err := os.ReadFile(f.path)
		if err == nil {
			err = f.wrong(text)
		}
		if err != nil {
			v.check(false, f.key, "%s", err)
		}
	}
}

const onlyExternal = "the embedded server asks for none; set MKSYNC_NATS_URL to the server that it is for, or take it away"

// together checks that of two settings both are set, or none.
func (v *validator) together(a string, setA bool, b string, setB bool) {
	v.check(setA || !setB, a, "missing beside %s; set both, or none", Variable(b))
	v.check(setB || !setA, b, "missing beside %s; set both, or none", Variable(a))
}

// natsFile is a setting that names a file, and what is wrong with a text that is in it.
type natsFile struct {
	key, path string
	wrong     func(text []byte) error
}

func (c Config) natsFiles() []natsFile {
	pair := func([]byte) error {
		if c.NATSTLSCertFile == "" || c.NATSTLSKeyFile == "" {
			return nil // told already
		}
		_, err := tls.LoadX509KeyPair(c.NATSTLSCertFile, c.NATSTLSKeyFile)
		return err
	}
	return []natsFile{
		{"nats_credentials_file", c.NATSCredentialsFile, wrongCredentials},
		{"nats_tls_ca_file", c.NATSTLSCAFile, wrongAuthority},
		{"nats_tls_cert_file", c.NATSTLSCertFile, func([]byte) error { return nil }},
		{"nats_tls_key_file", c.NATSTLSKeyFile, pair},
	}
}

func wrongCredentials(text []byte) error {
	token, _ := nkeys.ParseDecoratedJWT(text)
	if _, err := nkeys.ParseDecoratedUserNKey(text); err != nil || strings.Count(token, ".") != 2 {
		return errors.New("the file holds no credentials of a user, a JWT and a seed (`nsc generate creds` makes them)")
	}
	return nil
}

func wrongAuthority(text []byte) error {
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		return errors.New("the file holds no certificate in PEM")
	}
	return nil
}
