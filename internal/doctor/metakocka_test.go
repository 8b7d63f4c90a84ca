package doctor_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/metakocka/sim"
)

func TestMetaKockaKey(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{EchoSecret: true}).only("MetaKocka")
	r.cfg.MetaKocka.SecretKey = "a-key-that-is-wrong-0815"
	res := r.run()
	res.is("MetaKocka address", doctor.OK, "answers in")
	res.is("MetaKocka key", doctor.Fail, "Wrong secret key or company.", "MKSYNC_METAKOCKA_COMPANY_ID")
	r.cfg.MetaKocka.SecretKey = ""
	res = r.run()
	res.is("MetaKocka address", doctor.OK)
	res.is("MetaKocka key", doctor.Skipped, "not set")
}

func TestMetaKockaAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("MetaKocka")
	handler := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	for name, c := range map[string]struct {
		url   string
		texts []string
	}{
		"wrong path":   {r.erp.URL + "/rest/eshop", []string{"HTTP status 404 and an HTML page", "path is wrong", "/rest/eshop/v1"}},
		"closed port":  {closed.URL, []string{"cannot be reached", "connection refused"}},
		"no such host": {"http://nothing.invalid/rest/eshop/v1", []string{"is not known", "name resolution"}},
		"certificate":  {tls.URL, []string{"certificate is not trusted", "ca-certificates"}},
		"no tls":       {strings.Replace(r.erp.URL, "http:", "https:", 1), []string{"does not speak TLS"}},
		"log-in page": {handler(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>log in</html>"))
		}), []string{"HTML page", "log-in page"}},
		"maintenance": {handler(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }), []string{"status 503", "try again later"}},
		"redirect": {handler(func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "https://main.example.si/v2"+req.URL.Path, http.StatusMovedPermanently)
		}) + "/api", []string{"redirects", "set MKSYNC_METAKOCKA_URL to https://main.example.si/v2/api"}},
		"rate limit": {handler(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }), []string{"429"}},
		"other json": {handler(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"hello":"world"}`)) }), []string{"not as MetaKocka does"}},
	} {
		r.cfg.MetaKocka.URL = c.url
		t.Log(name)
		res := r.run()
		res.is("MetaKocka address", doctor.Fail, c.texts...)
		res.is("MetaKocka key", doctor.Skipped)
	}
}
