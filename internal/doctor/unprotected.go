package doctor

import (
	"net"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/coded"
)

// Unprotected says where passwords and contacts' data go over a network that can
// read or change them: nothing for a connection within this machine, or one that
// is encrypted to a server whose certificate is checked.
func Unprotected(databaseURL, natsURL string, natsEncrypted bool) []Finding {
	var found []Finding
	if f, is := unprotectedDatabase(databaseURL); is {
		found = append(found, f)
	}
	if f, is := unprotectedNATS(natsURL); is && !natsEncrypted {
		found = append(found, f)
	}
	return found
}

func unprotectedDatabase(address string) (Finding, bool) {
	pc, err := pgx.ParseConfig(address)
	if err != nil || isLocal(pc.Host) {
		return Finding{}, false
	}
	// pgx keeps sslmode as what it makes of it: the ways to connect, in order.
	plain := pc.TLSConfig == nil
	for _, f := range pc.Fallbacks {
		plain = plain || f.TLSConfig == nil
	}
	unchecked := !plain && pc.TLSConfig.InsecureSkipVerify && pc.TLSConfig.VerifyPeerCertificate == nil
	do := coded.Say("doctor.unprotected.database_do", "add sslmode=verify-full to MKSYNC_DATABASE_URL, and sslrootcert=<file> where the server's authority is not a public one")
	switch {
	case plain:
		return note(nameEncryption, coded.Say("doctor.unprotected.plain", "the connection to {host} may go unencrypted", pc.Host), do), true
	case unchecked:
		return note(nameEncryption, coded.Say("doctor.unprotected.unchecked", "the certificate of {host} is not checked: another server could answer in its place", pc.Host), do), true
	}
	return Finding{}, false
}

func unprotectedNATS(addresses string) (Finding, bool) {
	for address := range strings.SplitSeq(addresses, ",") {
		if address = strings.TrimSpace(address); address != "" && !strings.Contains(address, "://") {
			address = "nats://" + address
		}
		u, err := url.Parse(address)
		if err == nil && (u.Scheme == "nats" || u.Scheme == "ws") && u.Hostname() != "" && !isLocal(u.Hostname()) {
			return note(nameEncryption, coded.Say("doctor.unprotected.nats", "the connection to NATS at {host} is encrypted only where that server demands it", u.Host),
				coded.Say("doctor.unprotected.nats_do", "begin MKSYNC_NATS_URL with tls:// (wss:// for a web socket), or set MKSYNC_NATS_TLS_CA_FILE")), true
		}
	}
	return Finding{}, false
}

// isLocal: a socket, or an address of this machine.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
}
