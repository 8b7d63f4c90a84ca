package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/metakocka"
)

// Names of the findings about MetaKocka.
const (
	nameMetaKocka = "MetaKocka"
	nameAddress   = "MetaKocka address"
	nameAPIKey    = "MetaKocka key"
)

const metakockaTimeout = 45 * time.Second

// probeEmail is no partner's: the answer to a search for it says only whether
// key and company are right.
const probeEmail = "doctor@mksync.invalid"

// noKey stands for a key that is not configured; the address can be tried all
// the same.
const noKey = "no-key-configured"

func checkMetaKocka(ctx context.Context, cfg MetaKocka) side {
	if !cfg.Skip.IsZero() {
		return side{findings: skipped(nameMetaKocka, cfg.Skip)}
	}
	ctx, cancel := context.WithTimeout(ctx, metakockaTimeout)
	defer cancel()
	p, err := runProbe(ctx, cfg)
	address := p.address(err)
	switch {
	case address.Status == Fail:
		return side{findings: append([]Finding{address}, skipped(nameAPIKey, coded.Say("doctor.no_answer", "MetaKocka did not answer"))...)}
	case cfg.CompanyID == "" || cfg.SecretKey == "":
		return side{findings: append([]Finding{address}, skipped(nameAPIKey, coded.Say("doctor.no_key", "company id or key is not set"))...)}
	}
	return side{findings: []Finding{address, keyFinding(err)}}
}

// probe is one harmless call and what came back on its way.
type probe struct {
	url  string
	took time.Duration
	seen *recorder
}

func runProbe(ctx context.Context, cfg MetaKocka) (probe, error) {
	p := probe{url: cfg.URL, seen: &recorder{next: http.DefaultTransport.(*http.Transport).Clone()}}
	if cfg.CompanyID == "" || cfg.SecretKey == "" {
		cfg.CompanyID = noKey
		cfg.SecretKey = noKey
	}
	client, err := metakocka.New(metakocka.Config{
		URL: cfg.URL, CompanyID: cfg.CompanyID, SecretKey: cfg.SecretKey, Timeout: metakockaTimeout,
		HTTPClient: &http.Client{Transport: p.seen},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return p, err
	}
	defer client.Close()
	start := time.Now()
	_, err = client.Find(ctx, metakocka.Query{Email: probeEmail})
	p.took = time.Since(start)
	return p, err
}

// recorder remembers the last answer's head.
type recorder struct {
	next http.RoundTripper

	mu     sync.Mutex
	status int
	header http.Header
}

// RoundTrip passes the request on.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	if err == nil {
		r.mu.Lock()
		r.status = resp.StatusCode
		r.header = resp.Header
		r.mu.Unlock()
	}
	return resp, err
}

