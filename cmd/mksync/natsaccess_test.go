package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
)

// authority signs certificates of a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // of its own certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a.cert = &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority of a test"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.file = a.sign(a.cert, a.key)
	return a
}

// sign completes a certificate, and writes it.
func (a *authority) sign(c *x509.Certificate, key *ecdsa.PrivateKey) (file string) {
	a.t.Helper()
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	require.NoError(a.t, err)
	return written(a.t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// pair is a certificate that this authority signed for a name, and its key.
func (a *authority) pair(name string) (cert, key string) {
	a.t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	der, err := x509.MarshalPKCS8PrivateKey(own)
	require.NoError(a.t, err)
	c := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{name}
	}
	return a.sign(c, own), written(a.t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// server are the options of one with a certificate for a name; asks: it wants its clients', too.
func (a *authority) server(name string, asks bool) *natsserver.Options {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(a.pair(name))
	require.NoError(a.t, err)
	text, err := os.ReadFile(a.file)
	require.NoError(a.t, err)
	pool := x509.NewCertPool()
	require.True(a.t, pool.AppendCertsFromPEM(text))
	o := &natsserver.Options{TLS: true, TLSTimeout: 60, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, MinVersion: tls.VersionTLS12}}
	if asks {
		o.TLSConfig.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return o
}

// shown are the settings of a client that trusts an authority and shows a certificate of another.
func shown(trusted, of *authority, name string) []string {
	cert, key := of.pair(name)
	return []string{"MKSYNC_NATS_TLS_CA_FILE=" + trusted.file, "MKSYNC_NATS_TLS_CERT_FILE=" + cert, "MKSYNC_NATS_TLS_KEY_FILE=" + key}
}

func written(t *testing.T, text []byte) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

// keys are an nkey, its public part and its seed.
func keys(t *testing.T, create func() (nkeys.KeyPair, error)) (pair nkeys.KeyPair, public, seed string) {
	t.Helper()
	pair, err := create()
	require.NoError(t, err)
	public, err = pair.PublicKey()
	require.NoError(t, err)
	text, err := pair.Seed()
	require.NoError(t, err)
	return pair, public, string(text)
}

// credentials are a file of a user's, and the options of the server of its operator.
func credentials(t *testing.T) (file string, of *natsserver.Options) {
	t.Helper()
	operator, operatorKey, _ := keys(t, nkeys.CreateOperator)
	account, accountKey, _ := keys(t, nkeys.CreateAccount)
	_, userKey, seed := keys(t, nkeys.CreateUser)

	token, err := jwt.NewAccountClaims(accountKey).Encode(operator)
	require.NoError(t, err)
	resolver := &server.MemAccResolver{}
	require.NoError(t, resolver.Store(accountKey, token))

	token, err = jwt.NewUserClaims(userKey).Encode(account)
	require.NoError(t, err)
	text, err := jwt.FormatUserConfig(token, []byte(seed))
	require.NoError(t, err)
	return written(t, text), &natsserver.Options{TrustedKeys: []string{operatorKey}, AccountResolver: resolver}
}

// TestEveryWayToSignInToNATS: the service's and the commands' connection, and the doctor's,
// to servers that demand it; each is told what is refused, and no secret.
func TestEveryWayToSignInToNATS(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-hunter2"
	const asks = "the server asks who mksync is, and no way to sign in is set"
	_, public, seed := keys(t, nkeys.CreateUser)
	_, _, otherSeed := keys(t, nkeys.CreateUser)
	ours, operators := credentials(t)
	others, _ := credentials(t)
	ca, strangers := newAuthority(t), newAuthority(t)
	mapped := ca.server("127.0.0.1", true)
	mapped.TLSMap, mapped.Users = true, []*natsserver.User{{Username: "mksync.test"}}

	for name, way := range map[string]struct {
		server *natsserver.Options
		right  []string
		wrong  map[string][]string // what is told -> settings
	}{
		"user and password": {
			&natsserver.Options{Username: "crm-operator", Password: secret},
			[]string{"MKSYNC_NATS_USER=crm-operator", "MKSYNC_NATS_PASSWORD_FILE=" + written(t, []byte(secret+"\n"))},
			map[string][]string{
				"the server refuses MKSYNC_NATS_USER and MKSYNC_NATS_PASSWORD": {"MKSYNC_NATS_USER=crm-operator", "MKSYNC_NATS_PASSWORD=not-" + secret},
				asks: nil,
			},
		},
		"token": {
			&natsserver.Options{Authorization: secret},
			[]string{"MKSYNC_NATS_TOKEN_FILE=" + written(t, []byte(secret))},
			map[string][]string{"the server refuses MKSYNC_NATS_TOKEN": {"MKSYNC_NATS_TOKEN=not-" + secret}, asks: nil},
		},
		"nkey": {
			&natsserver.Options{Nkeys: []*server.NkeyUser{{Nkey: public}}},
			[]string{"MKSYNC_NATS_NKEY_SEED_FILE=" + written(t, []byte(seed))},
			map[string][]string{"the server refuses MKSYNC_NATS_NKEY_SEED": {"MKSYNC_NATS_NKEY_SEED=" + otherSeed}, asks: nil},
		},
		"credentials": {
			operators,
			[]string{"MKSYNC_NATS_CREDENTIALS_FILE=" + ours},
			map[string][]string{"the server refuses MKSYNC_NATS_CREDENTIALS_FILE": {"MKSYNC_NATS_CREDENTIALS_FILE=" + others}, asks: nil},
		},
		"an authority of its own": {
			ca.server("127.0.0.1", false),
			[]string{"MKSYNC_NATS_TLS_CA_FILE=" + ca.file},
			map[string][]string{
				"the server's certificate is of an authority that is not trusted: let MKSYNC_NATS_TLS_CA_FILE": {"MKSYNC_NATS_TLS_CA_FILE=" + strangers.file},
			},
		},
		"a client's certificate": {
			ca.server("127.0.0.1", true),
			shown(ca, ca, "mksync.test"),
			map[string][]string{
				"the server refuses mksync's certificate, or that it shows none: let MKSYNC_NATS_TLS_CERT_FILE": {"MKSYNC_NATS_TLS_CA_FILE=" + ca.file},
				"the server refuses mksync's certificate, or that it shows none: let":                           shown(ca, strangers, "mksync.test"),
			},
		},
		"a certificate that names the user": {mapped, shown(ca, ca, "mksync.test"), map[string][]string{asks: shown(ca, ca, "others.test")}},
		"no TLS":                            {&natsserver.Options{}, nil, map[string][]string{"the server offers no TLS, and the settings ask for it: let": {"MKSYNC_NATS_TLS_CA_FILE=" + ca.file}}},
		"another's name": {
			ca.server("nats.test", false), nil,
			map[string][]string{"the server's certificate has another name: x509: ": {"MKSYNC_NATS_TLS_CA_FILE=" + ca.file}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := "MKSYNC_NATS_URL=" + natsserver.Start(t, way.server).ClientURL()
			if way.right != nil {
				told, status := signIn(t, append(way.right, url))
				require.Empty(t, told)
				require.Equal(t, doctor.OK, status)
			}

			for says, set := range way.wrong {
				told, status := signIn(t, append(set, url))
				require.Contains(t, told, says)
				require.Equal(t, doctor.Fail, status)
				for _, setting := range set {
					if _, value, _ := strings.Cut(setting, "="); !filepath.IsAbs(value) {
						require.NotContains(t, told, value)
					}
				}
			}
		})
	}
}

// signIn connects to NATS as a command does and lets the doctor look: what is told of a
// refusal by both, and how the doctor takes it.
func signIn(t *testing.T, environ []string) (told string, status doctor.Status) {
	t.Helper()
	cfg, err := config.Load("", environ)
	require.NoError(t, err)
	nc, err := service.Dial(t.Context(), cfg)
	if err == nil {
		nc.Close()
	}

	want := service.DoctorConfig(cfg, nil)
	want.Database.Skip, want.MetaKocka.Skip = coded.Say("doctor.test", "this is about NATS"), coded.Say("doctor.test", "this is about NATS")
	doctor.Run(context.WithoutCancel(t.Context()), want, func(f doctor.Finding) {
		if f.Name != "NATS" {
			return
		}
		status = f.Status
		if f.Status == doctor.Fail {
			require.ErrorContains(t, err, f.Detail)
			told = f.Detail + ": " + f.Do
		}
	})
	if told == "" {
		require.NoError(t, err)
	}
	return told, status
}
