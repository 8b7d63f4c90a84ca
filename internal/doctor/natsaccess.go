package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/crmmind/mksync/coded"
)

// NATSProblem says what is wrong where no connection to the NATS server was made, and what
// to do. signIn names the settings by which mksync signs in; empty: none is set.
func NATSProblem(err error, signIn string) Finding {
	if isAny(err, nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired, nats.ErrNkeysNotSupported) {
		return refusedSignIn(signIn)
	}
	if f, is := tlsProblem(err); is {
		return f
	}
	if isAny(err, nats.ErrNoServers, nats.ErrTimeout, context.DeadlineExceeded) {
		return fail(nameNATS, coded.Say("doctor.nats.nobody", "no server answers: {words}", err),
			coded.Say("doctor.nats.nobody_do", "start it, or correct MKSYNC_NATS_URL; without one mksync runs a server of its own"))
	}
	return fail(nameNATS, coded.Of(err), coded.Say("doctor.nats.do", "correct MKSYNC_NATS_URL, or start the server"))
}

func refusedSignIn(signIn string) Finding {
	if signIn == "" {
		return fail(nameNATS, coded.Say("doctor.nats.who", "the server asks who mksync is, and no way to sign in is set"),
			coded.Say("doctor.nats.who_do", "set MKSYNC_NATS_USER and MKSYNC_NATS_PASSWORD, or one of MKSYNC_NATS_TOKEN, MKSYNC_NATS_NKEY_SEED and MKSYNC_NATS_CREDENTIALS_FILE, as the server has it"))
	}
	return fail(nameNATS, coded.Say("doctor.nats.refuses", "the server refuses {settings}", signIn),
		coded.Say("doctor.nats.refuses_do", "correct that, or the server's users; its log says more"))
}

// tlsProblem: the certificate that one of the two shows is not taken by the other, or one
// wants TLS and the other has none.
func tlsProblem(err error) (Finding, bool) {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		remote    *net.OpError
	)

	switch {
	case errors.Is(err, nats.ErrSecureConnRequired):
		return fail(nameNATS, coded.Say("doctor.nats.wants_tls", "the server wants TLS"),
			coded.Say("doctor.nats.wants_tls_do", "begin MKSYNC_NATS_URL with tls://")), true
	case errors.Is(err, nats.ErrSecureConnWanted):
		return fail(nameNATS, coded.Say("doctor.nats.no_tls", "the server offers no TLS, and the settings ask for it"),
			coded.Say("doctor.nats.no_tls_do", "let it have certificates, or take MKSYNC_NATS_TLS_CA_FILE and MKSYNC_NATS_TLS_CERT_FILE away and begin MKSYNC_NATS_URL with nats://")), true
	case errors.As(err, &authority):
		return fail(nameNATS, coded.Say("doctor.nats.authority", "the server's certificate is of an authority that is not trusted"),
			coded.Say("doctor.nats.authority_do", "let MKSYNC_NATS_TLS_CA_FILE name the certificate of the authority that the server's is of")), true
	case errors.As(err, &host):
		return fail(nameNATS, coded.Say("doctor.nats.name", "the server's certificate has another name: {words}", host),
			coded.Say("doctor.nats.name_do", "let MKSYNC_NATS_URL name the server as its certificate does")), true
	case errors.As(err, &remote) && remote.Op == "remote error", strings.Contains(err.Error(), "closed by remote after TLS handshake"):
		return fail(nameNATS, coded.Say("doctor.nats.certificate", "the server refuses mksync's certificate, or that it shows none"),
			coded.Say("doctor.nats.certificate_do", "let MKSYNC_NATS_TLS_CERT_FILE and MKSYNC_NATS_TLS_KEY_FILE name a certificate of an authority that the server trusts, and its key")), true
	case errors.Is(err, nats.ErrTLS):
		return fail(nameNATS, coded.Of(err), coded.Say("doctor.nats.tls_do", "see to the server's certificate")), true
	}

	return Finding{}, false
}

func isAny(err error, kinds ...error) bool {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