// CloseIdleConnections lets the client close what it used.
func (r *recorder) CloseIdleConnections() {
	if c, ok := r.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (r *recorder) answer() (status int, header http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status, r.header
}

// address says what answers at the address. Any JSON answer of MetaKocka, also
// a refusal, means that the address is right.
func (p probe) address(err error) Finding {
	status, header := p.seen.answer()

	switch {
	case err == nil || metakocka.IsRefusal(err):
		return p.reached()
	case status == 0:
		return unreached(p.url, err)
	case status >= 300 && status <= 399:
		return fail(nameAddress, coded.Say("doctor.address.redirects", "{url} redirects (HTTP status {status})", p.url, status), setTo(header))
	case status == http.StatusTooManyRequests:
		return fail(nameAddress, coded.Say("doctor.address.rate", "too many calls (HTTP status 429)"),
			coded.Say("doctor.address.rate_do", "try again later, or lower MKSYNC_METAKOCKA_CONCURRENCY"))
	case status >= 500:
		return fail(nameAddress, coded.Say("doctor.address.down", "{url} answers with HTTP status {status}: MetaKocka is being updated or out of order", p.url, status),
			coded.Say("doctor.do.later", "try again later"))
	case status >= 400 && isHTML(header):
		return fail(nameAddress, coded.Say("doctor.address.path_page", "{url} answers with HTTP status {status} and an HTML page: the path is wrong", p.url, status),
			coded.Say("doctor.address.path_do", "correct MKSYNC_METAKOCKA_URL; it ends with /rest/eshop/v1"))
	case status >= 400:
		return fail(nameAddress, coded.Say("doctor.address.path", "{url} answers with HTTP status {status}: the path is wrong", p.url, status),
			coded.Say("doctor.address.path_do", "correct MKSYNC_METAKOCKA_URL; it ends with /rest/eshop/v1"))
	case isHTML(header):
		return fail(nameAddress, coded.Say("doctor.address.page", "{url} answers with an HTML page: a proxy, a log-in page, or MetaKocka is being updated", p.url),
			coded.Say("doctor.address.page_do", "correct MKSYNC_METAKOCKA_URL, which ends with /rest/eshop/v1, or try again later"))
	default:
		return fail(nameAddress, coded.Say("doctor.address.another", "{url} answers, but not as MetaKocka does: {words}", p.url, err), coded.Say("doctor.address.do", "correct MKSYNC_METAKOCKA_URL"))
	}
}

// reached also looks at how the answer came.
func (p probe) reached() Finding {
	took := p.took.Round(10 * time.Millisecond)
	if u, err := url.Parse(p.url); err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		return note(nameAddress, coded.Say("doctor.address.open", "{url} answers in {time}; over http the key travels unencrypted", p.url, took),
			coded.Say("doctor.address.open_do", "use https outside of your own network"))
	}
	return ok(nameAddress, coded.Say("doctor.address.answers", "{url} answers in {time}", p.url, took))
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// unreached tells apart why nothing answered.
func unreached(address string, err error) Finding {
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		record    tls.RecordHeaderError
	)

	switch {
	case errors.As(err, &dns):
		return fail(nameAddress, coded.Say("doctor.address.host", "the host of {url} is not known", address),
			coded.Say("doctor.address.host_do", "correct MKSYNC_METAKOCKA_URL, or see to this machine's name resolution"))
	case errors.As(err, &authority), errors.As(err, &hostname):
		return fail(nameAddress, coded.Say("doctor.address.certificate", "the certificate is not trusted: {words}", cause(err)),
			coded.Say("doctor.address.certificate_do", "correct MKSYNC_METAKOCKA_URL, or install the missing root certificates (package ca-certificates)"))
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return fail(nameAddress, coded.Say("doctor.address.no_tls", "{url} does not speak TLS", address),
			coded.Say("doctor.address.no_tls_do", "correct the scheme or the port in MKSYNC_METAKOCKA_URL"))
	case errors.Is(err, context.DeadlineExceeded):
		return fail(nameAddress, coded.Say("doctor.address.silent", "{url} does not answer within {time}", address, metakockaTimeout),
			coded.Say("doctor.address.silent_do", "see that this machine may connect there (firewall, proxy), or try again later"))
	default:
		return fail(nameAddress, coded.Say("doctor.address.unreached", "{url} cannot be reached: {words}", address, cause(err)),
			coded.Say("doctor.address.unreached_do", "correct MKSYNC_METAKOCKA_URL, or see that this machine may connect there (firewall, proxy)"))
	}
}

// cause is the innermost error's text: the layers around it repeat the address.
func cause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

func keyFinding(err error) Finding {
	var refusal *metakocka.RefusalError
	if errors.As(err, &refusal) {
		return fail(nameAPIKey, coded.Say("doctor.key_refused", "MetaKocka refuses the call: {words} (code {code})", refusal.Text, refusal.Code),
			coded.Say("doctor.key_refused_do", "check MKSYNC_METAKOCKA_COMPANY_ID and MKSYNC_METAKOCKA_SECRET_KEY, and that the company's licence covers the API"))
	}
	return ok(nameAPIKey, coded.Say("doctor.key_accepted", "accepted"))
}

func isHTML(header http.Header) bool {
	return strings.HasPrefix(header.Get("Content-Type"), "text/html")
}

// setTo says where a redirect leads, as a base address.
func setTo(header http.Header) coded.Text {
	u, err := url.Parse(header.Get("Location"))
	if err != nil || u.Host == "" {
		return coded.Say("doctor.address.redirects_do", "set MKSYNC_METAKOCKA_URL to the address it leads to")
	}
	base := url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(u.Path, "/"+metakocka.EndpointGet)}
	return coded.Say("doctor.address.set", "set MKSYNC_METAKOCKA_URL to {url}", base.String())
}
